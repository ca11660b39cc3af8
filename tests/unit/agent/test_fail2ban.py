"""Asking fail2ban's server: through a real socket, also one whose queue is full."""

from __future__ import annotations

import pickle
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from provision.linux.agent import fail2ban
from provision.linux.agent.fail2ban import (
    Busy,
    ask_server,
    client,
    is_up,
    read_jail,
    read_jails,
    socket_path,
)
from provision.linux.agent.host import Ran
from provision.linux.agent.protocol.state import JailState

END = b"<F2B_END_COMMAND>"


class Server:
    """Answers as fail2ban does, once :meth:`answer` is called; its queue has room for one, as its own."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.bind(str(path))
        self._socket.listen(1)
        self._path = str(path)
        self._stack = ExitStack()
        self.connections = 0

    def fill(self) -> None:
        """Take every place in the queue."""
        while True:
            waiting = self._stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
            waiting.setblocking(False)
            try:
                waiting.connect(self._path)
            except BlockingIOError:
                return

    def answer(self) -> None:
        """Answer everybody, those in the queue first, from a thread."""
        self._stack.close()  # those that wait have gone by the time that they are asked what they want
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.connections += 1
            with connection:
                while connection.recv(4096):
                    connection.sendall(pickle.dumps((0, 7), 2) + END)

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the server listens, as a file of an operator says."""
    found = tmp_path / "f2b.sock"
    (tmp_path / "fail2ban.conf").write_text("[Definition]\nsocket = /var/run/elsewhere\n")
    (tmp_path / "fail2ban.local").write_text(f"[Definition]\nsocket = {found}\n")
    monkeypatch.setattr(fail2ban, "CONFIGURATION", str(tmp_path))
    return found


@pytest.fixture
def server(path: Path) -> Iterator[Server]:
    found = Server(path)
    yield found
    found.close()


def test_the_socket_is_where_an_operator_put_it(server: Server, path: Path) -> None:
    server.answer()
    assert socket_path() == str(path)
    assert read_jail("x") == JailState(max_retry=7, find_time=7, ban_time=7)


def test_all_jails_are_asked_for_over_one_connection(server: Server) -> None:
    server.answer()
    seven = JailState(max_retry=7, find_time=7, ban_time=7)
    assert read_jails(["x", "y", "z"]) == {"x": seven, "y": seven, "z": seven}
    assert server.connections == 1


def test_a_server_that_hangs_is_asked_once(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fail2ban, "PATIENCE", 0.2)
    assert read_jails(["x", "y", "z"]) == {"x": None, "y": None, "z": None}


def test_a_server_that_is_not_there_does_not_run(path: Path) -> None:
    assert ask_server("ping") is None
    assert read_jail("x") is None
    assert not is_up()


def test_a_server_that_is_busy_is_asked_again(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.fill()
    paused = threading.Event()

    def pause(_: float) -> None:
        if not paused.is_set():
            paused.set()
            server.answer()

    monkeypatch.setattr("time.sleep", pause)
    assert read_jail("x") == JailState(max_retry=7, find_time=7, ban_time=7)
    assert paused.is_set()


def test_a_server_that_cannot_be_asked_is_not_one_that_does_not_run(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fail2ban, "PATIENCE", 0.2)
    server.fill()
    with pytest.raises(Busy, match=r"too busy to answer.*run again"):
        read_jail("x")
    assert is_up()


def test_the_client_that_takes_a_busy_server_for_none_is_run_again(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.answer()
    answers = [Ran(255, "ERROR  Unable to contact server. Is it running?"), Ran(0, "OK")]
    monkeypatch.setattr(fail2ban, "run", lambda *_: answers.pop(0))
    assert client(["reload"]).output == "OK"


def test_the_client_of_a_server_that_does_not_run_is_not(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = [Ran(255, "ERROR  Unable to contact server. Is it running?"), Ran(0, "OK")]
    monkeypatch.setattr(fail2ban, "run", lambda *_: answers.pop(0))
    assert client(["reload"]).status == 255
