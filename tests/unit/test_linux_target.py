"""What a ban host that misbehaves is told as: no sudo, no end, no answer, a broken connection."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from provision.errors import Failed, TargetError, Unreachable
from provision.linux import bootstrap, target
from provision.linux.target import BanHost, NoPython
from provision.ssh import connect as ssh
from provision.ssh.connect import HostKeyPolicy
from provision.ssh.login import Login

ANSWER = target.MARK + json.dumps({"ok": True, "changed": True}).encode() + b"\n"
POLICY = HostKeyPolicy(Path("/nonexistent/known_hosts"), accept_new=False)


class Channel:
    """One exec: what it says on both outputs, and how it ends."""

    def __init__(self, out: bytes = b"", err: bytes = b"", status: int = 0) -> None:
        self.out, self.err, self.status = [out], [err], status
        self.command, self.sent = "", b""
        self.silent = False

    def settimeout(self, _: float) -> None:
        pass

    def exec_command(self, command: str) -> None:
        self.command = command

    def recv(self, _: int) -> bytes:
        return self._next(self.out)

    def recv_stderr(self, _: int) -> bytes:
        return self._next(self.err)

    def _next(self, chunks: list[bytes]) -> bytes:
        if self.silent:
            raise TimeoutError
        return chunks.pop(0) if chunks else b""

    def recv_exit_status(self) -> int:
        return self.status

    def sendall(self, data: bytes) -> None:
        self.sent += data

    def shutdown_write(self) -> None:
        pass

    def close(self) -> None:
        pass


class Client:
    """A connection on which every exec is the same channel."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    def get_transport(self) -> Any:
        return self

    def set_keepalive(self, _: int) -> None:
        pass

    def open_session(self, timeout: float) -> Channel:
        return self._channel

    def close(self) -> None:
        pass


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, Any]]:
    """Asks a host whose every exec is the channel given."""

    def asking(channel: Channel, **login: Any) -> dict[str, Any]:
        monkeypatch.setattr(ssh, "connect", lambda *_: Client(channel))
        with BanHost(Login("bh1", "192.0.2.10", "joe", **login), POLICY) as host:
            return host.ask({"do": "rotate"})

    return asking


Ask = Callable[..., dict[str, Any]]


def test_a_banner_before_the_answer_is_passed_over(ask: Ask) -> None:
    assert ask(Channel(b"Welcome! This host is monitored.\n" + ANSWER)) == {"changed": True}


def test_what_the_agent_refuses_is_told_in_its_words(ask: Ask) -> None:
    said = target.MARK + json.dumps({"ok": False, "error": "no space left"}).encode()
    with pytest.raises(Failed, match="no space left"):
        ask(Channel(said))


def test_a_host_without_python_is_known_by_the_exit_status(ask: Ask) -> None:
    with pytest.raises(NoPython):
        ask(Channel(status=target.NO_PYTHON))


SUDO = {
    "sudo: a password is required": "ansible_become_password",
    "sudo: a terminal is required to read the password": "ansible_become_password",
    "Sorry, try again.\nsudo: 1 incorrect password attempt": "ansible_become_password",
    "joe is not in the sudoers file.": "root",
    "Sorry, user joe may not run sudo on bh1.": "root",
    "sh: 1: sudo: not found": "install it",
}


@pytest.mark.parametrize(("said", "remedy"), SUDO.items())
def test_each_way_of_sudo_to_say_no_has_a_remedy(ask: Ask, said: str, remedy: str) -> None:
    with pytest.raises(Unreachable) as error:
        ask(Channel(err=said.encode(), status=1), become=True)
    assert remedy in error.value.remedy


def test_the_sudo_password_goes_over_stdin_and_not_into_the_command(ask: Ask) -> None:
    channel = Channel(ANSWER)
    ask(channel, become=True, become_password="hunter2-of-joe")
    assert "hunter2" not in channel.command
    assert channel.sent.startswith(b"hunter2-of-joe\n")


def test_what_else_keeps_the_agent_from_starting_is_shown(ask: Ask) -> None:
    with pytest.raises(TargetError, match=r"exit 126[\s\S]*cannot execute"):
        ask(Channel(err=b"sh: cannot execute", status=126))


