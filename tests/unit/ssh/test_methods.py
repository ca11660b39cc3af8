"""Keys and passwords are offered in the right order and number; the server counts them."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import paramiko
import pytest

from provision.errors import Unreachable
from provision.ssh import causes, keys
from provision.ssh.connection import Access, connect
from provision.ssh.login import Login
from tests.unit.ssh.ssh_server import Rules, Seen, TypedCodes, ssh_server

RIGHT = "right-password"
RSA = paramiko.RSAKey.generate(2048)
ECDSA = paramiko.ECDSAKey.generate()
PASSWORD = (("password",),)


@pytest.fixture(scope="module")
def eight_keys(tmp_path_factory: pytest.TempPathFactory) -> list[paramiko.PKey]:
    return [paramiko.ECDSAKey.generate() for _ in range(8)]


class Agent:
    """A real ssh-agent."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.socket = folder / "agent"
        self._process = subprocess.Popen(
            [shutil.which("ssh-agent") or "ssh-agent", "-D", "-a", str(self.socket)],
            stdout=subprocess.PIPE,
        )
        assert self._process.stdout
        self._process.stdout.readline()  # it listens

    def add(self, path: str | Path) -> None:
        environment = {**os.environ, "SSH_AUTH_SOCK": str(self.socket)}
        subprocess.run(["ssh-add", "-q", str(path)], env=environment, check=True)

    def hold(self, key: paramiko.PKey, name: str = "key-of-agent") -> None:
        path = self._folder / name
        key.write_private_key_file(str(path))
        self.add(path)
        path.unlink()

    def pause(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def empty(self) -> None:
        environment = {**os.environ, "SSH_AUTH_SOCK": str(self.socket)}
        subprocess.run(["ssh-add", "-q", "-D"], env=environment, check=True)

    def stop(self) -> None:
        self._process.send_signal(signal.SIGCONT)
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(10)


@pytest.fixture
def agent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Agent]:
    running = Agent(tmp_path)
    monkeypatch.setenv("SSH_AUTH_SOCK", str(running.socket))
    try:
        yield running
    finally:
        running.stop()


def save(key: paramiko.PKey, path: Path, passphrase: str | None = None) -> str:
    key.write_private_key_file(str(path), password=passphrase)
    return str(path)


def log_in(rules: Rules, access: Access, **login: object) -> Seen:
    """Log in, which must succeed."""
    with ssh_server(rules) as (port, seen):
        connect(Login("bh1", "127.0.0.1", "joe", port, **login), access).close()  # type: ignore[arg-type]
    return seen


def refused(rules: Rules, access: Access, **login: object) -> tuple[Unreachable, Seen]:
    """Log in, which must fail."""
    with ssh_server(rules) as (port, seen), pytest.raises(Unreachable) as caught:
        connect(Login("bh1", "127.0.0.1", "joe", port, **login), access)  # type: ignore[arg-type]
    return caught.value, seen


def methods(seen: Seen) -> list[str]:
    return [method for method, _ in seen.attempts]


def test_a_password_is_sent_before_any_key_of_the_agent(
    agent: Agent, access: Access, eight_keys: list[paramiko.PKey]
) -> None:
    for key in eight_keys:
        agent.hold(key)
    assert methods(log_in(Rules(), access, password=RIGHT)) == ["password"]


def test_a_named_key_is_offered_before_any_key_of_the_agent(
    agent: Agent, access: Access, home: Path, eight_keys: list[paramiko.PKey]
) -> None:
    for key in eight_keys:
        agent.hold(key)
    seen = log_in(Rules(key=RSA), access, private_key_file=save(RSA, home / "id"))
    assert seen.attempts == [("publickey", RSA.fingerprint)]


def test_a_named_key_comes_before_the_password(access: Access, home: Path) -> None:
    path = save(RSA, home / "id")
    seen = log_in(Rules(key=ECDSA), access, private_key_file=path, password=RIGHT)
    assert methods(seen) == ["publickey", "password"]


def test_a_ninth_key_of_the_agent_is_never_offered_and_the_error_has_a_remedy(
    agent: Agent, access: Access, eight_keys: list[paramiko.PKey]
) -> None:
    for key in eight_keys:
        agent.hold(key)
    agent.hold(RSA)
    rules = Rules(key=RSA, most=6, parting="Too many authentication failures")
    error, seen = refused(rules, access)
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
    error, _ = refused(Rules(most=3), access)
    assert "closed the session after 3 keys (MaxAuthTries)" in error.message


