"""Logins at a real sshd with PAM, set up as operators set it up; refusals are counted in its log.

One Debian host runs an sshd for each configuration. `tests/unit/ssh/test_causes.py` has the causes that
OpenSSH does not know.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import paramiko
import pytest

from provision.errors import Unreachable
from provision.linux.session.session import BanHostSession
from provision.ssh import causes, connection
from provision.ssh.connection import Access, connect
from provision.ssh.login import Login
from tests.lab.debian import DebianHost
from tests.lab.nspawn import wait_until

pytestmark = pytest.mark.lab

# Users of the host, and what was done to each.
USERS = {
    "expired": "chage -d 0 expired",
    "closed": "chage -E 0 closed",
    "locked": "passwd -q -l locked",
    "joe": "true",
}
PASSWORD = "the-password-of-all"


class Sshd:
    """One sshd of the host, with lines of its own before those of the host's configuration."""

    def __init__(self, host: DebianHost, port: int, lines: str) -> None:
        self._host = host
        self.port = port
        self._log = f"/root/sshd-{port}.log"
        config = f"/root/sshd-{port}.conf"
        common = "UsePAM yes\nUseDNS no\nLogLevel VERBOSE\nKbdInteractiveAuthentication no\n"
        text = f"Port {port}\nListenAddress {host.address}\nPidFile none\n{lines}\n{common}"
        host.write(config, text)
        host.console(["/usr/sbin/sshd", "-f", config, "-E", self._log], check=True)
        assert wait_until(lambda: "Server listening" in host.read(self._log), 20)

    def refused(self) -> int:
        """Return how many attempts it has refused; it notes each before it answers."""
        log = self.log
        return sum(log.count(each) for each in ("Failed p", "PAM: Authentication failure for"))

    @property
    def log(self) -> str:
        return self._host.read(self._log)


class World:
    """The host, and logins to it."""

    def __init__(self, host: DebianHost) -> None:
        self.host = host
        self._ports = itertools.count(2300)

    def sshd(self, lines: str = "") -> Sshd:
        return Sshd(self.host, next(self._ports), lines)

    def login(self, sshd: Sshd, user: str = "joe", **more: Any) -> Login:
        return Login("bh1", self.host.address, user, sshd.port, **more)


@pytest.fixture(scope="module")
def world(bare_root: Path) -> Iterator[World]:
    with DebianHost(bare_root) as host:
        for user, change in USERS.items():
            host.console(f"useradd -m -s /bin/sh {user}", check=True)
            host.console(["chpasswd"], stdin=f"{user}:{PASSWORD}\n", check=True)
            host.console(change, check=True)
        yield World(host)


@pytest.fixture
def access(tmp_path: Path) -> Access:
    return Access(tmp_path / "known_hosts", accept_new=True)


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    return tmp_path


def generate(path: Path, kind: str = "ed25519", passphrase: str = "") -> Path:
    """Make a key as operators do."""
    argv = ["ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-C", path.name, "-f", str(path)]
    subprocess.run(argv, check=True)
    return path


def lock(key: Path) -> None:
    """Give a key a passphrase."""
    argv = ["ssh-keygen", "-q", "-p", "-P", "", "-N", "its passphrase", "-f", str(key)]
    subprocess.run(argv, check=True)


def authorize(world: World, *keys: Path, user: str = "joe") -> None:
    lines = "".join(Path(f"{key}.pub").read_text() for key in keys)
    home = f"/home/{user}/.ssh"
    world.host.console(f"install -d -m 700 -o {user} -g {user} {home}", check=True)
    world.host.console(f"install -m 600 -o {user} /dev/stdin {home}/authorized_keys", stdin=lines)


@contextlib.contextmanager
def agent(folder: Path, *keys: Path) -> Iterator[None]:
    """A real ssh-agent that holds ``keys``."""
    program = shutil.which("ssh-agent") or "ssh-agent"
    running = subprocess.Popen([program, "-D", "-a", str(folder / "agent")], stdout=subprocess.PIPE)
    assert running.stdout
    running.stdout.readline()
    os.environ["SSH_AUTH_SOCK"] = str(folder / "agent")
    try:
        subprocess.run(["ssh-add", "-q", *map(str, keys)], check=True)
        yield
    finally:
        del os.environ["SSH_AUTH_SOCK"]
        running.send_signal(signal.SIGTERM)
        running.wait(10)


