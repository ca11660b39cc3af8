"""A fail2ban server with one jail, as far as the action knows it, for tests of the action.

fail2ban itself is not installed here: its base class is three lines, written from fail2ban 1.0's source
(server/action.py, server/actions.py); the lab runs the action inside the real server.
"""

from __future__ import annotations

import grp
import importlib.util
import ipaddress
import json
import logging
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from provision.desired.templates import TEMPLATES, render
from tests.unit.action.filter_model import Filter


def load_file(path: str) -> ModuleType:
    """As fail2ban loads an action: from its path, with no package around it."""
    spec = importlib.util.spec_from_file_location(Path(path).stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


JAIL = "banstitch-test"
# Bytes: from which on the log of a test is rotated, and which it cannot have.
LOG_LIMIT, LARGEST_LOG = 100_000, 200_000
GROUP = grp.getgrgid(os.getgid()).gr_name


class ActionBase:
    def __init__(self, jail: Any, name: str) -> None:
        self._jail, self._name = jail, name
        self._logSys = logging.getLogger("fail2ban.Action")


class Ticket:
    """fail2ban's FailTicket, as far as the action knows it."""

    def __init__(self, ip: str, when: float) -> None:
        self.ip, self.when, self.bantime = ip, when, 0.0

    def setBanTime(self, bantime: float) -> None:  # noqa: N802 - fail2ban names it so
        self.bantime = bantime

    def getID(self) -> str:  # noqa: N802 - fail2ban names it so
        return self.ip

    def getTime(self) -> float:  # noqa: N802 - fail2ban names it so
        return self.when

    def getBanTime(self) -> float:  # noqa: N802 - fail2ban names it so
        return self.bantime

    def getAttempt(self) -> int:  # noqa: N802 - fail2ban names it so
        return 3


class IPAddr(str):
    """fail2ban's address object, which compares and hashes as its text."""


def remembered(ip: str, bantime: float) -> Ticket:
    ticket = Ticket(ip, NOW)
    ticket.setBanTime(bantime)
    return ticket


class Server:
    """One jail of a fail2ban server, and the file that its action keeps."""

    def __init__(self, module: ModuleType, spool: Path) -> None:
        self.module, self.spool = module, spool
        self.action: Any = None
        self.ignored: set[str] = set()
        self.remembered: list[Ticket] = []
        self.held: list[str] = []
        # what the jail's configuration says beside the places of files
        self.settings: dict[str, str] = {}

    @property
    def file(self) -> Path:
        return self.spool / f"{JAIL}.bans"

    @property
    def audit(self) -> Path:
        return self.spool / "audit.log"

    @property
    def evidence(self) -> Path:
        return self.spool / "evidence.log"

    @property
    def log(self) -> Path:
        return self.spool / "events.log"

    def start(self) -> Any:
        self.handed_back: list[Ticket] = []
        self.forgotten: list[tuple[str, bool]] = []
        self.jail = SimpleNamespace(
            name=JAIL,
            actions=SimpleNamespace(
                active=True, removeBannedIP=self.remove, getBanTime=lambda: 600
            ),
            filter=Filter(lambda: sorted(self.ignored)),
            database=SimpleNamespace(getCurrentBans=lambda jail: self.remembered),
            putFailTicket=self.handed_back.append,
        )
        places = {"spool": str(self.spool), "audit": str(self.audit), "group": GROUP}
        places |= {"evidence": str(self.evidence), "log": str(self.log)}
        places |= self.settings
        self.action = self.module.Action(self.jail, "banstitch", **places)
        self.action.start()
        return self.action

    def remove(self, ip: str, db: bool = True, ifexists: bool = False) -> None:
        """fail2ban's removeBannedIP, which calls the action's unban.

        A network as text that it does not hold stands for every address inside that it ``held``.
        """
        self.forgotten.append((ip, db))
        freed = [ip]
        if "/" in ip and ip not in self.held and not isinstance(ip, IPAddr):
            network = ipaddress.ip_network(ip)
            freed = [each for each in self.held if ipaddress.ip_address(each) in network]
        for each in freed:
            self.action.unban(ticket(each))

    def stop(self) -> None:
        """As Actions.run ends: inactive, flush, stop."""
        self.jail.actions.active = False
        assert self.action.flush()
        self.action.stop()
        self.action = None

    def lines(self) -> list[list[str]]:
        """The fields of each line; a file that is not whole raises ValueError."""
        head, *lines, last = self.file.read_text().splitlines()
        if (head, last) != ("# banstitch 1", f"end {len(lines)}"):
            raise ValueError(last)
        return [line.split(" ") for line in lines]

    def bans(self) -> dict[str, float]:
        return {fields[0]: float(fields[1]) for fields in self.lines()}

    def holds(self, bans: dict[str, float]) -> None:
        """A file as the action of an earlier server left it."""
        lines = [f"{address} {until:.0f} 1700000000 3 2\n" for address, until in bans.items()]
        self.file.write_text(f"# banstitch 1\n{''.join(lines)}end {len(lines)}\n")

    def audited(self) -> list[tuple[str, str, str]]:
        """(what, address, by) of each entry of the audit."""
        lines = self.audit.read_text().splitlines() if self.audit.exists() else []
        return [(e["what"], e["address"], e["by"]) for e in map(json.loads, lines)]

    def readable(self) -> bool:
        try:
            self.bans()
        except (ValueError, LookupError, TypeError, OSError):
            return False
        return True

    def becomes(self, bans: dict[str, float]) -> bool:
        return eventually(lambda: self.readable() and self.bans() == bans)


def eventually(condition: Callable[[], bool], seconds: float = 60) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        threading.Event().wait(0.005)
    return condition()


def ticket(ip: str, when: float = 0, bantime: float = 600) -> dict[str, Any]:
    more = {"failures": 3, "restored": 0, "matches": f"{NOW} test {ip}\n{NOW} test {ip}"}
    return {"ip": ip, "time": when or NOW, "bantime": bantime, **more}


NOW = float(int(time.time()))


def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Server:
    """The rendered action beside its files in ``tmp_path``, not started yet."""
    real, behind = time.time, time.time() - NOW
    # however long after its collection a test comes, it begins at NOW
    monkeypatch.setattr(time, "time", lambda: real() - behind)
    names = ("", *(f".server{name}" for name in ("", ".action", ".ipdns", ".ticket", ".utils")))
    fake = {f"fail2ban{name}": ModuleType(f"fail2ban{name}") for name in names}
    fake["fail2ban.server.action"].ActionBase = ActionBase  # type: ignore[attr-defined]
    fake["fail2ban.server.ipdns"].IPAddr = IPAddr  # type: ignore[attr-defined]
    fake["fail2ban.server.ticket"].FailTicket = Ticket  # type: ignore[attr-defined]
    fake["fail2ban.server.utils"].Utils = SimpleNamespace(load_python_module=load_file)  # type: ignore[attr-defined]
    for name, module in fake.items():
        monkeypatch.setitem(sys.modules, name, module)
    logs = {name: str(tmp_path / f"{name}.log") for name in ("events", "evidence", "rejected")}
    limits = {logs["events"]: LOG_LIMIT, logs["evidence"]: 1 << 25}
    text = render(
        "detection/banstitch_log_sizes.py.j2", largest=LARGEST_LOG, limits=limits, groups={}
    )
    (tmp_path / "banstitch_log_sizes.py").write_text(text)
    for plain in (TEMPLATES / "detection").glob("banstitch*.py"):
        (tmp_path / plain.name).write_text(plain.read_text())
    for log in logs.values():
        Path(log).touch()
    return Server(load_file(str(tmp_path / "banstitch.py")), tmp_path)