@pytest.mark.parametrize("text", ["x" * 400, "Bearer " + "aB3" * 14, '{"verify": "' + "aB3" * 14])
def test_what_may_be_a_secret_or_an_answer_is_not_quoted(ask: Ask, text: str) -> None:
    """The reason why the agent did not start is quoted; a start-up file can send anything there."""
    with pytest.raises(TargetError, match=r"exit 1[\s\S]*cannot execute") as error:
        ask(Channel(out=text.encode(), err=f"{text}\ncannot execute".encode(), status=1))
    assert text[-20:] not in str(error.value)


def test_an_answer_that_came_on_standard_error_is_named_and_not_quoted(ask: Ask) -> None:
    with pytest.raises(TargetError, match="came on standard error") as error:
        ask(Channel(err=b".bashrc says hello\n" + ANSWER))
    assert "login shell" in error.value.remedy
    assert "hello" not in str(error.value)


def test_nothing_of_the_login_takes_part_in_what_runs_as_root(
    ask: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The very command is run in a home full of traps; the agent's code is not sent."""
    channel = Channel(ANSWER)
    ask(channel)
    bins = tmp_path / "bin"
    bins.mkdir()
    trap = f"open({str(tmp_path / 'sprung')!r}, 'w')\n"
    for module in ("json", "pickle", "os", "sitecustomize", "usercustomize", "provision"):
        (tmp_path / f"{module}.py").write_text(trap)
    (bins / "python3").write_text(f"#!/bin/sh\ntouch {tmp_path / 'sprung'}\n")
    (bins / "python3").chmod(0o755)
    environment = {
        "PATH": f"{bins}:/usr/bin:/bin",
        "PYTHONPATH": str(tmp_path),
        "HOME": str(tmp_path),
    }
    done = subprocess.run(
        channel.command,
        shell=True,
        cwd=tmp_path,
        env={**environment, "PYTHONSTARTUP": str(tmp_path / "json.py")},
        input=b"BANSTITCH 0 9\n",
        capture_output=True,
        check=False,
    )
    assert b"the request was cut off" in done.stderr
    assert not (tmp_path / "sprung").exists()


def test_a_connection_that_breaks_says_how_to_go_on(ask: Ask) -> None:
    with pytest.raises(Failed) as error:
        ask(Channel(status=-1))
    assert "run again" in error.value.remedy


def test_a_run_without_an_end_is_told_without_a_traceback_of_a_thread(
    ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    faults: list[Any] = []
    monkeypatch.setattr(threading, "excepthook", faults.append)
    channel = Channel()
    channel.silent = True
    with pytest.raises(Failed, match="the connection broke"):
        ask(channel)
    assert faults == []


def test_a_second_try_to_install_python_forgets_nothing_of_the_first(tmp_path: Path) -> None:
    """The first was cut off half-way: apt then names fewer packages as new."""
    programs, memory = tmp_path / "bin", tmp_path / "var/lib/banstitch"
    programs.mkdir()
    (tmp_path / "run/systemd/system").mkdir(parents=True)
    memory.parent.mkdir(parents=True)
    apt = programs / "apt-get"
    for brings in ("Inst libpython3 (3.11)\nInst python3 (3.11)", "Conf python3 (3.11)"):
        apt.write_text(f"#!/bin/sh\necho {shlex.quote(brings)}\n")
        apt.chmod(0o755)
        script = bootstrap.script(root=str(tmp_path))
        environment = {"PATH": f"{programs}:/usr/bin:/bin"}
        subprocess.run(["sh", "-c", script], env=environment, check=True, capture_output=True)
    assert (memory / "bootstrap").read_text().split() == ["libpython3", "python3"]


def test_another_system_without_python_is_named_and_nothing_is_written(tmp_path: Path) -> None:
    name = re.findall(r'^PRETTY_NAME="?([^"\n]+)', Path("/etc/os-release").read_text(), re.M)[0]
    script = bootstrap.script(root=str(tmp_path))
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True)
    assert done.returncode == 1
    assert f"this host ({name}) does not run both systemd and apt" in done.stdout
    assert list(tmp_path.iterdir()) == []
