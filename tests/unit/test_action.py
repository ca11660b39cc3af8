"""The fail2ban action keeps the file of bans right, in whatever order fail2ban calls it.

fail2ban itself is not installed here: its base class is three lines, written from fail2ban 1.0's source
(server/action.py, server/actions.py); the lab runs the action inside the real server.
"""

from __future__ import annotations

import grp
import json
import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from provision.rendering import render
from tests.unit.receiver_app import load_module

JAIL = "banstitch-test"
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

    @property
    def file(self) -> Path:
        return self.spool / f"{JAIL}.json"

    def start(self) -> Any:
        self.handed_back: list[Ticket] = []
        self.jail = SimpleNamespace(
            name=JAIL,
            actions=SimpleNamespace(active=True),
            filter=SimpleNamespace(inIgnoreIPList=self.ignored.__contains__),
            database=SimpleNamespace(getCurrentBans=lambda jail: self.remembered),
            putFailTicket=self.handed_back.append,
        )
        self.action = self.module.Action(self.jail, "banstitch", spool=str(self.spool), group=GROUP)
        self.action.start()
        return self.action

    def stop(self) -> None:
        """As Actions.run ends: inactive, flush, stop."""
        self.jail.actions.active = False
        assert self.action.flush()
        self.action.stop()
        self.action = None

    def bans(self) -> dict[str, float]:
        content = json.loads(self.file.read_text())
        return dict(content["bans"])

    def readable(self) -> bool:
        try:
            self.bans()
        except (ValueError, LookupError, TypeError, OSError):
            return False
        return True

    def becomes(self, bans: dict[str, float]) -> bool:
        return eventually(lambda: self.readable() and self.bans() == bans)


def eventually(condition: Callable[[], bool], seconds: float = 10) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        threading.Event().wait(0.005)
    return condition()


def ticket(ip: str, when: float = 0, bantime: float = 600) -> dict[str, Any]:
    return {"ip": ip, "time": when or NOW, "bantime": bantime}


NOW = float(int(time.time()))


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    names = ("fail2ban", "fail2ban.server", "fail2ban.server.action", "fail2ban.server.ticket")
    fake = {name: ModuleType(name) for name in names}
    fake["fail2ban.server.action"].ActionBase = ActionBase  # type: ignore[attr-defined]
    fake["fail2ban.server.ticket"].FailTicket = Ticket  # type: ignore[attr-defined]
    for name, module in fake.items():
        monkeypatch.setitem(sys.modules, name, module)
    text = render("detection/banstitch.py.j2", spool=str(tmp_path), group=GROUP)
    server = Server(load_module("banstitch", text), tmp_path)
    yield server
    if server.action is not None:
        server.action.stop()


def test_a_started_jail_has_a_file_even_when_nobody_is_banned(server: Server) -> None:
    server.start()
    assert server.becomes({})


def test_a_ban_is_written_with_its_end_and_an_unban_removes_it(server: Server) -> None:
    action = server.start()
    action.ban(ticket("203.0.113.9"))
    assert server.becomes({"203.0.113.9": NOW + 600})
    action.unban(ticket("203.0.113.9"))
    assert server.becomes({})


def test_a_ban_for_ever_ends_at_minus_one(server: Server) -> None:
    server.start().ban(ticket("203.0.113.9", bantime=-1))
    assert server.becomes({"203.0.113.9": -1})


def test_the_same_ban_again_and_a_prolonged_one_keep_a_single_entry(server: Server) -> None:
    action = server.start()
    assert action._prolongable
    for bantime in (600, 600, 1200):
        action.ban(ticket("2001:DB8::1", bantime=bantime))
    action.prolong(ticket("2001:db8::1", bantime=2400))
    action.reban(ticket("2001:db8:0::1", bantime=2400))
    assert server.becomes({"2001:db8::1": NOW + 2400})


def test_unbanning_who_is_not_banned_changes_nothing(server: Server) -> None:
    action = server.start()
    action.ban(ticket("203.0.113.9"))
    action.unban(ticket("203.0.113.10"))
    action.stop()
    assert server.bans() == {"203.0.113.9": NOW + 600}


def test_a_stop_of_the_server_removes_nothing_and_loses_nothing(server: Server) -> None:
    action = server.start()
    for number in range(200):
        action.ban(ticket(f"203.0.113.{number}"))
    server.stop()
    assert len(server.bans()) == 200


def test_a_start_keeps_what_was_there_until_fail2ban_has_restored_it(server: Server) -> None:
    server.start().ban(ticket("203.0.113.9"))
    server.stop()
    seen = server.file.stat().st_ino
    action = server.start()
    assert eventually(lambda: server.file.stat().st_ino != seen)
    assert server.bans() == {"203.0.113.9": NOW + 600}
    action.ban(ticket("203.0.113.9", bantime=300))
    assert server.becomes({"203.0.113.9": NOW + 300})