def test_a_key_of_the_agent_is_named_by_its_comment(agent: Agent, access: Access) -> None:
    agent.hold(ECDSA, "laptop")
    error, _ = refused(Rules(key=RSA), access)
    assert type(error) is causes.KeyRefused
    assert "laptop" in error.message
    assert f"(ecdsa 256, {ECDSA.fingerprint})" in error.message


def test_without_a_named_key_the_agent_comes_before_the_default_files(
    agent: Agent, access: Access, home: Path
) -> None:
    agent.hold(ECDSA)
    save(RSA, home / ".ssh" / "id_rsa")
    seen = log_in(Rules(key=RSA), access)
    assert seen.attempts == [("publickey", ECDSA.fingerprint), ("publickey", RSA.fingerprint)]


def test_a_key_in_both_agent_and_file_is_offered_once(
    agent: Agent, access: Access, home: Path
) -> None:
    agent.hold(RSA)
    path = save(RSA, home / ".ssh" / "id_rsa")
    assert methods(refused(Rules(), access)[1]) == ["publickey"]
    assert methods(refused(Rules(), access, private_key_file=path)[1]) == ["publickey"]


def test_a_default_file_with_a_passphrase_is_mentioned(access: Access, home: Path) -> None:
    path = save(RSA, home / ".ssh" / "id_rsa", "its passphrase")
    error, _ = refused(Rules(), access)
    assert f"{path} has a passphrase" in error.message


def test_a_named_key_with_a_passphrase_is_used_by_the_agent(
    agent: Agent, access: Access, home: Path, eight_keys: list[paramiko.PKey]
) -> None:
    for key in eight_keys:
        agent.hold(key)
    path = home / "id"
    agent.hold(RSA, "id")
    save(RSA, path)
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
    save(RSA, home / ".ssh" / "id_rsa")
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
        assert methods(log_in(Rules(key=RSA), access)) == ["publickey"]
        error, seen = refused(Rules(), access)
        server.shutdown(socket.SHUT_RDWR)
    assert methods(seen) == ["publickey"]
    assert "ssh-agent does not answer as one" in error.message


