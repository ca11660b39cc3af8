"""Two jump hosts with the default limits of OpenSSH, for an operator with a key and a home of their own."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from provision.ssh.login import Login
from tests.e2e.sshd_host import Sshd, SshdHost, generate

# sshd's own default: it drops some connections when ten have not logged in yet.
LIMITS = "MaxStartups 10:30:100\nMaxSessions 10"


@dataclass
class Bastions:
    """Two jump hosts for the user `joe`, who has a default key in ``home``."""

    world: SshdHost
    home: Path
    first: Sshd
    second: Sshd

    @property
    def jumps(self) -> str:
        """Both of them, as `ssh -J` takes them."""
        address = self.world.host.address
        return ",".join(f"joe@{address}:{each.port}" for each in (self.first, self.second))

    def known_hosts(self) -> str:
        kind_and_key = self.world.host.host_key_line.split(" ", 1)[1]
        ports = (self.first.port, self.second.port)
        return "".join(f"[{self.world.host.address}]:{port} {kind_and_key}\n" for port in ports)

    def configure(self, text: str = "") -> None:
        """Write ~/.ssh/config: the names `b1` and `b2`, and more."""
        hosts = "".join(
            f"Host {name}\n  HostName {self.world.host.address}\n  Port {sshd.port}\n  User joe\n"
            for name, sshd in (("b1", self.first), ("b2", self.second))
        )
        (self.home / ".ssh" / "config").write_text(hosts + text)

    def build_hop(self, sshd: Sshd) -> Login:
        return replace(self.world.login(sshd), host="jump host b", is_hop=True)


def count_logins(sshd: Sshd) -> int:
    return sshd.log.count("Accepted publickey for joe")


def make_bastions(world: SshdHost, home: Path, monkeypatch: pytest.MonkeyPatch) -> Bastions:
    """Start both on ``world``; until the end of the test, ``home`` is the operator's."""
    (home / ".ssh").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    world.authorize(generate(home / ".ssh" / "id_ed25519"))
    return Bastions(world, home, world.sshd(LIMITS), world.sshd(LIMITS))
