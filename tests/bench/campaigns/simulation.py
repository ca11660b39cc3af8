"""Let a site and its attackers meet a defence: what is denied makes no event."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from banstitch_shared.eventlog import SUCCESS
from rules.networks import list_around
from rules.systems import Systems

from tests.bench.campaigns.attempts import Attempt
from tests.bench.campaigns.defences import Defence, Denial

# The FortiGate fetches the feed every 60 seconds; fail2ban needs two to write it.
POLL, WRITING = 60.0, 2.0


@dataclass
class Result:
    """What became of the guesses and of the people. ``denied``: numbers of people."""

    guesses: int = 0
    kept_out: int = 0
    denied: set[int] = field(default_factory=set)

    @property
    def share(self) -> float:
        """The percentage of guesses that were kept out."""
        return 100.0 * self.kept_out / self.guesses if self.guesses else 100.0


class Feed:
    """The bans as the FortiGate knows them, always a little late."""

    def __init__(self, systems: Systems | None) -> None:
        self._systems = systems
        self._denials: dict[str, tuple[float, float]] = {}

    def update(self, at: float, denial: Denial) -> None:
        """Take a ban, or the end of one."""
        fetched = _next_poll(at + WRITING)
        start, end = self._denials.get(denial.key, (0.0, 0.0))
        if denial.until == 0:
            self._denials[denial.key] = (start, min(end, fetched))
        elif end > at:
            self._denials[denial.key] = (min(start, fetched), max(end, _next_poll(denial.until)))
        else:
            self._denials[denial.key] = (fetched, _next_poll(denial.until))

    def denies(self, attempt: Attempt) -> bool:
        """Return whether the FortiGate denies an attempt."""
        keys = {attempt.address, attempt.source, *list_around(attempt.source, self._systems)}
        for key in keys:
            start, end = self._denials.get(key, (0.0, 0.0))
            if start <= attempt.at < end:
                return True
        return False


def _next_poll(at: float) -> float:
    return at if at == float("inf") else (at // POLL + 1) * POLL


def simulate(attempts: Iterable[Attempt], defence: Defence, start: float) -> Result:
    """Return what a defence makes of attempts in the order of time; what is before ``start`` only teaches."""
    result, feed = Result(), Feed(defence.systems)
    for attempt in attempts:
        is_denied, is_measured = feed.denies(attempt), attempt.at >= start
        if is_measured:
            _note(result, attempt, is_denied)
        if is_denied:
            continue
        for denial in defence.take(attempt):
            feed.update(attempt.at, denial)
    return result


def _note(result: Result, attempt: Attempt, is_denied: bool) -> None:
    if attempt.is_guess:
        result.guesses += 1
        result.kept_out += is_denied
    elif attempt.kind == SUCCESS and is_denied:
        result.denied.add(attempt.person)
