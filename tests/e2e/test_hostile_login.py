"""A server that never lets a login come to its end: the session is given up, whatever layer hangs."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import paramiko
import pytest

from provision.errors import Unreachable
from provision.fortios.session.command_line import CommandLine
from provision.ssh.connection import Access
from provision.ssh.login import Login
from tests.fortigate_bounds import set_bounds
from tests.simulator.server import host_key

Serve = Callable[[socket.socket, threading.Event], None]


class _Stuck(paramiko.ServerInterface):
    """Lets everybody in, and hangs at one request until the test is over."""

    def __init__(self, at: str, over: threading.Event) -> None:
        self._at, self._over = at, over

    def _reach(self, what: str) -> None:
        if what == self._at:
            self._over.wait(60)

    def check_auth_password(self, username: str, password: str) -> int:
        self._reach("password")
        return paramiko.common.AUTH_SUCCESSFUL

    def check_channel_request(self, kind: str, chanid: int) -> int:
        self._reach("channel")
        return paramiko.common.OPEN_SUCCEEDED

    def check_channel_pty_request(self, *_: object) -> bool:
        self._reach("terminal")
        return True

    def check_channel_shell_request(self, channel: paramiko.Channel) -> bool:
        self._reach("shell")
        return True


def _stuck(at: str) -> Serve:
    def serve(connection: socket.socket, over: threading.Event) -> None:
        transport = paramiko.Transport(connection)
        transport.add_server_key(host_key(""))
        transport.start_server(event=threading.Event(), server=_Stuck(at, over))
        over.wait(60)
        transport.close()

    return serve


def _endless(piece: bytes) -> Serve:
    def serve(connection: socket.socket, over: threading.Event) -> None:
        with contextlib.suppress(OSError):
            while not over.is_set():
                connection.sendall(piece)

    return serve


def _silent(_: socket.socket, over: threading.Event) -> None:
    over.wait(60)


@contextlib.contextmanager
def _listening(serve: Serve) -> Iterator[int]:
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept() -> None:
            connection, _ = server.accept()
            with connection:
                serve(connection, over)

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            over.set()
            thread.join(30)
    assert not thread.is_alive()


@pytest.mark.parametrize(
    "serve",
    [
        pytest.param(_silent, id="silent"),
        pytest.param(_endless(b"SSH" * 500), id="a version without an end"),
        pytest.param(_endless(b"hello\r\n" * 100), id="lines before the version"),
        *(pytest.param(_stuck(at), id=at) for at in ("password", "channel", "terminal", "shell")),
        pytest.param(_stuck("nowhere"), id="no prompt"),
    ],
)
def test_a_hanging_login_is_abandoned(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_bounds(monkeypatch, login=3.0, silence=3.0)
    access = Access(tmp_path / "known_hosts", accept_new=True)
    with _listening(serve) as port, pytest.raises(Unreachable) as caught:
        CommandLine(
            Login("fgt", "127.0.0.1", "admin", port, password="pass-word", timeout=3), access
        )
    assert "fgt" in str(caught.value)
    assert "pass-word" not in str(caught.value)
