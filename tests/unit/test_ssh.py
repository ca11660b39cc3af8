"""Errors of connecting in plain words, each with what to do; and whose host keys are believed."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import paramiko
import pytest

from provision.errors import Unreachable
from provision.ssh import connect as ssh
from provision.ssh.connect import HostKeyPolicy, UnknownHostKey, explain
from provision.ssh.login import Login

LOGIN = Login("bh1", "192.0.2.10", "root", 2222, password="hunter2-hunter2", private_key_file="/k")
KEY = paramiko.ECDSAKey.generate()
OTHER_KEY = paramiko.ECDSAKey.generate()


@pytest.fixture
def policy(tmp_path: Path) -> HostKeyPolicy:
    return HostKeyPolicy(tmp_path / "known_hosts", accept_new=False)


ERRORS: dict[str, tuple[BaseException, str, str]] = {
    "an unknown key": (UnknownHostKey("bh1", KEY), "unknown ecdsa", "--accept-new-host-keys"),
    "a changed key": (
        paramiko.BadHostKeyException("bh1", KEY, OTHER_KEY),
        "has CHANGED",
        "remove its line",
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
    error: BaseException, what: str, remedy: str, policy: HostKeyPolicy
) -> None:
    told = explain(error, LOGIN, policy)
    assert isinstance(told, Unreachable)
    assert told.what.startswith("bh1 (root@192.0.2.10:2222): ")
    assert what in told.what
    assert remedy in told.remedy
    assert "hunter2" not in str(told)


def test_both_fingerprints_of_a_changed_key_are_shown(policy: HostKeyPolicy) -> None:
    told = explain(paramiko.BadHostKeyException("bh1", KEY, OTHER_KEY), LOGIN, policy)
    assert ssh.fingerprint(KEY) in told.what
    assert ssh.fingerprint(OTHER_KEY) in told.what


def test_the_cause_is_found_below_what_another_library_made_of_it(policy: HostKeyPolicy) -> None:
    wrapped = ValueError("wrapped")
    wrapped.__cause__ = paramiko.AuthenticationException("no")
    assert "login refused" in explain(wrapped, LOGIN, policy).what


def test_a_chain_that_bites_its_tail_ends(policy: HostKeyPolicy) -> None:
    one, two = ValueError("one"), ValueError("two")
    one.__context__, two.__context__ = two, one
    assert "one" in explain(one, LOGIN, policy).what


# --- host keys -------------------------------------------------------------------------------------


def meet(policy: HostKeyPolicy, name: str, key: paramiko.PKey = KEY) -> None:
    policy.missing_host_key(paramiko.SSHClient(), name, key)


def test_an_unknown_key_is_refused_and_nothing_is_written(policy: HostKeyPolicy) -> None:
    with pytest.raises(UnknownHostKey):
        meet(policy, "bh1")
    assert not policy.known_hosts.exists()


def test_a_new_key_is_kept_for_next_time_when_asked_for(tmp_path: Path) -> None:
    policy = HostKeyPolicy(tmp_path / "beside" / "known_hosts", accept_new=True)
    meet(policy, "bh1")
    meet(policy, "[bh2]:2222", OTHER_KEY)
    client = paramiko.SSHClient()
    ssh.trust(client, policy)
    assert client.get_host_keys().check("bh1", KEY)
    assert client.get_host_keys().check("[bh2]:2222", OTHER_KEY)


def test_a_new_key_is_told_with_its_fingerprint_so_that_somebody_can_compare_it(
    tmp_path: Path,
) -> None:
    told: list[str] = []
    meet(HostKeyPolicy(tmp_path / "known_hosts", True, told.append), "[bh2]:2222")
    assert len(told) == 1
    assert "[bh2]:2222" in told[0]
    assert ssh.fingerprint(KEY) in told[0]


def test_a_new_key_gets_a_line_of_its_own_in_a_file_edited_by_hand(tmp_path: Path) -> None:
    policy = HostKeyPolicy(tmp_path / "known_hosts", accept_new=True)
    policy.known_hosts.write_text(f"old {OTHER_KEY.get_name()} {OTHER_KEY.get_base64()}")
    meet(policy, "bh1")
    client = paramiko.SSHClient()
    ssh.trust(client, policy)
    assert client.get_host_keys().check("old", OTHER_KEY)
    assert client.get_host_keys().check("bh1", KEY)


@pytest.mark.parametrize(
    "content",
    [b"bh1 ssh-ed25519 not-base64!\n", b"\xff\xfe\x00", None],
    ids=["garbled", "binary", "a folder"],
)
def test_known_hosts_that_cannot_be_read_are_named(
    content: bytes | None, policy: HostKeyPolicy
) -> None:
    if content is None:
        policy.known_hosts.mkdir()
    else:
        policy.known_hosts.write_bytes(content)
    with pytest.raises(Unreachable) as error:
        ssh.connect(Login("bh1", "127.0.0.1", "root", 1), policy)
    assert str(policy.known_hosts) in str(error.value)
    assert error.value.remedy


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
