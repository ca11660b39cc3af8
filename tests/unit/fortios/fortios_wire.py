"""Sessions with a simulated FortiGate over a socket pair instead of SSH, so that hundreds are cheap."""

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
from tests.simulator.channel import serve_shell


def _readable(end: socket.socket, seconds: float = 0) -> bool:
    return bool(select.select([end], [], [], seconds)[0])


class _Channel:
    """The end of the FortiGate, with the interface of a channel of paramiko."""

    def __init__(self, end: socket.socket, piece: int) -> None:
        self._end = end
        self._piece = piece
        self._woken, self._waker = socket.socketpair()
        self._waits = False

    def settimeout(self, seconds: float | None) -> None:
        """Do nothing: the test decides which session ends because it is idle, not the clock."""

    def recv(self, size: int) -> bytes:
        self._waits = True
        ready, _, _ = select.select([self._end, self._woken], [], [])
        self._waits = False  # before anything is taken, see is_silent()
        if self._end not in ready:
            raise TimeoutError
        return self._end.recv(size)

    def is_silent(self) -> bool:
        """Return whether everything typed has been answered: nothing more comes by itself."""
        try:
            # in this order: a server that has taken input and not answered it does not wait
            return not self.recv_ready() and self._waits
        except (OSError, ValueError):  # closed just now, which the other end is about to see
            return False

    def time_out(self) -> None:
        """End a wait for input as if the session had been idle for too long."""
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
    """Our end. A wait ends when the FortiGate has nothing more to print, not after some time.

    So no test depends on the speed of the machine, and none waits for output that cannot come.
    """

    def __init__(self, end: socket.socket, fortigate: _Channel, typed: list[bytes]) -> None:
        self._end, self._fortigate, self._typed = end, fortigate, typed
        self.close = end.close

    def settimeout(self, seconds: float) -> None:
        """Do nothing: see the class."""

    def sendall(self, keys: bytes) -> None:
        self._typed.append(keys)
        self._end.sendall(keys)

    def recv(self, size: int) -> bytes:
        while not _readable(self._end, 0.002):
            if self._fortigate.is_silent() and not _readable(self._end):
                raise TimeoutError
        return self._end.recv(size)


class Wire:
    """A connection of every command line to ``fortigate`` while the test runs.

    ``piece``: the most bytes that the FortiGate sends at once. ``typed``: what was sent to it.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.fortigate = Simulator()
        self.piece = 1 << 16
        self.typed: list[bytes] = []
        self._sessions: list[tuple[threading.Thread, _Channel]] = []
        self._numbers = itertools.count(1)
        monkeypatch.setattr(FortinetSSH, "__init__", lambda terminal, **_: self._log_in(terminal))
        monkeypatch.setattr(Terminal, "disconnect", lambda terminal: terminal.remote_conn.close())

    def _log_in(self, terminal: Any) -> None:
        near, far = socket.socketpair()
        channel = _Channel(far, self.piece)
        terminal.remote_conn = _Near(near, channel, self.typed)
        arguments = (self.fortigate, channel, next(self._numbers))
        thread = threading.Thread(target=serve_shell, args=arguments, daemon=True)
        self._sessions.append((thread, channel))
        thread.start()
        terminal.session_preparation()

    def log_out(self) -> None:
        """End every session as the FortiGate does with one that is idle."""
        for thread, channel in self._sessions:
            if thread.is_alive():
                channel.time_out()
                thread.join(60)
