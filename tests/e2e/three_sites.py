"""Three real ban hosts of one inventory, for what happens between sites."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

from provision.cli.main import main
from tests.e2e.labsite import Ran, Streams, known_as
from tests.lab.debian import DebianHost
from tests.plays import load_plays

NAMES = ("bh1", "bh2", "bh3")


class ThreeSites:
    """The hosts by name, and their inventory; nothing is deployed."""

    def __init__(self, folder: Path, root: Path, settings: dict[str, Any] | None = None) -> None:
        self.folder = folder
        self.settings = settings or {}
        self.hosts = {name: DebianHost(root) for name in NAMES}
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        for host in self.hosts.values():
            self._stack.enter_context(host)
        self.folder.mkdir()
        self.write_inventory(*NAMES)
        lines = [
            f"{known_as(host.address, host.port)} {host.host_key_line.split(' ', 1)[1]}\n"
            for host in self.hosts.values()
        ]
        (self.folder / "known_hosts").write_text("".join(lines))
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def write_inventory(self, *names: str) -> None:
        """(Re)write the inventory, with these hosts and the settings for all of them."""
        described = {name: describe(self.hosts[name]) for name in names}
        group = {"hosts": described, "vars": self.settings}
        groups = {"all": {"children": {"ban_hosts": group}}}
        (self.folder / "hosts.yml").write_text(json.dumps(groups))

    def run(self, *arguments: str) -> Ran:
        """Run a verb at the inventory, within this process."""
        with Streams() as streams:
            code = main(load_plays, [*arguments, "-i", str(self.folder)])
        return Ran(code, streams.out, streams.err)

    def count_logins(self, name: str) -> int:
        """Return how often somebody has logged in to a host since it booted."""
        log = self.hosts[name].console("journalctl -u ssh.service -o cat").stdout
        return str(log).count("Accepted publickey")


def describe(host: DebianHost) -> dict[str, Any]:
    """Return the variables of a ban host."""
    return {
        "ansible_host": host.address,
        "ansible_port": host.port,
        "ansible_user": "root",
        "ansible_ssh_private_key_file": str(host.private_key),
        "receiver_address": host.address,
        "receiver_listen": host.address,
        "receiver_allow": ["127.0.0.0/8"],
        "receiver_tls": "off",
        "detection_enabled": ["sslvpn_login_failed"],
    }


def list_states(ran: Ran) -> dict[str, str]:
    """Return what became of each ban host of a `--json` document."""
    return {site["name"]: site["targets"][0]["state"] for site in ran.document["sites"]}
