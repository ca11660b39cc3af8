"""Logins to a real sshd with PAM; its log counts the refusals.

`tests/unit/ssh/test_causes.py` covers the causes that OpenSSH does not have.
"""

from __future__ import annotations

import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import paramiko
import pytest

from provision.errors import Unreachable
from provision.linux.agent.protocol.observe import Observe
from provision.linux.session.session import BanHostSession
from provision.ssh import causes, connection
from provision.ssh.connection import Access, connect
from provision.ssh.login import Login
from tests.e2e.sshd_host import PASSWORD, SshdHost, agent, generate, lock
from tests.lab.debian import DebianHost

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def world(bare_root: Path) -> Iterator[SshdHost]:
    with DebianHost(bare_root) as host:
        yield SshdHost(host)


@pytest.fixture
def access(tmp_path: Path) -> Access:
    return Access(tmp_path / "known_hosts", accept_new=True)


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    return tmp_path


def refusal(login: Login, access: Access) -> Unreachable:
    with pytest.raises(Unreachable) as caught:
        connect(login, access)
    assert PASSWORD not in str(caught.value)
    return caught.value


def test_with_eight_keys_in_the_agent_a_password_and_a_named_key_log_in(
    world: SshdHost, access: Access, home: Path
) -> None:
    sshd = world.sshd("MaxAuthTries 3")
    right = generate(home / "right")
    world.authorize(right)
    with agent(home, *(generate(home / f"other{n}") for n in range(8))):
        connect(world.login(sshd, password=PASSWORD), access).close()
        connect(world.login(sshd, private_key_file=str(right)), access).close()
    assert sshd.refused() == 0


def test_the_ninth_key_of_the_agent_is_never_offered_and_the_error_says_so(
    world: SshdHost, access: Access, home: Path
) -> None:
    sshd = world.sshd()
    right = generate(home / "right")
    world.authorize(right)
    with agent(home, *(generate(home / f"other{n}") for n in range(8)), right):
        error = refusal(world.login(sshd), access)
    assert type(error) is causes.TooManyAttempts
    assert "closed the session after 6 keys (MaxAuthTries)" in error.message
    assert "ansible_ssh_private_key_file" in error.remedy


@pytest.mark.parametrize("kind", ["rsa", "ecdsa", "ed25519"])
def test_a_key_that_is_not_authorized_is_named(
    kind: str, world: SshdHost, access: Access, home: Path
) -> None:
    sshd = world.sshd()
    key = generate(home / "id_other", kind)
    error = refusal(world.login(sshd, private_key_file=str(key)), access)
    assert type(error) is causes.KeyRefused
    shown = subprocess.run(["ssh-keygen", "-lf", key], capture_output=True, text=True, check=True)
    assert f"key refused for joe: {key} ({kind}" in error.message
    assert shown.stdout.split()[1] in error.message
    assert sshd.refused() == 1


def test_an_rsa_key_signs_as_the_server_requires(
    world: SshdHost, access: Access, home: Path
) -> None:
    sshd = world.sshd("PubkeyAcceptedAlgorithms rsa-sha2-512")
    key = generate(home / "id_rsa", "rsa")
    world.authorize(key)
    connect(world.login(sshd, private_key_file=str(key)), access).close()
    assert sshd.refused() == 0


def test_a_certificate_beside_the_key_logs_in(world: SshdHost, access: Access, home: Path) -> None:
    authority = generate(home / "ca")
    world.host.write("/root/ca.pub", Path(f"{authority}.pub").read_text())
    sshd = world.sshd("TrustedUserCAKeys /root/ca.pub\nAuthorizedKeysFile none")
    for kind in ("rsa", "ecdsa", "ed25519"):
        key = generate(home / f"id_{kind}", kind)
        sign = ["ssh-keygen", "-q", "-s", str(authority), "-I", "joe", "-n", "joe", f"{key}.pub"]
        subprocess.run(sign, check=True)
        connect(world.login(sshd, private_key_file=str(key)), access).close()
        with agent(home, key):
            lock(key)
            connect(world.login(sshd, private_key_file=str(key)), access).close()
    assert sshd.refused() == 0


def test_a_key_with_a_passphrase_logs_in_by_the_agent(
    world: SshdHost, access: Access, home: Path
) -> None:
    sshd = world.sshd()
    key = generate(home / "id")
    world.authorize(key)
    with agent(home, key):
        lock(key)
        connect(world.login(sshd, private_key_file=str(key)), access).close()
    error = refusal(world.login(sshd, private_key_file=str(key)), access)
    assert type(error) is causes.PassphraseNeeded


@pytest.mark.parametrize("lines", ["", "KbdInteractiveAuthentication yes"])
def test_a_wrong_password_is_sent_once(lines: str, world: SshdHost, access: Access) -> None:
    sshd = world.sshd(lines)
    login = world.login(sshd, password=f"wrong-{sshd.port}")
    for _ in range(2):
        error = refusal(login, access)
        assert type(error) is causes.PasswordRefused
        assert "password refused for joe" in error.message
    assert sshd.refused() == 1


