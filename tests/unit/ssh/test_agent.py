"""Check when the keys of an ssh-agent are offered, and what its failures cause."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import threading
from pathlib import Path

import paramiko
import pytest

from provision.ssh import causes, keys
from provision.ssh.connection import Access, connect
from provision.ssh.login import Login
from tests.unit.ssh.logins import ECDSA, RIGHT, RSA, get_refusal, list_methods, log_in, save_key
from tests.unit.ssh.ssh_agent import Agent
from tests.unit.ssh.ssh_server import Rules, ssh_server


@pytest.fixture(scope="module")
def eight_keys(tmp_path_factory: pytest.TempPathFactory) -> list[paramiko.PKey]:
    return [paramiko.ECDSAKey.generate() for _ in range(8)]


def test_a_password_is_sent_before_any_key_of_the_agent(
    agent: Agent, access: Access, eight_keys: list[paramiko.PKey]
) -> None:
    for key in eight_keys:
        agent.hold(key)
    assert list_methods(log_in(Rules(), access, password=RIGHT)) == ["password"]


def test_a_named_key_is_offered_before_any_key_of_the_agent(
    agent: Agent, access: Access, home: Path, eight_keys: list[paramiko.PKey]
) -> None:
    for key in eight_keys:
        agent.hold(key)
    seen = log_in(Rules(key=RSA), access, private_key_file=save_key(RSA, home / "id"))
    assert seen.attempts == [("publickey", RSA.fingerprint)]


def test_a_ninth_key_of_the_agent_is_never_offered_and_the_error_has_a_remedy(
    agent: Agent, access: Access, eight_keys: list[paramiko.PKey]
) -> None:
    for key in eight_keys:
        agent.hold(key)
    agent.hold(RSA)
    rules = Rules(key=RSA, most=6, parting="Too many authentication failures")
    error, seen = get_refusal(rules, access)
    assert type(error) is causes.TooManyAttempts
    assert "the server closed the session after 6 keys (MaxAuthTries)" in error.message
    assert "name the key in ansible_ssh_private_key_file" in error.remedy
    assert seen.connections == 1
    assert len(seen.attempts) == 6


def test_a_server_that_hangs_up_silently_after_some_keys_is_understood(
    agent: Agent, access: Access, eight_keys: list[paramiko.PKey]
) -> None:
    for key in eight_keys:
        agent.hold(key)
    error, _ = get_refusal(Rules(most=3), access)
    assert "closed the session after 3 keys (MaxAuthTries)" in error.message


def test_a_key_of_the_agent_is_named_by_its_comment(agent: Agent, access: Access) -> None:
    agent.hold(ECDSA, "laptop")
    error, _ = get_refusal(Rules(key=RSA), access)
    assert type(error) is causes.KeyRefused
    assert "laptop" in error.message
    assert f"(ecdsa 256, {ECDSA.fingerprint})" in error.message


def test_without_a_named_key_the_agent_comes_before_the_default_files(
    agent: Agent, access: Access, home: Path
) -> None:
    agent.hold(ECDSA)
    save_key(RSA, home / ".ssh" / "id_rsa")
    seen = log_in(Rules(key=RSA), access)
    assert seen.attempts == [("publickey", ECDSA.fingerprint), ("publickey", RSA.fingerprint)]


def test_a_key_in_both_agent_and_file_is_offered_once(
    agent: Agent, access: Access, home: Path
) -> None:
    agent.hold(RSA)
    path = save_key(RSA, home / ".ssh" / "id_rsa")
    assert list_methods(get_refusal(Rules(), access)[1]) == ["publickey"]
    assert list_methods(get_refusal(Rules(), access, private_key_file=path)[1]) == ["publickey"]


def test_a_named_key_with_a_passphrase_is_used_by_the_agent(
    agent: Agent, access: Access, home: Path, eight_keys: list[paramiko.PKey]
) -> None:
    for key in eight_keys:
        agent.hold(key)
    path = home / "id"
    agent.hold(RSA, "id")
    save_key(RSA, path)
    locked = ["ssh-keygen", "-q", "-p", "-f", str(path), "-P", "", "-N", "its passphrase"]
    subprocess.run(locked, check=True)
    seen = log_in(Rules(key=RSA), access, private_key_file=str(path))
    assert seen.attempts == [("publickey", RSA.fingerprint)]


@pytest.mark.parametrize(
    "answer",
    [b"\0\0\0\1\5", b"HTTP", b"", b"\0\0\0\5\x0c\0\0\0\2"],
    ids=["a failure", "another protocol", "nothing", "two keys that are none"],
)
def test_an_agent_with_a_malformed_answer_is_skipped_and_mentioned(
    answer: bytes, access: Access, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys, "AGENT_TIMEOUT", 60.0)
    save_key(RSA, home / ".ssh" / "id_rsa")
    monkeypatch.setenv("SSH_AUTH_SOCK", str(home / "agent"))
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(home / "agent"))
        server.listen()

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    with connection:
                        connection.recv(100)
                        connection.sendall(answer)

        threading.Thread(target=serve, daemon=True).start()
        assert list_methods(log_in(Rules(key=RSA), access)) == ["publickey"]
        error, seen = get_refusal(Rules(), access)
        server.shutdown(socket.SHUT_RDWR)
    assert list_methods(seen) == ["publickey"]
    assert "ssh-agent does not answer as one" in error.message


def test_an_agent_that_does_not_answer_is_skipped(
    agent: Agent, access: Access, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one that was forwarded over a line that is broken now."""
    monkeypatch.setattr(keys, "AGENT_TIMEOUT", 0.3)
    agent.hold(ECDSA)
    save_key(RSA, home / ".ssh" / "id_rsa")
    agent.pause()
    assert list_methods(log_in(Rules(key=RSA), access)) == ["publickey"]
    assert "ssh-agent has not answered within 0.3 s" in get_refusal(Rules(), access)[0].message


def test_an_agent_that_waits_for_its_owner_is_not_mistaken_for_the_server(
    agent: Agent, access: Access
) -> None:
    agent.hold(ECDSA)
    with ssh_server(Rules(key=ECDSA, before_key=agent.pause)) as (port, _):
        login = Login("bh1", "127.0.0.1", "joe", port, timeout=1)
        with pytest.raises(
            causes.TimedOut, match="ssh-agent has not signed with the key"
        ) as caught:
            connect(login, access)
    assert "touch its token" in caught.value.remedy


def test_after_an_agent_refuses_to_sign_the_next_key_is_offered(
    agent: Agent, access: Access, home: Path
) -> None:
    agent.hold(ECDSA)
    save_key(RSA, home / ".ssh" / "id_rsa")
    with ssh_server(Rules(key=RSA, before_key=agent.empty)) as (port, seen):
        connect(Login("bh1", "127.0.0.1", "joe", port), access).close()
    assert seen.attempts[-1] == ("publickey", RSA.fingerprint)


def test_a_key_of_the_agent_and_then_a_password(agent: Agent, access: Access) -> None:
    agent.hold(RSA)
    rules = Rules(key=RSA, steps=(("publickey",), ("password",)))
    assert list_methods(log_in(rules, access, password=RIGHT)) == ["publickey", "password"]
