"""Let a site and its attackers meet a defence: what is denied makes no event."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from banstitch_shared.eventlog import SUCCESS
from rules.networks import list_around
from rules.settings import DAY
from rules.shield import find_home

from tests.bench.campaigns.attempts import Attempt
from tests.bench.campaigns.defences import Defence, Denial

# The FortiGate fetches the feed every 60 seconds; fail2ban needs two to write it.
POLL, WRITING = 60.0, 2.0
# As long as the shipped detection_trust_days.
LATELY = 14 * DAY


@dataclass
class Result:
    """The fate of the guesses and of the people.

    - ``denied``: numbers of people who were denied at least once
    - ``logins``: with the right password, denied or not
    - ``strange``: those of them from a network of which nobody has logged in lately
    - ``denied_strange``, ``denied_known``: denied logins, from such a network and from another one
    - ``known``: numbers of people who were denied at least once in a network of the other kind
    """

    guesses: int = 0
    kept_out: int = 0
    denied: set[int] = field(default_factory=set)
    logins: int = 0
    strange: int = 0
    denied_strange: int = 0
    denied_known: int = 0
    known: set[int] = field(default_factory=set)

    @property
    def share(self) -> float:
        """The percentage of guesses that were kept out."""
        return 100.0 * self.kept_out / self.guesses if self.guesses else 100.0


class Feed:
    """The bans as the FortiGate knows them, always a little late."""

    def __init__(self, defence: Defence) -> None:
        self._defence = defence
        self._denials: dict[str, tuple[float, float]] = {}

    def update(self, at: float, denial: Denial) -> None:
        """Take a ban, or the end of one."""
        fetched = find_next_poll(at + WRITING)
        start, end = self._denials.get(denial.key, (0.0, 0.0))
        if denial.until == 0:
            self._denials[denial.key] = (start, min(end, fetched))
        elif end > at:
            self._denials[denial.key] = (
                min(start, fetched),
                max(end, find_next_poll(denial.until)),
            )
        else:
            self._denials[denial.key] = (fetched, find_next_poll(denial.until))

    def denies(self, attempt: Attempt) -> bool:
        """Return whether the FortiGate denies an attempt."""
        systems = self._defence.systems
        if not self._defence.is_quiet(attempt.at):
            systems = None
        keys = {attempt.address, attempt.source, *list_around(attempt.source, systems)}
        for key in keys:
            start, end = self._denials.get(key, (0.0, 0.0))
            if start <= attempt.at < end:
                return True
        return False


def find_next_poll(at: float) -> float:
    """Return when the FortiGate next fetches the feed."""
    return at if at == float("inf") else (at // POLL + 1) * POLL


class Homes:
    """The networks, as wide as the shield spares them, from which somebody logged in lately."""

    def __init__(self) -> None:
        self._logins: dict[str, float] = {}

    def add(self, login: Attempt) -> None:
        """Take a login that nothing denied."""
        self._logins[find_home(login.source)] = login.at

    def has(self, login: Attempt) -> bool:
        """Return whether somebody logged in from the network of a login within two weeks."""
        return login.at - self._logins.get(find_home(login.source), float("-inf")) < LATELY


class Defended:
    """A site whose FortiGate denies what its defence bans. What is before ``start`` only teaches."""

    def __init__(self, defence: Defence, start: float) -> None:
        self.result = Result()
        self._defence, self._start = defence, start
        self._feed, self._homes = Feed(defence), Homes()

    def meet(self, attempt: Attempt, is_banned_elsewhere: bool = False) -> list[Denial]:
        """Take an attempt, and return whom to deny from now on, and whom no longer."""
        is_denied = (
            is_banned_elsewhere
            or self._feed.denies(attempt)
            or _is_shielded(attempt, self._defence)
        )
        if attempt.at >= self._start:
            _note(self.result, attempt, is_denied, self._homes)
        if is_denied:
            return []
        if attempt.kind == SUCCESS:
            self._homes.add(attempt)
        denials = list(self._defence.take(attempt))
        for denial in denials:
            self._feed.update(attempt.at, denial)
        return denials


def simulate(attempts: Iterable[Attempt], defence: Defence, start: float) -> Result:
    """Return what a defence makes of attempts in the order of time."""
    site = Defended(defence, start)
    for attempt in attempts:
        site.meet(attempt)
    return site.result


def _is_shielded(attempt: Attempt, defence: Defence) -> bool:
    """Return whether the shield, as the FortiGate has fetched it, denies an attempt."""
    since, until = defence.find_shield()
    if not find_next_poll(since + WRITING) <= attempt.at < find_next_poll(until):
        return False
    return not defence.spares(attempt)


def _note(result: Result, attempt: Attempt, is_denied: bool, homes: Homes) -> None:
    if attempt.is_guess:
        result.guesses += 1
        result.kept_out += is_denied
    elif attempt.kind == SUCCESS and not attempt.is_tunnel:
        is_strange = not homes.has(attempt)
        result.logins += 1
        result.strange += is_strange
        result.denied_strange += is_denied and is_strange
        result.denied_known += is_denied and not is_strange
        if is_denied:
            result.denied.add(attempt.person)
        if is_denied and not is_strange:
            result.known.add(attempt.person)