def test_an_agent_that_does_not_answer_is_skipped(
    agent: Agent, access: Access, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one that was forwarded over a line that is broken now."""
    monkeypatch.setattr(keys, "AGENT_TIMEOUT", 0.3)
    agent.hold(ECDSA)
    save(RSA, home / ".ssh" / "id_rsa")
    agent.pause()
    assert methods(log_in(Rules(key=RSA), access)) == ["publickey"]
    assert "ssh-agent has not answered within 0.3 s" in refused(Rules(), access)[0].message


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
    save(RSA, home / ".ssh" / "id_rsa")
    with ssh_server(Rules(key=RSA, before_key=agent.empty)) as (port, seen):
        connect(Login("bh1", "127.0.0.1", "joe", port), access).close()
    assert seen.attempts[-1] == ("publickey", RSA.fingerprint)


# --- signatures of RSA keys ------------------------------------------------------------------------


@pytest.mark.parametrize("held", ["by file", "by agent"])
def test_an_rsa_key_logs_in_where_only_sha_1_signatures_are_supported(
    held: str, agent: Agent, access: Access, home: Path
) -> None:
    """FortiOS before 7.0.14 and 7.2.8, OpenSSH before 7.2: another signature ends the connection."""
    named = {"private_key_file": save(RSA, home / "id")} if held == "by file" else {}
    agent.hold(RSA)
    assert methods(log_in(Rules(key=RSA, sha1_only=True), access, **named)) == ["publickey"]


def test_an_rsa_key_logs_in_where_the_server_does_not_list_its_signatures(
    access: Access, home: Path
) -> None:
    path = save(RSA, home / "id")
    seen = log_in(Rules(key=RSA, quiet_about_signatures=True), access, private_key_file=path)
    assert methods(seen) == ["publickey"]


# --- a password is never tried twice ---------------------------------------------------------------


def test_a_refused_password_is_not_sent_by_a_second_login(access: Access) -> None:
    with ssh_server(Rules(steps=PASSWORD)) as (port, seen):
        login = Login("fgt1", "127.0.0.1", "admin", port, password="refused-once")
        for _ in range(3):
            with pytest.raises(
                causes.PasswordRefused, match="password refused for admin"
            ) as caught:
                connect(login, access)
        assert seen.attempts == [("password", "refused-once")]
        assert "not sent again" in caught.value.message
        connect(Login("fgt1", "127.0.0.1", "admin", port, password=RIGHT), access).close()


def test_a_password_refused_by_prompts_is_not_sent_by_the_other_method(
    access: Access,
) -> None:
    rules = Rules(
        steps=(("password", "keyboard-interactive"),),
        rounds=((("Password: ", False),),),
        answers=(RIGHT,),
    )
    _, seen = refused(rules, access, password="refused-by-prompts")
    assert len(seen.attempts) == 1


def test_without_prompts_the_password_is_sent_by_the_other_method(
    access: Access,
) -> None:
    rules = Rules(steps=(("password", "keyboard-interactive"),))
    assert methods(log_in(rules, access, password=RIGHT)) == ["keyboard-interactive", "password"]


# --- more than one step ----------------------------------------------------------------------------


def test_a_key_and_then_a_password(access: Access, home: Path) -> None:
    rules = Rules(key=RSA, steps=(("publickey",), ("password",)))
    path = save(RSA, home / "id")
    seen = log_in(rules, access, private_key_file=path, password=RIGHT)
    assert methods(seen) == ["publickey", "password"]


def test_a_key_of_the_agent_and_then_a_password(agent: Agent, access: Access) -> None:
    agent.hold(RSA)
    rules = Rules(key=RSA, steps=(("publickey",), ("password",)))
    assert methods(log_in(rules, access, password=RIGHT)) == ["publickey", "password"]


def test_a_password_and_then_prompts_for_it(access: Access) -> None:
    rules = Rules(
        steps=(("password",), ("keyboard-interactive",)),
        rounds=((("Password: ", False),),),
        answers=(RIGHT,),
    )
    seen = log_in(rules, access, password=RIGHT)
    assert methods(seen) == ["password", "keyboard-interactive"]


CODE = ((("Password: ", False),), (("Verification code: ", False),))
PROMPTS = (("keyboard-interactive",),)


def test_a_code_is_requested_once_and_sent(access: Access) -> None:
    access.codes = codes = TypedCodes("123456")
    rules = Rules(steps=PROMPTS, rounds=CODE, answers=(RIGHT, "123456"))
    with ssh_server(rules) as (port, _):
        login = Login("fgt1", "127.0.0.1", "admin", port, password=RIGHT)
        connect(login, access).close()
    assert codes.prompts == ["fgt1: Verification code:"]


def test_a_wrong_code_after_an_accepted_password_is_a_wrong_code(
    access: Access,
) -> None:
    rules = Rules(
        steps=(("password",), ("keyboard-interactive",)),
        rounds=((("Verification code: ", False),),),
        answers=("123456",),
    )
    with ssh_server(rules) as (port, seen):
        login = Login("fgt1", "127.0.0.1", "admin", port, password=RIGHT)
        access.codes = TypedCodes("000000")
        with pytest.raises(causes.CodeRefused, match="code refused for admin") as caught:
            connect(login, access)
        assert "password" not in caught.value.message
        access.codes = TypedCodes("123456")
        connect(login, access).close()
    assert seen.count("keyboard-interactive") == 2


def test_the_text_above_a_prompt_is_shown_with_it(access: Access) -> None:
    access.codes = codes = TypedCodes("123456")
    rules = Rules(
        steps=PROMPTS, rounds=CODE, answers=(RIGHT, "123456"), text="Open your\nFortiToken"
    )
    with ssh_server(rules) as (port, _):
        login = Login("fgt1", "127.0.0.1", "admin", port, password=RIGHT)
        connect(login, access).close()
    assert codes.prompts == ["fgt1: Open your FortiToken Verification code:"]


def test_a_wrong_code_is_not_called_a_wrong_password(access: Access) -> None:
    rules = Rules(steps=PROMPTS, rounds=CODE, answers=(RIGHT, "123456"))
    with ssh_server(rules) as (port, seen):
        login = Login("fgt1", "127.0.0.1", "admin", port, password=RIGHT)
        access.codes = TypedCodes("000000")
        with pytest.raises(causes.CodeRefused, match="password or code refused for admin"):
            connect(login, access)
        access.codes = TypedCodes("123456")
        connect(login, access).close()
    assert seen.connections == 2
