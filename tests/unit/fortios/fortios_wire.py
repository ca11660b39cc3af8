"""A FortiGate session without SSH: the terminal of a simulated unit at the other end of a socket pair.

What SSH itself does is tried elsewhere; here hundreds of sessions must be cheap.
"""

from __future__ import annotations

import itertools
import select
import socket
import threading
from typing import Any

import pytest
from netmiko.fortinet import FortinetSSH

from provision.fortios.session.terminal import Terminal
from tests.simulator import Simulator
from tests.simulator.server import attend


def _readable(end: socket.socket, seconds: float = 0) -> bool:
    return bool(select.select([end], [], [], seconds)[0])


class _Channel:
    """The unit's end, as a channel of paramiko's."""

    def __init__(self, end: socket.socket, piece: int) -> None:
        self._end = end
        self._piece = piece
        self._woken, self._waker = socket.socketpair()
        self._waits = False

    def settimeout(self, seconds: float | None) -> None:
        """Whose session ends because it is idle is up to the test, not to the clock."""

    def recv(self, size: int) -> bytes:
        self._waits = True
        ready, _, _ = select.select([self._end, self._woken], [], [])
        self._waits = False  # before anything is taken, see silent()
        if self._end not in ready:
            raise TimeoutError
        return self._end.recv(size)

    def silent(self) -> bool:
        """Whether all that was typed has been answered: nothing more comes by itself."""
        try:
            # in this order: what was taken, but is not answered yet, was taken by one who waits not
            return not self.recv_ready() and self._waits
        except (OSError, ValueError):  # closed just now, which the other end is about to see
            return False

    def time_out(self) -> None:
        """The session has been idle for too long."""
        self._waker.sendall(b"!")

    def sendall(self, data: bytes) -> None:
        for start in range(0, len(data), self._piece):
            self._end.sendall(data[start : start + self._piece])

    def recv_ready(self) -> bool:
        return _readable(self._end)

    def send_exit_status(self, status: int) -> None:
        pass

    def close(self) -> None:
        for each in (self._end, self._woken, self._waker):
            each.close()


class _Near:
    """Our end. A wait for the unit is over when it has nothing more to say, not after some time.

    So no test depends on how fast the machine is, and none waits for what cannot come.
    """

    def __init__(self, end: socket.socket, unit: _Channel) -> None:
        self._end, self._unit = end, unit
        self.sendall, self.close = end.sendall, end.close

    def settimeout(self, seconds: float) -> None:
        """Nothing: see above."""

    def recv(self, size: int) -> bytes:
        while not _readable(self._end, 0.002):
            if self._unit.silent() and not _readable(self._end):
                raise TimeoutError
        return self._end.recv(size)


class Wire:
    """Connects every :class:`Session` to ``unit`` while the test runs.

    ``piece``: how many bytes the unit says at once at most.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.unit = Simulator()
        self.piece = 1 << 16
        self._serving: list[tuple[threading.Thread, _Channel]] = []
        self._numbers = itertools.count(1)
        monkeypatch.setattr(FortinetSSH, "__init__", lambda made, **_: self._log_in(made))
        monkeypatch.setattr(Terminal, "disconnect", lambda gone: gone.remote_conn.close())

    def _log_in(self, made: Any) -> None:
        near, far = socket.socketpair()
        unit = _Channel(far, self.piece)
        made.remote_conn = _Near(near, unit)
        serving = (self.unit, unit, next(self._numbers))
        thread = threading.Thread(target=attend, args=serving, daemon=True)
        self._serving.append((thread, unit))
        thread.start()
        made.session_preparation()

    def log_out(self) -> None:
        """The unit ends every session, because it is idle."""
        for thread, unit in self._serving:
            if thread.is_alive():
                unit.time_out()
                thread.join(60)
