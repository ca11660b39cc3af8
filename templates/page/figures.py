"""Numbers for the charts: bans a day, events an hour, and guesses kept out by rule.

They come from the ends of the audit and of the event log, as much as a moment allows; the charts say from
when on they are complete. Nobody posts a guess that a FortiGate denied, so the guesses kept out are an
estimate: each source goes on at the pace that it had before its ban, for an hour at most.

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later, standard library only.
"""

from __future__ import annotations

import re
import time
from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import NamedTuple

from banstitch_shared.audit_file import NewestLines

DAY, HOUR = 86400, 3600
DAYS, HOURS = 14, 24
# Bytes of each log that are read, and seconds for which the numbers are kept.
MOST_READ, KEPT = 8 << 20, 30
# Guesses a second of one source at most.
FASTEST = 1.0
# The beginning of a ban's line in the audit, which no text that an attacker typed can be.
_BAN = re.compile(
    rb'\{"at": ([0-9]{1,12})(?:\.[0-9]+)?, "what": "ban", "address": "[0-9a-f.:/]+",'
    rb' "jail": "([A-Za-z0-9_-]+)", "until": (-?[0-9]+),'
)
_MOMENT = re.compile(rb'"([0-9]{1,12}\.[0-9]+) banstitch-')
_EVENT = re.compile(rb"([0-9]{1,12})\.[0-9]+ \S+ (\S+) (failure|success|lockout) ")


class Figures(NamedTuple):
    """Numbers by day, hour and jail. ``*_since``: epoch from which on they are complete, 0 for always."""

    bans: Mapping[int, int]
    bans_since: float
    kept_out: Mapping[str, float]
    failures: Mapping[int, int]
    logins: Mapping[int, int]
    events_since: float


class FigureSource:
    """Reads the figures, at most twice a minute."""

    def __init__(self, audit: str, events: str) -> None:
        self._audit, self._events = audit, events
        self._at, self._known = 0.0, Figures({}, 0, {}, {}, {}, 0)

    def read(self, now: float) -> Figures:
        """Return the figures."""
        if not 0 <= now - self._at < KEPT:
            bans, bans_since, kept_out = count_bans(self._audit, now)
            failures, logins, events_since = count_events(self._events, now)
            self._known = Figures(bans, bans_since, kept_out, failures, logins, events_since)
            self._at = now
        return self._known


def count_bans(audit: str, now: float) -> tuple[Mapping[int, int], float, Mapping[str, float]]:
    """Return {day: bans}, since when, and {jail: guesses kept out}."""
    by_day: Counter[int] = Counter()
    kept: defaultdict[str, float] = defaultdict(float)
    oldest, lines = 0.0, NewestLines(audit, MOST_READ)
    for line in lines:
        ban = _BAN.match(line)
        if ban:
            oldest, until = float(ban[1]), float(ban[3])
            if oldest < now - DAYS * DAY:
                break
            by_day[int(oldest // DAY)] += 1
            lasted = (now if until < 0 else min(now, until)) - oldest
            kept[ban[2].decode()] += estimate_kept_out(line, max(lasted, 0.0))
    return by_day, oldest if lines.are_cut else 0.0, kept


def estimate_kept_out(line: bytes, lasted: float) -> float:
    """Return how many guesses a ban kept out: one, or as many as its pace makes in its time."""
    moments = sorted(map(float, _MOMENT.findall(line)))
    took = moments[-1] - moments[0] if len(moments) > 1 else 0.0
    pace = min((len(moments) - 1) / took, FASTEST) if took > 0 else 0.0
    return max(1.0, pace * min(lasted, HOUR))


def count_events(path: str, now: float) -> tuple[Mapping[int, int], Mapping[int, int], float]:
    """Return {hour: failures}, {hour: logins}, and since when."""
    failures: Counter[int] = Counter()
    logins: Counter[int] = Counter()
    oldest, lines = 0.0, NewestLines(path, MOST_READ)
    for line in lines:
        event = _EVENT.match(line)
        if event:
            oldest = float(event[1])
            if oldest < now - (HOURS + 1) * HOUR:
                break
            count = logins if event[3] == b"success" else failures
            count[int(oldest // HOUR)] += 1
    return failures, logins, oldest if lines.are_cut else 0.0


class Bar(NamedTuple):
    """One bar of a chart: its name, its value, and its height in percent."""

    name: str
    value: int
    height: float


def draw_days(by_day: Mapping[int, int], now: float) -> list[Bar]:
    """Return the bars of the last days."""
    today = int(now // DAY)
    return draw_bars(
        [
            (time.strftime("%d.%m.", time.gmtime(day * DAY)), by_day.get(day, 0))
            for day in range(today - DAYS + 1, today + 1)
        ]
    )


def draw_hours(by_hour: Mapping[int, int], now: float) -> list[Bar]:
    """Return the bars of the last hours."""
    last = int(now // HOUR)
    return draw_bars(
        [
            (time.strftime("%H h", time.gmtime(hour * HOUR)), by_hour.get(hour, 0))
            for hour in range(last - HOURS + 1, last + 1)
        ]
    )


def draw_bars(values: list[tuple[str, int]]) -> list[Bar]:
    """Return bars whose highest is 100 high."""
    most = max([1, *(value for _, value in values)])
    return [Bar(name, value, 100.0 * value / most) for name, value in values]
