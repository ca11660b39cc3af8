"""A TCP proxy that counts what passes and does something at a byte of one's choice."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Self


class Proxy:
    """Forwards ``own``:``port`` to a target; ``count`` bytes have gone from client to target.

    ``late``: seconds by which everything that passes is late, as on a line by satellite.
    """

    def __init__(self, address: str, port: int, late: float = 0.0, own: str = "127.0.0.1") -> None:
        self._target = (address, port)
        self._late = late
        self._server = socket.create_server((own, 0))
        self.port: int = self._server.getsockname()[1]
        self.count = 0
        self._at: int | None = None
        self._action: Callable[[], None] = self.cut
        self._sockets: list[socket.socket] = []
        self._lock = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.close()
        self.cut()

    def at(self, count: int, action: Callable[[], None]) -> None:
        """Call ``action``, once, when ``count`` bytes have been forwarded to the target from now on."""
        self.count, self._at, self._action = 0, count, action

    def calm(self) -> None:
        """Only forward from now on."""
        self._at = None

    def cut(self) -> None:
        """Break every connection, as a cable that is pulled and noticed."""
        with self._lock:
            sockets, self._sockets = self._sockets, []
        for one in sockets:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            try:
                target = socket.create_connection(self._target)
            except OSError:  # the target is off just now
                client.close()
                continue
            with self._lock:
                self._sockets += [client, target]
            for source, sink, counted in ((client, target, True), (target, client, False)):
                threading.Thread(
                    target=self._forward, args=(source, sink, counted), daemon=True
                ).start()

    def _forward(self, source: socket.socket, sink: socket.socket, counted: bool) -> None:
        with suppress(OSError):
            while data := source.recv(1 << 16 if self._late else 1024):
                time.sleep(self._late)
                sink.sendall(data)
                if counted:
                    self._passed(len(data))
            sink.shutdown(socket.SHUT_WR)

    def _passed(self, size: int) -> None:
        with self._lock:
            self.count += size
            due = self._at is not None and self.count >= self._at
            if due:
                self._at = None
        if due:
            self._action()
