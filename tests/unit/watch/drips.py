"""Servers that begin well, and then send single bytes for ever."""

from __future__ import annotations

import itertools
import socket
import ssl
import threading
from collections.abc import Sequence
from typing import Self

# Seconds between two bytes.
PAUSE = 0.01
# The head of a long record of TLS, whose rest never comes.
HELLO = b"\x16\x03\x03\x40\x00"


class Drip:
    """A server that gives each client these ``replies``, one for each line, and then single bytes.

    The first reply is sent at once, as a mail server does. With a ``context`` the server speaks TLS, from the
    beginning or after the line STARTTLS. ``first``: the first of the single bytes.
    """

    def __init__(
        self,
        replies: Sequence[str] = (),
        context: ssl.SSLContext | None = None,
        starttls: bool = False,
        first: bytes = b"",
    ) -> None:
        self._replies, self._context, self._starttls = replies, context, starttls
        self._first = first
        self._stopped = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept)]

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        socket.create_connection(("127.0.0.1", self.port)).close()
        for thread in self._threads:
            thread.join()
        self._listener.close()

    def _accept(self) -> None:
        while not self._stopped.is_set():
            client, _ = self._listener.accept()
            self._threads.append(threading.Thread(target=self._serve, args=(client,)))
            self._threads[-1].start()

    def _serve(self, client: socket.socket) -> None:
        try:
            if self._context and not self._starttls:
                client = self._context.wrap_socket(client, server_side=True)
            client = self._reply(client)
            for byte in itertools.chain(self._first, itertools.repeat(ord("2"))):
                if self._stopped.wait(PAUSE):
                    break
                client.sendall(bytes([byte]))
        except OSError:
            pass
        finally:
            client.close()

    def _reply(self, client: socket.socket) -> socket.socket:
        lines, line = client.makefile("rb"), b""
        for number, reply in enumerate(self._replies):
            if number:
                line = lines.readline()
            if self._replies[number - 1].startswith("354"):
                while line not in (b".\r\n", b""):
                    line = lines.readline()
            client.sendall(reply.encode() + b"\r\n")
            if line.upper().startswith(b"STARTTLS") and self._context:
                client = self._context.wrap_socket(client, server_side=True)
                lines = client.makefile("rb")
        return client