def test_bans_that_fail2ban_remembers_are_there_from_the_first_moment(server: Server) -> None:
    server.remembered = [remembered("203.0.113.9", 600), remembered("203.0.113.10", -1)]
    server.start()
    assert eventually(server.readable)
    assert server.bans() == {"203.0.113.9": NOW + 600, "203.0.113.10": -1}


def test_bans_that_fail2ban_has_lost_are_handed_back_to_it(server: Server) -> None:
    server.file.write_text(json.dumps({"bans": {"203.0.113.9": NOW + 6000, "203.0.113.10": -1}}))
    server.remembered = [remembered("203.0.113.10", -1)]
    server.start()
    assert server.becomes({"203.0.113.9": NOW + 6000, "203.0.113.10": -1})
    (lost,) = server.handed_back
    assert (lost.ip, 5900 < lost.bantime <= 6001) == ("203.0.113.9", True)


def test_who_is_on_the_ignore_list_by_now_is_let_go_at_the_start(server: Server) -> None:
    server.file.write_text(json.dumps({"bans": {"203.0.113.9": -1}}))
    server.remembered = [remembered("203.0.113.10", -1)]
    server.ignored = {"203.0.113.9", "203.0.113.10"}
    server.start()
    assert server.becomes({})
    assert not server.handed_back


def test_a_fail2ban_of_another_make_does_not_cost_the_bans_of_the_file(server: Server) -> None:
    server.file.write_text(json.dumps({"bans": {"203.0.113.9": -1}}))
    server.remembered = [None]  # type: ignore[list-item]
    server.start()
    assert server.becomes({"203.0.113.9": -1})


def test_unban_all_of_a_running_server_empties_the_file(server: Server) -> None:
    action = server.start()
    action.ban(ticket("203.0.113.9"))
    assert server.becomes({"203.0.113.9": NOW + 600})
    assert action.flush()
    assert server.becomes({})


def test_a_reload_keeps_the_action_and_its_bans(server: Server) -> None:
    action = server.start()
    action.ban(ticket("203.0.113.9"))
    action.clearAllParams()
    action.reload(spool=str(server.spool), group=GROUP)
    action.ban(ticket("203.0.113.10"))
    assert server.becomes({"203.0.113.9": NOW + 600, "203.0.113.10": NOW + 600})


def test_what_expired_while_the_server_was_down_is_dropped(server: Server) -> None:
    server.file.write_text(json.dumps({"bans": {"203.0.113.9": NOW - 3600, "203.0.113.10": -1}}))
    server.start()
    assert server.becomes({"203.0.113.10": -1})


@pytest.mark.parametrize("content", ["", "{", "[]", '{"bans": {"x": 1}}', '{"bans": 3}'])
def test_a_damaged_file_does_not_keep_the_jail_from_starting(server: Server, content: str) -> None:
    server.file.write_text(content)
    server.start().ban(ticket("203.0.113.9"))
    assert server.becomes({"203.0.113.9": NOW + 600})


def test_a_burst_of_bans_costs_far_fewer_writes(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    action = server.start()
    assert server.becomes({})
    writes: list[str] = []
    real = os.rename

    def counted(old: str, new: str) -> None:
        writes.append(new)
        real(old, new)

    monkeypatch.setattr(server.module.os, "rename", counted)
    for number in range(1000):
        action.ban(ticket(f"203.0.{number // 250}.{number % 250}"))
    server.stop()
    assert len(server.bans()) == 1000
    assert len(writes) < 100


def test_a_full_disk_keeps_the_old_file_and_is_made_good_later(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server.module, "RETRY", 0.01)
    action = server.start()
    action.ban(ticket("203.0.113.9"))
    assert server.becomes({"203.0.113.9": NOW + 600})
    attempts: list[int] = []

    def full(descriptor: int) -> None:
        attempts.append(descriptor)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(server.module.os, "fsync", full)
    action.ban(ticket("203.0.113.10"))
    assert eventually(lambda: len(attempts) > 2)
    assert server.bans() == {"203.0.113.9": NOW + 600}
    monkeypatch.undo()
    assert server.becomes({"203.0.113.9": NOW + 600, "203.0.113.10": NOW + 600})


def test_a_banned_network_keeps_its_prefix(server: Server) -> None:
    server.start().ban(ticket("198.51.100.0/28"))
    assert server.becomes({"198.51.100.0/28": NOW + 600})


@pytest.mark.parametrize("ip", ["0.0.0.0/0", "::/0", "somebody", ""])
def test_what_is_no_address_or_everybody_is_refused(server: Server, ip: str) -> None:
    action = server.start()
    with pytest.raises(ValueError):
        action.ban(ticket(ip))
    assert server.becomes({})


def test_only_root_and_the_receiver_can_read_the_file(server: Server) -> None:
    server.start()
    assert server.becomes({})
    assert server.file.stat().st_mode & 0o777 == 0o640
