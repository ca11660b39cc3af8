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

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        self.recv = end.recv
        self.sendall = end.sendall
        self.settimeout = end.settimeout

    def recv_ready(self) -> bool:
        return bool(select.select([self._end], [], [], 0)[0])

    def send_exit_status(self, status: int) -> None:
        pass

    def close(self) -> None:
        self._end.close()


class Wire:
    """Connects every :class:`Session` to ``unit`` while the test runs; ``logins`` counts them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.unit = Simulator()
        self.logins = 0
        self._numbers = itertools.count(1)
        monkeypatch.setattr(FortinetSSH, "__init__", self._log_in)
        monkeypatch.setattr(session.Session, "disconnect", lambda gone: gone.remote_conn.close())
        # in one process nothing is under way for longer
        monkeypatch.setattr(session, "SETTLED", 0.01)
        monkeypatch.setattr(session, "LOST", 0.3)

    def _log_in(self, made: session.Session, **_: Any) -> None:
        self.logins += 1
        near, far = socket.socketpair()
        made.remote_conn = near
        number = next(self._numbers)
        serving = (self.unit, _Channel(far), number)
        threading.Thread(target=attend, args=serving, daemon=True).start()
        made.session_preparation()
