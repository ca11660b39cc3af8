"""The progress of a run at many sites: how many are done, at work and waiting, and the time that is left.

Its size does not grow with the number of sites: of those that have ended, only the latest are named.
"""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from provision.plan import State

# The most sites of a kind that a display may want to name.
_NAMED = 100
# The state of a site is the first of these that one of its targets has.
_WORST: tuple[State, ...] = ("failed", "unreachable", "differs", "changed", "skipped", "ok")
_FAILED = ("failed", "unreachable")


@dataclass(frozen=True)
class Row:
    """The activity at a target, or its ``state`` if something has ended there."""

    site: str
    host: str
    text: str
    state: State | None = None


@dataclass(frozen=True)
class Snapshot:
    """The progress at one moment. ``failed`` and ``ended``: the latest rows, the newest first.

    ``per_second``: the sites that end in a second; ``left``: the seconds until all have ended. Both are None
    as long as nobody knows.
    """

    total: int
    counts: dict[State, int]
    at_work: int
    rows: tuple[Row, ...] = ()
    failed: tuple[Row, ...] = ()
    ended: tuple[Row, ...] = ()
    per_second: float | None = None
    left: float | None = None

    @property
    def done(self) -> int:
        """Return the number of sites that have ended."""
        return sum(self.counts.values())

    @property
    def waiting(self) -> int:
        """Return the number of sites that have not begun."""
        return max(0, self.total - self.done - self.at_work)


class Tally:
    """Counts the sites of a run. Several threads may use it; it never waits for anything else."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._lock = clock, threading.Lock()
        self.start(0)

    def start(self, total: int) -> None:
        """Begin anew, with so many sites."""
        with self._lock:
            self._total, self._started = total, self._clock()
            self._counts: Counter[State] = Counter()
            self._rows: dict[str, dict[str, Row]] = {}
            self._failed: deque[Row] = deque(maxlen=_NAMED)
            self._ended: deque[Row] = deque(maxlen=_NAMED)

    def note(self, row: Row) -> None:
        """Note what happens at a target."""
        with self._lock:
            self._rows.setdefault(row.site, {})[row.host] = row

    def end_site(self, name: str, states: Iterable[State], error: str = "") -> None:
        """Note that a site has ended with these ``states`` of its targets; ``error`` is the first of them."""
        found = set(states)
        state: State = next((each for each in _WORST if each in found), "ok")
        with self._lock:
            self._counts[state] += 1
            rows = self._rows.pop(name, {})
            if state in _FAILED:
                self._failed.appendleft(Row(name, "", error or state, state))
            else:
                self._ended.extendleft(reversed(rows.values()))

    def look(self) -> Snapshot:
        """Return the progress now."""
        with self._lock:
            done = self._counts.total()
            passed = self._clock() - self._started
            speed = done / passed if done and passed > 0 else None
            return Snapshot(
                self._total,
                dict(self._counts),
                len(self._rows),
                tuple(row for of_site in self._rows.values() for row in of_site.values()),
                tuple(self._failed),
                tuple(self._ended),
                speed,
                max(0, self._total - done) / speed if speed else None,
            )
