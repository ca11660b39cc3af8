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

from provision.fortios import session
from tests.lab.fortios import Simulator
from tests.lab.fortios.server import attend


class _Channel:
    """The unit's end, as a channel of paramiko's."""

    def __init__(self, end: socket.socket, piece: int) -> None:
        self._end = end
        self._piece = piece
        self.recv = end.recv
        self.settimeout = end.settimeout

    def sendall(self, data: bytes) -> None:
        for start in range(0, len(data), self._piece):
            self._end.sendall(data[start : start + self._piece])

    def recv_ready(self) -> bool:
        return bool(select.select([self._end], [], [], 0)[0])

    def send_exit_status(self, status: int) -> None:
        pass

    def close(self) -> None:
        self._end.close()


class Wire:
    """Connects every :class:`Session` to ``unit`` while the test runs.

    ``piece``: how many bytes the unit says at once at most.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.unit = Simulator()
        self.piece = 1 << 16
        self._serving: list[threading.Thread] = []
        self._numbers = itertools.count(1)
        monkeypatch.setattr(FortinetSSH, "__init__", lambda made, **_: self._log_in(made))
        monkeypatch.setattr(session.Session, "disconnect", lambda gone: gone.remote_conn.close())
        # in one process nothing is under way for longer
        monkeypatch.setattr(session, "SETTLED", 0.01)
        monkeypatch.setattr(session, "LOST", 0.15)
        monkeypatch.setattr(session, "UNREAD", 0.15)

    def _log_in(self, made: Any) -> None:
        near, far = socket.socketpair()
        made.remote_conn = near
        number = next(self._numbers)
        serving = (self.unit, _Channel(far, self.piece), number)
        self._serving.append(threading.Thread(target=attend, args=serving, daemon=True))
        self._serving[-1].start()
        made.session_preparation()

    def wait_for_logouts(self) -> None:
        """Until the unit has ended every session."""
        for thread in self._serving:
            thread.join(10)
