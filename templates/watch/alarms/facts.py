"""Look at the site: collect the facts that alarms are judged by. Nothing is changed.

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later, standard library only.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from banstitch_shared.alarm_file import Alarms, read_alarms
from banstitch_shared.alarm_notes import Drift, read_drift
from banstitch_shared.facts_file import ReceiverFacts, read_facts
from banstitch_shared.shared_bans import find_answer, find_list
from banstitch_shared.shield_file import Shield, read_shield

from watch.settings import PathSettings

# Seconds after which facts of the receiver, and a sign of life of the rules, are too old.
STALE = 60.0
# Seconds by which a clock is set, and does not only follow another one.
STEP = 5.0
# Seconds after which a site that does not share its bans is an alarm: it may start anew.
SILENT = 300.0


class Facts(NamedTuple):
    """The facts at the time ``now``; None for what is not known.

    ``rules_age``: seconds since banstitch-rules gave a sign of life. ``certificate_ends``: epoch seconds.
    ``jumped``: seconds by which the clock was set since the last look. ``steady``: seconds since the first
    look or the last step of the clock; the age of a file says nothing before. ``failing``: channels that
    fail, and why; ``heartbeat``: why the last heartbeat failed. ``silent``: group and name of sites that do
    not share. ``unreported``: why bans are not reported to AbuseIPDB.
    """

    now: float
    receiver: ReceiverFacts | None = None
    rules_age: float = 0.0
    known: Alarms = Alarms()
    shield: Shield | None = None
    drift: Drift | None = None
    certificate_ends: float | None = None
    jumped: float = 0.0
    steady: float = float("inf")
    failing: Mapping[str, str] = {}
    heartbeat: str = ""
    silent: tuple[tuple[str, str], ...] = ()
    unreported: str = ""


class Moment(NamedTuple):
    """The time of a look. ``jumped`` and ``steady`` are those of the facts."""

    now: float
    jumped: float
    steady: float


class Clock:
    """The time, and by how much it was set between two looks."""

    def __init__(self) -> None:
        self._offset: float | None = None
        self._steady_since = 0.0

    def look(self) -> Moment:
        """Return the time of a look."""
        now, uptime = time.time(), time.clock_gettime(time.CLOCK_BOOTTIME)
        offset = now - uptime
        jumped = offset - self._offset if self._offset is not None else 0.0
        if self._offset is None or abs(jumped) > STEP:
            self._steady_since = uptime
        self._offset = offset
        return Moment(now, jumped, uptime - self._steady_since)


def collect_facts(paths: PathSettings, clock: Clock) -> Facts:
    """Return the facts in the files of ``paths``: facts of the receiver, folder of the rules, drift."""
    now, jumped, steady = clock.look()
    rules = paths["rules"]
    return Facts(
        now,
        _read_receiver(paths["facts"], now),
        _measure_age(os.path.join(rules, "alive"), now),
        read_alarms(rules, now),
        read_shield(rules, now),
        read_drift(paths["drift"]),
        jumped=jumped,
        steady=steady,
    )


def list_silent(
    folder: str, peers: Iterable[tuple[str, str]], steady: float, now: float
) -> tuple[tuple[str, str], ...]:
    """Return the sites of ``peers`` that have not shared their bans for some time.

    ``steady``: seconds since this service began to ask them, or since the clock was set.
    """
    found = []
    for group, site in peers:
        age = _measure_age(find_answer(find_list(folder, group, site)), now)
        if min(age, steady) > SILENT:
            found.append((group, site))
    return tuple(found)


def _read_receiver(path: str, now: float) -> ReceiverFacts | None:
    try:
        found = read_facts(path)
    except (OSError, ValueError):
        return None
    # a time in the future: the clock was set back, and the next facts are right
    return found if abs(now - found.at) <= STALE else None


def _measure_age(path: str, now: float) -> float:
    try:
        return now - os.stat(path, follow_symlinks=False).st_mtime
    except OSError:
        return float("inf")
