"""Facts of a site at which all is well, for tests that break one of them."""

from __future__ import annotations

import time
from typing import Any

import pytest
from banstitch_shared.facts_file import FortiGateFacts, ReceiverFacts
from watch.alarms.conditions import Condition, Limits, Memory, list_conditions, remember
from watch.alarms.facts import Facts
from watch.alarms.judge import Message

NOW = 1_800_000_000.0
DAY = 86400.0
LIMITS = Limits({"fgt1": 60.0}, 600.0, DAY, 100)


class Times:
    """The time of the clock, and the seconds since the boot."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now, self.uptime = time.time(), 100.0
        monkeypatch.setattr(time, "time", lambda: self.now)
        monkeypatch.setattr(time, "clock_gettime", lambda _: self.uptime)

    def pass_time(self, seconds: float) -> None:
        self.now += seconds
        self.uptime += seconds


def fortigate(**more: float) -> FortiGateFacts:
    return FortiGateFacts(NOW - 60, NOW - 30)._replace(**more)


def receiver(**more: Any) -> ReceiverFacts:
    well = ReceiverFacts(
        at=NOW,
        started=NOW - DAY,
        errors={},
        fortigates={"fgt1": fortigate()},
        refused={"refused_address": 0, "refused_token": 0},
        banned=0,
        bans_refused={},
        left_out=0,
        room={"/var/log/banstitch": 0.5},
    )
    return well._replace(**more)


def facts(**more: Any) -> Facts:
    well = Facts(NOW, receiver(), certificate_ends=NOW + 300 * DAY)
    return well._replace(**more)


def look(found: Facts, memory: Memory | None = None) -> dict[str, Condition]:
    """Return what is wrong, by key."""
    known = remember(memory or Memory(), found, LIMITS)
    return {each.key: each for each in list_conditions(found, known, LIMITS)}


def message(number: int = 0, **more: Any) -> Message:
    found = Message(NOW, f"polls:fgt{number}", "warning", f"fgt{number} is silent")
    return found._replace(**more)
