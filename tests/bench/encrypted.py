"""TLS for a client that measures: it shares the processors with what it measures, so it has to be cheap.

The same handshake as by ssl.SSLSocket, with the same checks, but a flight is read and written by one
system call; OpenSSL on a socket makes two of each of the ten records of an answer.
"""

from __future__ import annotations

import socket
import ssl

# More than the server says at once.
SIZE = 1 << 16


class Encrypted:
    """A connected socket that does not block, used like an ssl.SSLSocket."""

    def __init__(self, plain: socket.socket, context: ssl.SSLContext, name: str) -> None:
        self._socket = plain
        self._came, self._goes = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._came, self._goes, server_hostname=name)

    def fileno(self) -> int:
        return self._socket.fileno()

    def close(self) -> None:
        self._socket.close()

    def send(self, data: bytes) -> int:
        """All of ``data``, after the handshake. Raises SSLWantReadError or BlockingIOError until then."""
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
        """Empty at the end of the answer. Raises BlockingIOError where nothing came."""
        while True:
            try:
                return self._tls.read(size)
            except ssl.SSLWantReadError:
                self._fetch()
            except ssl.SSLEOFError:  # the recipe's app says no end
                return b""

    def _fetch(self) -> None:
        if came := self._socket.recv(SIZE):
            self._came.write(came)
        else:
            self._came.write_eof()

    def _flush(self) -> None:
        goes = self._goes.read()
        if rest := goes[self._socket.send(goes) :]:  # more than buffers take: nobody measures that
            self._socket.setblocking(True)
            self._socket.sendall(rest)
            self._socket.setblocking(False)
