"""A model of how fail2ban 0.11, 1.0 and 1.1 count failures and lengthen bans.

Sources: ``ticket.py`` (``adjustTime``), ``failmanager.py`` and ``observer.py`` of fail2ban. fail2ban does
not drop old failures one by one. Once its window is exceeded it estimates how many failures the window
would hold at the same rate, so failures at 0, 301 and 602 seconds count as three within 600 seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

from banstitch_shared.addresses import Networks
from rules.networks import list_around
from rules.settings import TRUSTED
from rules.systems import Systems

FOREVER = -1.0
NOBODY = Networks(())
# The number of bans after which fail2ban stops lengthening them, as our jails ask it to.
MOST_GROWTH = 20


@dataclass(frozen=True)
class Jail:
    """The settings of one jail. Times in seconds; a ``ban_time`` of -1 never ends.

    ``factor``: how many times as long each further ban of the same key is, up to ``longest``; 1 where bans
    do not grow. ``ignored``: networks that it never bans.
    """

    name: str
    detection: str
    rule: str
    max_retry: int
    find_time: float
    ban_time: float
    factor: int = 1
    longest: float = 0.0
    ignored: Networks = NOBODY


@dataclass(slots=True)
class Ban:
    """A ban by one jail. ``until`` is -1 for ever; ``events``: the failures that led to it."""

    jail: Jail
    key: str
    at: float
    until: float
    events: int

    def covers(self, at: float) -> bool:
        """Return whether the ban is in force at a time."""
        return self.at <= at and (self.until == FOREVER or at < self.until)


@dataclass(slots=True)
class _Failures:
    """fail2ban's ticket of a key that is not banned: when its window begins and ends, and its count."""

    first: float
    last: float
    count: float = 0
    total: int = 0


@dataclass
class Fail2ban:
    """All jails of a ban host."""

    jails: dict[str, Jail]
    _failures: dict[tuple[str, str], _Failures] = field(default_factory=dict)
    _bans: dict[tuple[str, str], Ban] = field(default_factory=dict)
    _times_banned: dict[tuple[str, str], int] = field(default_factory=dict)

    def count(self, at: float, jail_name: str, key: str) -> Ban | None:
        """Count one line of the rule log; return the ban that begins with it.

        fail2ban prolongs a ban that is in force without calling its actions, so the feed ends it in time.
        """
        jail, identity = self.jails[jail_name], (jail_name, key)
        if _is_ignored(jail.ignored, key):
            return None
        failures = self._failures.get(identity)
        if failures is None or failures.last + jail.find_time <= at:
            failures = self._failures[identity] = _Failures(at, at)
        _widen(failures, at, jail.find_time)
        failures.count += self._weigh(jail, identity)
        failures.total += 1
        if failures.count < jail.max_retry:
            return None
        del self._failures[identity]
        return self._ban(at, jail, key, failures.total)

    def pardon(self, at: float, source: str, systems: Systems | None = None) -> list[str]:
        """End the bans that a login contradicts: those of its source, and of networks around it.

        Return the keys that were banned. Bans of trusted sources stay.
        """
        keys = (source, *list_around(source, systems))
        ended = [
            ban
            for jail in self.jails.values()
            for key in keys
            if jail.rule != TRUSTED
            and (ban := self._bans.get((jail.name, key))) is not None
            and ban.covers(at)
        ]
        for ban in ended:
            ban.until = at
        return [ban.key for ban in ended]

    def _weigh(self, jail: Jail, identity: tuple[str, str]) -> float:
        """Return for how many failures one counts: for more where bans grow and the key is known."""
        times = self._times_banned.get(identity, 0)
        if jail.factor == 1 or not times:
            return 1
        return min(2.0 ** min(times, MOST_GROWTH) / 2 + 1, float(jail.max_retry))

    def _ban(self, at: float, jail: Jail, key: str, events: int) -> Ban | None:
        identity = (jail.name, key)
        ban = self._bans.get(identity)
        if ban is not None and ban.covers(at):
            return None
        times = self._times_banned.get(identity, 0)
        self._times_banned[identity] = times + 1
        ban = self._bans[identity] = Ban(jail, key, at, _end(at, jail, times), events)
        return ban


@lru_cache(maxsize=65536)
def _is_ignored(ignored: Networks, key: str) -> bool:
    return bool(ignored.find_overlap(key))


def _widen(failures: _Failures, at: float, window: float) -> None:
    if at <= failures.last:
        return
    if failures.first < at - window:
        rate = failures.count / (at - failures.first)
        failures.count = round(rate * window)
        failures.first = at - window
    failures.last = at


def _end(at: float, jail: Jail, times: int) -> float:
    if jail.ban_time == FOREVER:
        return FOREVER
    length = jail.ban_time * float(jail.factor) ** min(times, MOST_GROWTH)
    return at + (min(length, jail.longest) if jail.factor > 1 else length)
