"""A mirror that accepts a connection and then says nothing, so that `apt-get update` holds its locks."""

from __future__ import annotations

import socket
import threading
from typing import Self


class SlowMirror:
    """Listens on loopback. ``asked`` is set once somebody waits; :meth:`release` hangs up."""

    def __init__(self) -> None:
        self._server = socket.create_server(("127.0.0.1", 0))
        self._waiting: list[socket.socket] = []
        self.asked = threading.Event()

    @property
    def source(self) -> str:
        """The mirror as a line of sources.list."""
        port = self._server.getsockname()[1]
        return f"deb [trusted=yes] http://127.0.0.1:{port}/debian bookworm main\n"

    def __enter__(self) -> Self:
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            self._waiting.append(connection)
            self.asked.set()

    def release(self) -> None:
        """Hang up, and refuse whoever comes after."""
        self._server.close()
        for connection in self._waiting:
            connection.close()

    def __exit__(self, *_: object) -> None:
        self.release()