def refusal(login: Login, access: Access) -> Unreachable:
    with pytest.raises(Unreachable) as caught:
        connect(login, access)
    assert PASSWORD not in str(caught.value)
    return caught.value


def test_with_eight_keys_in_the_agent_a_password_and_a_named_key_log_in(
    world: World, access: Access, home: Path
) -> None:
    sshd = world.sshd("MaxAuthTries 3")
    right = generate(home / "right")
    authorize(world, right)
    with agent(home, *(generate(home / f"other{n}") for n in range(8))):
        connect(world.login(sshd, password=PASSWORD), access).close()
        connect(world.login(sshd, private_key_file=str(right)), access).close()
    assert sshd.refused() == 0


def test_the_ninth_key_of_the_agent_comes_too_late_and_the_error_says_so(
    world: World, access: Access, home: Path
) -> None:
    sshd = world.sshd()
    right = generate(home / "right")
    authorize(world, right)
    with agent(home, *(generate(home / f"other{n}") for n in range(8)), right):
        error = refusal(world.login(sshd), access)
    assert type(error) is causes.TooManyAttempts
    assert "closed the session after 6 keys (MaxAuthTries)" in error.what
    assert "ansible_ssh_private_key_file" in error.remedy


@pytest.mark.parametrize("kind", ["rsa", "ecdsa", "ed25519"])
def test_a_key_that_is_not_authorized_is_named(
    kind: str, world: World, access: Access, home: Path
) -> None:
    sshd = world.sshd()
    key = generate(home / "id_other", kind)
    error = refusal(world.login(sshd, private_key_file=str(key)), access)
    assert type(error) is causes.KeyRefused
    shown = subprocess.run(["ssh-keygen", "-lf", key], capture_output=True, text=True, check=True)
    assert f"key refused for joe: {key} ({kind}" in error.what
    assert shown.stdout.split()[1] in error.what
    assert sshd.refused() == 1


def test_an_rsa_key_signs_as_the_server_wants(world: World, access: Access, home: Path) -> None:
    sshd = world.sshd("PubkeyAcceptedAlgorithms rsa-sha2-512")
    key = generate(home / "id_rsa", "rsa")
    authorize(world, key)
    connect(world.login(sshd, private_key_file=str(key)), access).close()
    assert sshd.refused() == 0


def test_a_certificate_beside_the_key_logs_in(world: World, access: Access, home: Path) -> None:
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
    world: World, access: Access, home: Path
) -> None:
    sshd = world.sshd()
    key = generate(home / "id")
    authorize(world, key)
    with agent(home, key):
        lock(key)
        connect(world.login(sshd, private_key_file=str(key)), access).close()
    error = refusal(world.login(sshd, private_key_file=str(key)), access)
    assert type(error) is causes.PassphraseNeeded


@pytest.mark.parametrize("lines", ["", "KbdInteractiveAuthentication yes"])
def test_a_wrong_password_is_sent_once(lines: str, world: World, access: Access) -> None:
    sshd = world.sshd(lines)
    login = world.login(sshd, password=f"wrong-{sshd.port}")
    for _ in range(2):
        error = refusal(login, access)
        assert type(error) is causes.PasswordRefused
        assert "password refused for joe" in error.what
    assert sshd.refused() == 1


def test_key_and_password_together_log_in_and_each_alone_is_told_what_is_missing(
    world: World, access: Access, home: Path
) -> None:
    sshd = world.sshd("AuthenticationMethods publickey,password")
    key = generate(home / "id")
    authorize(world, key)
    connect(world.login(sshd, private_key_file=str(key), password=PASSWORD), access).close()
    error = refusal(world.login(sshd, private_key_file=str(key)), access)
    assert type(error) is causes.MethodMissing
    assert f"accepted so far: publickey ({key}); the server still wants: password" in error.what
    assert "set ansible_password" in error.remedy
    error = refusal(world.login(sshd, password=PASSWORD), access)
    assert "the server wants: publickey" in error.what


def test_a_password_twice_by_two_methods(world: World, access: Access) -> None:
    sshd = world.sshd(
        "KbdInteractiveAuthentication yes\nAuthenticationMethods password,keyboard-interactive"
    )
    connect(world.login(sshd, password=PASSWORD), access).close()
    assert sshd.refused() == 0