def test_key_and_password_together_log_in_and_the_error_of_one_alone_names_the_other(
    world: SshdHost, access: Access, home: Path
) -> None:
    sshd = world.sshd("AuthenticationMethods publickey,password")
    key = generate(home / "id")
    world.authorize(key)
    connect(world.login(sshd, private_key_file=str(key), password=PASSWORD), access).close()
    error = refusal(world.login(sshd, private_key_file=str(key)), access)
    assert type(error) is causes.MethodMissing
    assert f"accepted so far: publickey ({key}); the server still wants: password" in error.message
    assert "set ansible_password" in error.remedy
    error = refusal(world.login(sshd, password=PASSWORD), access)
    assert "the server wants: publickey" in error.message


def test_a_password_twice_by_two_methods(world: SshdHost, access: Access) -> None:
    sshd = world.sshd(
        "KbdInteractiveAuthentication yes\nAuthenticationMethods password,keyboard-interactive"
    )
    connect(world.login(sshd, password=PASSWORD), access).close()
    assert sshd.refused() == 0


@pytest.mark.parametrize("lines", ["AllowUsers somebody", "DenyUsers joe", "AllowGroups wheel"])
def test_a_user_who_may_not_log_in_is_named(
    lines: str, world: SshdHost, access: Access, home: Path
) -> None:
    sshd = world.sshd(lines)
    key = generate(home / "id")
    world.authorize(key)
    error = refusal(world.login(sshd, private_key_file=str(key)), access)
    assert f"key refused for joe: {key}" in error.message
    assert "check that sshd lets joe in" in error.remedy


def test_the_error_of_root_without_permission_names_the_refused_key(
    world: SshdHost, access: Access
) -> None:
    sshd = world.sshd("PermitRootLogin no")
    key = str(world.host.private_key)
    error = refusal(world.login(sshd, "root", private_key_file=key), access)
    assert f"key refused for root: {key} (ed25519, SHA256:" in error.message


def test_the_message_about_a_closed_account_is_shown(world: SshdHost, access: Access) -> None:
    for lines in ("", "KbdInteractiveAuthentication yes"):
        sshd = world.sshd(f"{lines}\nBanner /etc/issue.net")
        error = refusal(world.login(sshd, "closed", password=PASSWORD), access)
        assert type(error) is causes.AccountLocked, error
        assert "Your account has expired" in error.message
        assert "Debian" not in error.message  # the banner for everybody


def test_an_account_whose_password_is_locked(world: SshdHost, access: Access) -> None:
    error = refusal(world.login(world.sshd(), "locked", password=PASSWORD), access)
    assert type(error) is causes.PasswordRefused


def test_a_password_that_has_expired(world: SshdHost, access: Access) -> None:
    prompting = world.sshd("KbdInteractiveAuthentication yes")
    error = refusal(world.login(prompting, "expired", password=PASSWORD), access)
    assert type(error) is causes.PasswordExpired
    login = world.login(world.sshd(), "expired", password=PASSWORD)
    with BanHostSession(login, access) as host, pytest.raises(causes.PasswordExpired) as caught:
        host.ask(Observe())
    assert "the password of expired has expired" in caught.value.message
    assert "set a new password" in caught.value.remedy


@pytest.mark.parametrize("pam", ["yes", "no"])
def test_the_message_of_a_host_that_is_shut_down_is_shown(
    pam: str, world: SshdHost, access: Access
) -> None:
    sshd = world.sshd(f"UsePAM {pam}")
    world.host.console("echo 'Back at noon: the disks are being replaced.' >/etc/nologin")
    try:
        login = world.login(sshd, password=PASSWORD)
        with pytest.raises(Unreachable) as caught, BanHostSession(login, access) as host:
            host.ask(Observe())
    finally:
        world.host.console("rm /etc/nologin", check=True)
    assert 'says: "Back at noon: the disks are being replaced."' in caught.value.message


def test_an_sshd_at_its_limit_of_connections(
    world: SshdHost, access: Access, monkeypatch: pytest.MonkeyPatch
) -> None:
    sshd = world.sshd("MaxStartups 1")
    where = (world.host.address, sshd.port)
    with socket.create_connection(where) as held:
        assert held.recv(4) == b"SSH-"
        monkeypatch.setattr(connection, "BUSY_FOR", 1.0)
        error = refusal(world.login(sshd, password=PASSWORD), access)
        assert type(error) is causes.Busy
        assert "bh1 is refusing new connections (busy)" in error.message
        monkeypatch.setattr(connection, "BUSY_FOR", 20.0)
        threading.Timer(1.0, lambda: held.shutdown(socket.SHUT_RDWR)).start()
        connect(world.login(sshd, password=PASSWORD), access).close()


def test_an_sshd_without_a_common_key_exchange(world: SshdHost, access: Access) -> None:
    sshd = world.sshd("KexAlgorithms sntrup761x25519-sha512@openssh.com")
    error = refusal(world.login(sshd, password=PASSWORD), access)
    assert type(error) is causes.NoCommonAlgorithm
    assert "the server offers sntrup761x25519-sha512@openssh.com" in error.message


def test_programs_run_over_the_connection(world: SshdHost, access: Access) -> None:
    login = world.login(world.sshd(), password=PASSWORD)
    connection = connect(login, access)
    try:
        channel = connection.get_transport().open_session()
        channel.exec_command("id -un")
        assert channel.makefile().read() == b"joe\n"
    finally:
        connection.close()
    assert isinstance(connection.get_transport(), paramiko.Transport)
