"""Errors of connecting in plain words, each with what to do."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import paramiko
import pytest

from provision.errors import Unreachable
from provision.ssh import connect as ssh
from provision.ssh.connect import HostKeyPolicy, explain
from provision.ssh.host_keys import HostKeyRefused
from provision.ssh.login import Login

LOGIN = Login("bh1", "192.0.2.10", "root", 2222, password="hunter2-hunter2", private_key_file="/k")


@pytest.fixture
def policy(tmp_path: Path) -> HostKeyPolicy:
    return HostKeyPolicy(tmp_path / "known_hosts", accept_new=False)


ERRORS: dict[str, tuple[BaseException, str, str]] = {
    "a host key that is refused": (
        HostKeyRefused("the host shows an unknown key", "compare it"),
        "shows an unknown key",
        "compare it",
    ),
    "a key with a passphrase": (
        paramiko.PasswordRequiredException(),
        "/k has a passphrase",
        "ssh-agent",
    ),
    "a refused login": (
        paramiko.AuthenticationException("Authentication failed."),
        "login refused",
        "ansible_password",
    ),
    "no answer": (TimeoutError(), "no answer within 15 s", "ansible_host"),
    "an unknown name": (
        socket.gaierror(-2, "Name or service not known"),
        "Name or service not known",
        "ansible_host",
    ),
    "a refused connection": (
        paramiko.ssh_exception.NoValidConnectionsError(
            {("192.0.2.10", 2222): ConnectionRefusedError(111, "Connection refused")}
        ),
        "Connection refused",
        "ansible_port",
    ),
    "no route": (OSError(113, "No route to host"), "No route to host", "ansible_host"),
    "a key file that is not there": (
        FileNotFoundError(2, "No such file or directory", "/k"),
        "/k: No such file",
        "ansible_ssh_private_key_file",
    ),
    "a known_hosts that cannot be added to": (
        PermissionError(13, "Permission denied", "/inventory/known_hosts"),
        "/inventory/known_hosts: Permission denied",
        "writable",
    ),
    "no SSH server": (
        paramiko.SSHException("Error reading SSH protocol banner"),
        "Error reading SSH protocol banner",
        "ansible_port",
    ),
    "a connection closed at once": (EOFError(), "EOFError", "ansible_port"),
}


@pytest.mark.parametrize(("error", "what", "remedy"), ERRORS.values(), ids=ERRORS)
def test_each_error_says_who_what_and_what_to_do(
    error: BaseException, what: str, remedy: str
) -> None:
    told = explain(error, LOGIN)
    assert isinstance(told, Unreachable)
    assert told.what.startswith("bh1 (root@192.0.2.10:2222): ")
    assert what in told.what
    assert remedy in told.remedy
    assert "hunter2" not in str(told)


def test_the_cause_is_found_below_what_another_library_made_of_it() -> None:
    wrapped = ValueError("wrapped")
    wrapped.__cause__ = paramiko.AuthenticationException("no")
    assert "login refused" in explain(wrapped, LOGIN).what


def test_a_chain_that_bites_its_tail_ends() -> None:
    one, two = ValueError("one"), ValueError("two")
    one.__context__, two.__context__ = two, one
    assert "one" in explain(one, LOGIN).what


# --- connecting ------------------------------------------------------------------------------------


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port at which nobody listens: held, so that nobody else starts to."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


def test_connecting_to_nobody_is_unreachable(closed_port: int, policy: HostKeyPolicy) -> None:
    with pytest.raises(Unreachable, match="bh1") as error:
        ssh.connect(Login("bh1", "127.0.0.1", "root", closed_port, password="x"), policy)
    assert "ansible_port" in error.value.remedy
