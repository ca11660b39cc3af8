"""End a connection after a time, so that reading from it fails.

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later, standard library only.
"""

from __future__ import annotations

import contextlib
import http.client
import socket
import threading
from typing import Optional


class Deadline:
    """End a connection after some seconds, so that reading from it fails.

    A limit for each read alone would let a server send single bytes for ever. ``socket`` is kept here because
    the connection itself forgets it once an answer begins that ends with the connection.
    """

    def __init__(self, connection: http.client.HTTPConnection, seconds: float) -> None:
        self.socket: Optional[socket.socket] = None  # noqa: UP045 - Python 3.9
        self.is_over = False
        self._connection = connection
        self._timer = threading.Timer(seconds, self._cut)
        self._timer.daemon = True

    def __enter__(self) -> Deadline:
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()

    def _cut(self) -> None:
        self.is_over = True
        with contextlib.suppress(OSError, AttributeError, TypeError):
            socket.socket.shutdown(self.socket or self._connection.sock, socket.SHUT_RDWR)
