"""Host keys of real sshds are trusted exactly where OpenSSH's client trusts them."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from provision.errors import Unreachable
from provision.ssh.connection import Access, connect
from provision.ssh.login import Login
from tests.lab.debian import DebianHost
from tests.lab.nspawn import wait_until

pytestmark = pytest.mark.lab

KEYS = ("ed25519", "rsa", "ecdsa")
# What each sshd shows: host keys, and certificates by the options of ssh-keygen. All listen at once.
SERVERS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "plain": (KEYS, ()),
    "one": (("ed25519",), ()),
    "certified": (KEYS, ("-h", "-n", "other,ADDRESS")),
    "for all": (KEYS, ("-h",)),
    "for another": (KEYS, ("-h", "-n", "192.0.2.1")),
    "for a pattern": (KEYS, ("-h", "-n", "127.*")),
    "expired": (KEYS, ("-h", "-n", "ADDRESS", "-V", "20200101:20200102")),
    "of a user": (KEYS, ("-n", "ADDRESS")),
    "critical": (KEYS, ("-h", "-n", "ADDRESS", "-O", "critical:x@example.org")),
}
FIRST_PORT = 2201


@dataclass
class Servers:
    """A host with an sshd for each of ``SERVERS``."""

    host: DebianHost
    folder: Path  # keys of the host, of others and of authorities

    def port(self, server: str) -> int:
        return FIRST_PORT + list(SERVERS).index(server)

    def start(self) -> None:
        self.host.console("mkdir -p /srv/sshd", check=True)
        for name in (*KEYS, "other-rsa", "other-ed25519", "ca", "other-ca"):
            kind = name.removeprefix("other-").replace("ca", "ecdsa")
            keygen("-t", kind, "-N", "", "-f", str(self.folder / name))
        for server, (keys, options) in SERVERS.items():
            self._start(server, keys, options)
        assert wait_until(lambda: all(map(self._listens, SERVERS)), 60)

    def _start(self, server: str, keys: tuple[str, ...], options: tuple[str, ...]) -> None:
        port = self.port(server)
        lines = [f"ListenAddress {self.host.address}", f"Port {port}", "UseDNS no"]
        for each in keys:
            own = f"/srv/sshd/{port}-{each}"
            self._place(self.folder / each, own)
            lines.append(f"HostKey {own}")
            if options:
                asked = [option.replace("ADDRESS", self.host.address) for option in options]
                public = str(self.folder / f"{each}.pub")
                keygen("-s", str(self.folder / "ca"), "-I", "id", *asked, public)
                self._place(self.folder / f"{each}-cert.pub", f"{own}-cert.pub")
                lines.append(f"HostCertificate {own}-cert.pub")
        self.host.write(f"/srv/sshd/{port}.conf", "\n".join(lines) + "\n")
        command = f"systemd-run --quiet /usr/sbin/sshd -D -f /srv/sshd/{port}.conf"
        self.host.console(command, check=True)

    def _place(self, file: Path, path: str) -> None:
        self.host.console(["install", "-m", "600", "/dev/null", path], check=True)
        self.host.write(path, file.read_text())

    def _listens(self, server: str) -> bool:
        argv = ["ssh-keyscan", "-p", str(self.port(server)), "-t", "ed25519", self.host.address]
        return bool(subprocess.run(argv, capture_output=True, check=False).stdout)

    def spelt(self, line: str, server: str) -> str:
        """Fill in a line: HOST, PLAIN, and the name of a key at its end."""
        before, _, key = line.rpartition(" ")
        if (self.folder / f"{key}.pub").is_file():
            kind, blob, *_ = (self.folder / f"{key}.pub").read_text().split()
            line = f"{before} {kind} {blob}"
        name = f"[{self.host.address}]:{self.port(server)}"
        return line.replace("HOST", name).replace("PLAIN", self.host.address)

    def known(self, server: str, lines: tuple[str, ...], file: Path) -> Path:
        file.write_text("".join(self.spelt(line, server) + "\n" for line in lines))
        return file

    def believed_by_openssh(self, server: str, file: Path) -> bool:
        options = (
            "BatchMode=yes",
            "StrictHostKeyChecking=yes",
            f"UserKnownHostsFile={file}",
            "GlobalKnownHostsFile=/dev/null",
            "UpdateHostKeys=no",
        )
        flags = [part for option in options for part in ("-o", option)]
        argv = ["ssh", "-F", "none", "-i", str(self.host.private_key), *flags]
        where = ["-p", str(self.port(server)), f"root@{self.host.address}", "true"]
        return subprocess.run([*argv, *where], capture_output=True, check=False).returncode == 0

    def enter(self, server: str, file: Path, also: tuple[Path, ...] = ()) -> None:
        """Log in as Banstitch does.

        Raises:
            Unreachable: as it does.
        """
        address, key = self.host.address, str(self.host.private_key)
        login = Login("bh1", address, "root", self.port(server), private_key_file=key)
        connect(login, Access(file, accept_new=False, also=also)).close()


def keygen(*arguments: str) -> None:
    subprocess.run(["ssh-keygen", "-q", *arguments], check=True, stdin=subprocess.DEVNULL)


@pytest.fixture(scope="module")
def servers(bare_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with DebianHost(bare_root) as host:
        found = Servers(host, tmp_path_factory.mktemp("keys"))
        found.start()
        yield found


BELIEVED: dict[str, tuple[str, tuple[str, ...]]] = {
    "the RSA key alone": ("plain", ("HOST rsa",)),
    "the ECDSA key alone": ("plain", ("HOST ecdsa",)),
    "the ed25519 key alone": ("plain", ("HOST ed25519",)),
    "an old key and the right one, same type": ("plain", ("HOST other-rsa", "HOST rsa")),
    "an old key of another type": ("plain", ("HOST other-ed25519", "HOST ed25519", "HOST rsa")),
    "several names": ("plain", ("a.example.org,HOST,b rsa",)),
    "a pattern": ("plain", ("[127.*]:* rsa",)),
    "a pattern with a negation of others": ("plain", ("[127.*]:*,![192.0.2.1]:22 rsa",)),
    "the plain name": ("plain", ("PLAIN ed25519",)),
    "a revoked key that need not be shown": ("plain", ("@revoked * ed25519", "HOST rsa")),
    "broken lines": (
        "plain",
        ("@cert-authority", "HOST ssh-rsa AAAA", "@x HOST rsa", "garbage", "HOST rsa"),
    ),
    "Windows line ends": ("plain", ("# c\r", "HOST rsa", "\r")),
    "a CA": ("certified", ("@cert-authority HOST ca",)),
    "a CA for the plain name": ("certified", ("@cert-authority 127.* ca",)),
    "a CA beside an old key": ("certified", ("HOST other-rsa", "@cert-authority * ca")),
    "a key of a host with certificates": ("certified", ("HOST rsa",)),
    "a key beside a CA of others": ("certified", ("@cert-authority * other-ca", "HOST ed25519")),
    "a CA, and a host without certificates": ("plain", ("@cert-authority * ca", "HOST ecdsa")),
    "a certificate for all": ("for all", ("@cert-authority * ca",)),
    "a certificate of another host, and its key": (
        "for another",
        ("@cert-authority * ca", "HOST ed25519", "HOST rsa", "HOST ecdsa"),
    ),
}
REFUSED: dict[str, tuple[str, tuple[str, ...], str]] = {
    "nothing": ("plain", (), "unknown ssh-ed25519 key"),
    "another port": ("plain", ("[PLAIN]:1 rsa",), "unknown ssh-ed25519 key"),
    "a changed key": ("plain", ("HOST other-rsa",), "CHANGED"),
    "a type that is no longer there": ("one", ("HOST rsa",), "another type"),
    "a negation": ("plain", ("*,!HOST,!PLAIN,[127.*]:* ed25519",), "unknown"),
    "a revoked key": ("plain", ("HOST rsa", "@revoked * rsa"), "is revoked by"),
    "another key for the plain name": ("plain", ("PLAIN other-ed25519",), "unknown"),
    "another CA": ("certified", ("@cert-authority * other-ca",), "no certificate of the CA"),
    "a CA for others": ("certified", ("@cert-authority *.example.org ca",), "unknown"),
    "a CA, and no certificate": ("plain", ("@cert-authority * ca",), "no certificate of the CA"),
    "a revoked CA": ("certified", ("@cert-authority * ca", "@revoked * ca"), "the CA SHA256:"),
    "a certificate of another host": ("for another", ("@cert-authority * ca",), "is not for 127."),
    "a certificate for a pattern": ("for a pattern", ("@cert-authority * ca",), "is not for 127."),
    "an expired certificate": ("expired", ("@cert-authority * ca",), "expired on"),
    "a certificate of a user": ("of a user", ("@cert-authority * ca",), "not a certificate for"),
    "a critical option": ("critical", ("@cert-authority * ca",), "critical option"),
}


@pytest.mark.parametrize(("server", "lines"), BELIEVED.values(), ids=BELIEVED)
def test_a_host_that_openssh_trusts_is_entered(
    server: str, lines: tuple[str, ...], servers: Servers, tmp_path: Path
) -> None:
    file = servers.known(server, lines, tmp_path / "known_hosts")
    assert servers.believed_by_openssh(server, file)
    servers.enter(server, file)


@pytest.mark.parametrize(("server", "lines", "why"), REFUSED.values(), ids=REFUSED)
def test_a_host_that_openssh_refuses_is_refused_with_the_cause(
    server: str, lines: tuple[str, ...], why: str, servers: Servers, tmp_path: Path
) -> None:
    file = servers.known(server, lines, tmp_path / "known_hosts")
    assert not servers.believed_by_openssh(server, file)
    with pytest.raises(Unreachable) as error:
        servers.enter(server, file)
    assert why in error.value.message
    assert error.value.remedy


BELIEVED_BY_US = {
    "an RSA key for the plain name": ("plain", ("PLAIN rsa",)),
    "an RSA key beside a CA of others": ("certified", ("@cert-authority * other-ca", "HOST rsa")),
}


@pytest.mark.parametrize(("server", "lines"), BELIEVED_BY_US.values(), ids=BELIEVED_BY_US)
def test_the_right_key_is_asked_for_where_openssh_asks_for_another(
    server: str, lines: tuple[str, ...], servers: Servers, tmp_path: Path
) -> None:
    servers.enter(server, servers.known(server, lines, tmp_path / "known_hosts"))


def test_hashed_lines_and_openssh_s_own_files_are_trusted(servers: Servers, tmp_path: Path) -> None:
    file = servers.known("plain", ("HOST rsa", "other ecdsa"), tmp_path / "ssh_known_hosts")
    keygen("-H", "-f", str(file))
    assert "|1|" in file.read_text()
    missing = tmp_path / "known_hosts"
    servers.enter("plain", missing, (tmp_path / "missing", file))
    assert not missing.exists()


def test_a_key_that_was_accepted_once_is_trusted_by_openssh_as_well(
    servers: Servers, tmp_path: Path
) -> None:
    address, key = servers.host.address, str(servers.host.private_key)
    login = Login("bh1", address, "root", servers.port("plain"), private_key_file=key)
    file = tmp_path / "known_hosts"
    connect(login, Access(file, accept_new=True)).close()
    assert servers.believed_by_openssh("plain", file)
    servers.enter("plain", file)
