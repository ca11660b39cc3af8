"""What must hold of a ban host before anything is changed there."""

from __future__ import annotations

from typing import Any

import pytest

from provision.errors import Failed
from provision.linux import planner
from provision.linux.agent.protocol.state import Observed
from provision.linux.agent.protocol.wire import from_json
from provision.linux.draft import LinuxPlan
from provision.linux.kinds.package import Package
from provision.linux.kinds.resource import Resource
from provision.linux.kinds.service import Service
from tests.unit.linux.linux_model import DEAD, FACTS, Host

NOW = 1_800_000_000.0
DESIRED: tuple[Resource, ...] = (Package("gunicorn"), Service("x.socket", listens="0.0.0.0:5000"))
DAY = 86400


def planned(**found: Any) -> LinuxPlan:
    """The plan for a host of which ``found`` was observed."""
    observed = {**Host().answer(DESIRED), "clock": NOW, **found}
    return planner.plan(DESIRED, from_json(Observed, observed), now=NOW)


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        (
            {"system": "Alpine Linux v3.19", "systemd": False, "apt": False},
            r"this host \(Alpine Linux v3.19\) does not run systemd and apt",
        ),
        (
            {"system": "Fedora Linux 41", "systemd": True, "apt": False},
            r"\(Fedora Linux 41\).* run apt",
        ),
        ({"system": "", "systemd": False, "apt": True}, "an unknown system.* run systemd"),
    ],
)
def test_another_system_is_named_and_refused(facts: dict[str, Any], words: str) -> None:
    with pytest.raises(Failed, match=words):
        planned(facts={**FACTS, **facts})


@pytest.mark.parametrize("off", [0, 60, -60])
def test_clocks_that_are_a_minute_apart_are_alike(off: float) -> None:
    assert planned(clock=NOW + off).warnings == ()


@pytest.mark.parametrize(("off", "words"), [(600, "10 min ahead"), (-1800, "30 min behind")])
def test_clocks_that_are_minutes_apart_are_a_warning(off: float, words: str) -> None:
    (warning,) = planned(clock=NOW + off).warnings
    assert words in warning
    assert "timedatectl" in warning


@pytest.mark.parametrize(
    ("off", "words"),
    [(DAY, "24 h 0 min ahead"), (-5 * DAY, "5 days behind"), (-NOW, "days behind")],
)
def test_clocks_that_are_hours_apart_are_refused(off: float, words: str) -> None:
    with pytest.raises(Failed, match=words):
        planned(clock=NOW + off)


def test_a_port_that_another_program_has_is_refused_with_its_name() -> None:
    services = {"x.socket": {**DEAD, "taken_by": "nginx (process 7, nginx.service)"}}
    with pytest.raises(Failed, match=r"0.0.0.0:5000 is taken by nginx \(process 7"):
        planned(services=services)


def test_a_lock_of_apt_is_announced_where_something_is_to_be_installed() -> None:
    lock = "/var/lib/dpkg/lock is held by apt-get (process 7)"
    (warning,) = planned(package_lock=lock).warnings
    assert warning.startswith(lock)
    there = {"gunicorn": True}
    assert planned(package_lock=lock, packages=there).warnings == ()


@pytest.mark.parametrize(("mode", "words"), [("up", "SHIELD UP from"), ("alarm", "SHIELD ALARM")])
def test_a_shield_is_a_warning(mode: str, words: str) -> None:
    shield = {"mode": mode, "since": NOW, "until": NOW + DAY, "by": "root@pc", "why": "a spray"}
    counts = {"homes": 3, "kept_out": 0, "denied": 0}
    (warning,) = planned(shield={**shield, **counts}).warnings
    assert warning.startswith(words)
    assert "but 3 networks of recent logins" in warning
    (warning,) = planned(shield={**shield, **counts, "mode": "down"}).warnings
    assert warning.endswith("UTC (root@pc: a spray)")
    assert warning.startswith("the shield is kept down until ")