@pytest.mark.parametrize("lines", ["AllowUsers somebody", "DenyUsers joe", "AllowGroups wheel"])
def test_a_user_who_may_not_log_in_is_named(
    lines: str, world: World, access: Access, home: Path
) -> None:
    sshd = world.sshd(lines)
    key = generate(home / "id")
    authorize(world, key)
    error = refusal(world.login(sshd, private_key_file=str(key)), access)
    assert f"key refused for joe: {key}" in error.what
    assert "check that sshd lets joe in" in error.remedy


def test_root_without_permission_is_told_which_key_was_refused(
    world: World, access: Access
) -> None:
    sshd = world.sshd("PermitRootLogin no")
    key = str(world.host.private_key)
    error = refusal(world.login(sshd, "root", private_key_file=key), access)
    assert f"key refused for root: {key} (ed25519, SHA256:" in error.what


def test_the_words_of_an_account_that_is_closed(world: World, access: Access) -> None:
    for lines in ("", "KbdInteractiveAuthentication yes"):
        sshd = world.sshd(f"{lines}\nBanner /etc/issue.net")
        error = refusal(world.login(sshd, "closed", password=PASSWORD), access)
        assert type(error) is causes.AccountLocked, error
        assert "Your account has expired" in error.what
        assert "Debian" not in error.what  # the banner that everybody is shown


def test_an_account_whose_password_is_locked(world: World, access: Access) -> None:
    error = refusal(world.login(world.sshd(), "locked", password=PASSWORD), access)
    assert type(error) is causes.PasswordRefused


def test_a_password_that_has_expired(world: World, access: Access) -> None:
    prompting = world.sshd("KbdInteractiveAuthentication yes")
    error = refusal(world.login(prompting, "expired", password=PASSWORD), access)
    assert type(error) is causes.PasswordExpired
    login = world.login(world.sshd(), "expired", password=PASSWORD)
    with BanHostSession(login, access) as host, pytest.raises(causes.PasswordExpired) as caught:
        host.ask({"do": "observe"})
    assert "the password of expired has expired" in caught.value.what
    assert "set a new password" in caught.value.remedy


@pytest.mark.parametrize("pam", ["yes", "no"])
def test_the_words_of_a_host_that_is_shut_down(pam: str, world: World, access: Access) -> None:
    sshd = world.sshd(f"UsePAM {pam}")
    world.host.console("echo 'Back at noon: the disks are being replaced.' >/etc/nologin")
    try:
        login = world.login(sshd, password=PASSWORD)
        with pytest.raises(Unreachable) as caught, BanHostSession(login, access) as host:
            host.ask({"do": "observe"})
    finally:
        world.host.console("rm /etc/nologin", check=True)
    assert 'says: "Back at noon: the disks are being replaced."' in caught.value.what


def test_an_sshd_at_its_limit_of_connections(
    world: World, access: Access, monkeypatch: pytest.MonkeyPatch
) -> None:
    sshd = world.sshd("MaxStartups 1")
    where = (world.host.address, sshd.port)
    with socket.create_connection(where) as held:
        assert held.recv(4) == b"SSH-"
        monkeypatch.setattr(connection, "BUSY_FOR", 1.0)
        error = refusal(world.login(sshd, password=PASSWORD), access)
        assert type(error) is causes.Busy
        assert "bh1 is refusing new connections (busy)" in error.what
        monkeypatch.setattr(connection, "BUSY_FOR", 20.0)
        threading.Timer(1.0, lambda: held.shutdown(socket.SHUT_RDWR)).start()
        connect(world.login(sshd, password=PASSWORD), access).close()


def test_an_sshd_without_a_common_key_exchange(world: World, access: Access) -> None:
    sshd = world.sshd("KexAlgorithms sntrup761x25519-sha512@openssh.com")
    error = refusal(world.login(sshd, password=PASSWORD), access)
    assert type(error) is causes.NoCommonAlgorithm
    assert "the server offers sntrup761x25519-sha512@openssh.com" in error.what


def test_a_key_held_by_an_sshd_is_used_for_programs_too(world: World, access: Access) -> None:
    """What is returned is a connection like any other."""
    login = world.login(world.sshd(), password=PASSWORD)
    connection = connect(login, access)
    try:
        channel = connection.get_transport().open_session()
        channel.exec_command("id -un")
        assert channel.makefile().read() == b"joe\n"
    finally:
        connection.close()
    assert isinstance(connection.get_transport(), paramiko.Transport)
