"""What decides about bans: the recipe, CrowdSec's scenario for FortiGates, and the rules as shipped."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from banstitch_shared.eventlog import FAILURE
from banstitch_shared.jails import PLAIN
from rules.settings import Settings
from rules.state import State
from rules.step import Ban, Pardon, step
from rules.systems import Systems

from provision.replay.counting import FOREVER, Fail2ban, Jail
from tests.bench.campaigns.attempts import SSLVPN, Attempt, to_entry


class Denial(NamedTuple):
    """A key that is denied until a time; 0 if it is denied no longer."""

    key: str
    until: float


class Defence(Protocol):
    """Decide what follows from an event that the FortiGate logged.

    ``systems``: the autonomous systems whose networks it bans; None for none.
    """

    @property
    def systems(self) -> Systems | None: ...

    def take(self, attempt: Attempt) -> Iterable[Denial]:
        """Return whom to deny, and whom no longer."""


@dataclass
class Recipe:
    """Two failures within ten minutes, an hour; it reads IPv4 addresses of log id 39426 only."""

    systems: None = None
    fail2ban: Fail2ban = field(
        default_factory=lambda: Fail2ban({"recipe": Jail("recipe", SSLVPN, PLAIN, 2, 600, 3600)})
    )

    def take(self, attempt: Attempt) -> list[Denial]:
        """Count a failure."""
        if attempt.kind != FAILURE or attempt.detection != SSLVPN or ":" in attempt.address:
            return []
        ban = self.fail2ban.count(attempt.at, "recipe", attempt.address)
        return [Denial(attempt.address, ban.until)] if ban else []


@dataclass
class CrowdSec:
    """The hub's ``crowdsecurity/fortinet-vpn-bruteforce``: a bucket for each address.

    It holds five failures, one leaks out every two minutes, and an overflow is a ban of four hours, the
    default of its profiles. It reads SSL VPN failures only.
    """

    systems: None = None
    buckets: dict[str, tuple[float, float]] = field(default_factory=dict)

    def take(self, attempt: Attempt) -> list[Denial]:
        """Pour a failure into its bucket."""
        if attempt.kind != FAILURE or attempt.detection != SSLVPN:
            return []
        level, last = self.buckets.pop(attempt.address, (0.0, attempt.at))
        level = max(0.0, level - (attempt.at - last) / 120) + 1
        if level > 5:
            return [Denial(attempt.address, attempt.at + 4 * 3600)]
        self.buckets[attempt.address] = (level, attempt.at)
        return []


class Rules:
    """The rules as shipped, and fail2ban with their jails."""

    def __init__(self, settings: Settings, jails: dict[str, Jail]) -> None:
        self.state, self.settings, self.fail2ban = State(), settings, Fail2ban(jails)

    @property
    def systems(self) -> Systems | None:
        """The autonomous systems of a database."""
        return self.settings.systems

    def take(self, attempt: Attempt) -> list[Denial]:
        """Take a step, and count its lines."""
        denials = []
        for outcome in step(self.state, to_entry(attempt), self.settings):
            if isinstance(outcome, Ban):
                ban = self.fail2ban.count(outcome.at, outcome.jail, outcome.key)
                if ban:
                    until = float("inf") if ban.until == FOREVER else ban.until
                    denials.append(Denial(outcome.key, until))
            elif isinstance(outcome, Pardon):
                ended = self.fail2ban.pardon(outcome.at, outcome.source, self.systems)
                denials += [Denial(key, 0) for key in {outcome.source, *ended}]
        return denials
