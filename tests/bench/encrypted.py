"""A cheap TLS client: it shares the processors with the server that it measures.

The handshake and its checks are those of ssl.SSLSocket, but one system call reads or writes a flight.
OpenSSL on a socket makes two for each of the ten records of an answer.
"""

from __future__ import annotations

import socket
import ssl

# More than the server sends at once.
SIZE = 1 << 16


class Encrypted:
    """A connected, non-blocking socket with the interface of ssl.SSLSocket."""

    def __init__(self, plain: socket.socket, context: ssl.SSLContext, name: str) -> None:
        self._socket = plain
        self._came, self._goes = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._came, self._goes, server_hostname=name)

    def fileno(self) -> int:
        return self._socket.fileno()

    def close(self) -> None:
        self._socket.close()

    def send(self, data: bytes) -> int:
        """Send all data after the handshake; raise SSLWantReadError or BlockingIOError until then."""
        while True:
            try:
                sent = self._tls.write(data)
                self._flush()
                return sent
            except ssl.SSLWantReadError:
                if self._goes.pending:
                    self._flush()
                    raise
                self._fetch()

    def recv(self, size: int) -> bytes:
        """Return data, which is empty at the end; raise BlockingIOError if nothing has come."""
        while True:
            try:
                return self._tls.read(size)
            except ssl.SSLWantReadError:
                self._fetch()
            except ssl.SSLEOFError:  # the recipe's app does not announce the end
                return b""

    def _fetch(self) -> None:
        if came := self._socket.recv(SIZE):
            self._came.write(came)
        else:
            self._came.write_eof()

    def _flush(self) -> None:
        goes = self._goes.read()
        if rest := goes[
            self._socket.send(goes) :
        ]:  # more than the buffers take, which no bench measures
            self._socket.setblocking(True)
            self._socket.sendall(rest)
            self._socket.setblocking(False)
