"""A whole site on the lab, driven as an operator drives it: with the words behind `python site.py`."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from provision.cli.main import main
from roles.detection.catalogue import CATALOGUE
from roles.detection.rules import DEFAULTS
from tests import PROJECT
from tests.lab.debian import DebianHost
from tests.plays import load_plays
from tests.simulator import Options, Simulator

FORTIGATE_PASSWORD = "Forti-Secret-9"
# Written by the package manager and by fail2ban about themselves; see docs/undo.md.
NOT_OURS = ("/var/lib/apt/*", "/var/lib/dpkg/*-old", "/var/lib/fail2ban/fail2ban.sqlite3")


@dataclass(frozen=True)
class Ran:
    """What one call of site.py left behind."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        """The `--json` document."""
        found: dict[str, Any] = json.loads(self.out)
        return found

    def target(self, host: str) -> dict[str, Any]:
        """One target of the `--json` document."""
        targets = [target for site in self.document["sites"] for target in site["targets"]]
        found: dict[str, Any] = next(each for each in targets if each["host"] == host)
        return found

    def changes(self, host: str) -> list[tuple[str, str]]:
        """(action, id) of each change of a target."""
        return [(change["action"], change["id"]) for change in self.target(host)["changes"]]


def leave_plain_alone() -> str:
    """Return settings for tests of other things: three failed logins to the SSL VPN ban an address.

    No other detection and no other rule is on, and FortiGates do not report logins.
    """
    off = ", ".join(f"{rule}: off" for rule in DEFAULTS)
    each = ", ".join(f"{name}: {{rules: {{{off}}}}}" for name in CATALOGUE)
    return (
        "detection_enabled: [sslvpn_login_failed]\ndetection_success_events: false\n"
        f"detection_max_retry: 3\ndetection_settings: {{{each}}}"
    )


class Streams:
    """The three standard streams, and the width of the terminal, for the length of a ``with`` block."""

    def __init__(self) -> None:
        self.out = self.err = ""

    def __enter__(self) -> Self:
        self._before = sys.stdin, sys.stdout, sys.stderr
        self._columns = os.environ.get("COLUMNS")
        sys.stdin, sys.stdout, sys.stderr = io.StringIO(), io.StringIO(), io.StringIO()
        self._theirs = sys.stdout, sys.stderr
        os.environ["COLUMNS"] = "200"
        return self

    def __exit__(self, *_: object) -> None:
        sys.stdin, sys.stdout, sys.stderr = self._before
        del os.environ["COLUMNS"]
        if self._columns is not None:
            os.environ["COLUMNS"] = self._columns
        self.out, self.err = (stream.getvalue() for stream in self._theirs)


class LabSite:
    """One Debian ban host `bh1`, FortiGates `fgt1`, `fgt2`, ..., and an inventory that names them."""

    def __init__(
        self,
        folder: Path,
        root: Path,
        units: Sequence[Options] = (),
        user: str = "root",
        settings: str = "",
        group_settings: str | None = None,
    ) -> None:
        self.folder = folder
        self.host = DebianHost(root)
        self.units = [Simulator(options) for options in units]
        # where the inventory says that the targets are; a proxy may stand before one
        self.endpoints: dict[str, tuple[str, int]] = {}
        self._user = user
        self._settings = settings
        # what the ban host's own settings override
        self._group_settings = leave_plain_alone() if group_settings is None else group_settings
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        try:
            self._enter_host()
            for unit in self.units:
                self._stack.enter_context(unit)
            self.write_inventory()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _enter_host(self) -> None:
        self._stack.enter_context(self.host)

    def write_inventory(self, settings: str | None = None) -> None:
        """(Re)write the inventory; ``settings`` are lines of the ban host's variables."""
        lines = self._settings if settings is None else settings
        become = f"          ansible_become_password: {self.host.password}\n"
        self.folder.mkdir(exist_ok=True)
        (self.folder / "hosts.yml").write_text(
            "all:\n  children:\n    ban_hosts:\n      vars:\n        lab_settings: here\n"
            + "".join(f"        {line}\n" for line in self._group_settings.splitlines())
            + "      hosts:\n        bh1:\n"
            f"          ansible_host: {self.endpoint('bh1')[0]}\n"
            f"          ansible_port: {self.endpoint('bh1')[1]}\n"
            f"          receiver_address: {self.host.address}\n"
            f"          ansible_user: {self._user}\n"
            f"          ansible_ssh_private_key_file: {self.host.private_key}\n"
            f"          receiver_listen: {self.host.address}\n"
            f"          page_listen: {self.host.address}\n"  # all hosts have one network
            "          receiver_allow: [127.0.0.0/8]\n"  # all of the lab is behind one interface
            "          receiver_accept_documentation: true\n"
            + (become if self._user == "admin" else "")
            + "".join(f"          {line}\n" for line in lines.splitlines())
            + "    fortigates:\n      hosts:\n"
            + "".join(
                f"        fgt{number}:\n"
                f"          ansible_host: {self.endpoint(f'fgt{number}')[0]}\n"
                f"          ansible_port: {self.endpoint(f'fgt{number}')[1]}\n"
                f"          ansible_password: {FORTIGATE_PASSWORD}\n"
                "          ban_host: bh1\n"
                for number in range(1, len(self.units) + 1)
            )
        )
        self.write_known_hosts()

    def write_known_hosts(self) -> None:
        """(Re)write the host keys of all targets, under the addresses that the inventory has."""
        lines_of = {"bh1": self.host.host_key_line}
        lines_of |= {f"fgt{n}": unit.host_key_line for n, unit in enumerate(self.units, 1)}
        keys = [
            f"{known_as(*self.endpoint(name))} {line.split(' ', 1)[1]}"
            for name, line in lines_of.items()
        ]
        (self.folder / "known_hosts").write_text("\n".join(keys) + "\n")

    def endpoint(self, name: str) -> tuple[str, int]:
        """Address and port by which the inventory names a target."""
        real: DebianHost | Simulator = (
            self.host if name == "bh1" else self.units[int(name.removeprefix("fgt")) - 1]
        )
        return self.endpoints.get(name, (real.address, real.port))

    def argv(self, *arguments: str) -> list[str]:
        """The command that an operator would type."""
        return [sys.executable, str(PROJECT / "site.py"), *arguments, "-i", str(self.folder)]

    def run(self, *arguments: str) -> Ran:
        """Run a verb at the inventory, within this process: to start Python costs more than most verbs."""
        with Streams() as streams:
            code = main(load_plays, [*arguments, "-i", str(self.folder)])
        return Ran(code, streams.out, streams.err)

    def list_files(self) -> dict[str, Any]:
        """Every file of the places that an operator looks at, hashed."""
        return dict(self.host.list_files(ignore=NOT_OURS))


class KeptSite(LabSite):
    """A deployed site that was kept. As a context manager, it is up inside and as it was again afterwards."""

    def __init__(self, folder: Path, kept: LabSite, settings: str = "") -> None:
        super().__init__(folder, Path(), [unit.options for unit in kept.units], settings=settings)
        self.host = kept.host
        for unit, before in zip(self.units, kept.units, strict=True):
            unit.restore(before.back_up())

    def _enter_host(self) -> None:
        self._stack.callback(self.host.restore)
        self.host.boot()


def known_as(address: str, port: int) -> str:
    """How known_hosts names an endpoint (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT)."""
    return address if port == 22 else f"[{address}]:{port}"


def fortigate_options(**more: Any) -> Options:
    """Options of a simulated unit that the inventory's login opens."""
    return Options(password=FORTIGATE_PASSWORD, **more)
