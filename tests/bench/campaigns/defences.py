"""The defences: the recipe, CrowdSec's scenario for FortiGates, and the rules as shipped."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from banstitch_shared.eventlog import FAILURE
from banstitch_shared.jails import PLAIN
from banstitch_shared.quiet_hours import is_quiet
from rules import shield
from rules.settings import Settings
from rules.shielding import NEW
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

    def is_quiet(self, at: float) -> bool:
        """Return whether bans of autonomous systems count at a time."""

    def find_shield(self) -> tuple[float, float]:
        """Return when the shield that rose last rose, and when it falls; nothing where there is none."""

    def spares(self, attempt: Attempt) -> bool:
        """Return whether the shield spares the source of an attempt."""


class Shieldless:
    """A defence without a shield."""

    def is_quiet(self, _at: float) -> bool:
        """Know no hours."""
        return True

    def find_shield(self) -> tuple[float, float]:
        """Return a time that is over."""
        return 0.0, 0.0

    def spares(self, _attempt: Attempt) -> bool:
        """Spare everybody."""
        return True


@dataclass
class Recipe(Shieldless):
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
class CrowdSec(Shieldless):
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


class Rules(Shieldless):
    """The rules as shipped, and fail2ban with their jails."""

    def __init__(self, settings: Settings, jails: dict[str, Jail]) -> None:
        self.state, self.settings, self.fail2ban = State(), settings, Fail2ban(jails)

    @property
    def systems(self) -> Systems | None:
        """The autonomous systems of a database."""
        return self.settings.systems

    def is_quiet(self, at: float) -> bool:
        """Return whether bans of autonomous systems count at a time."""
        return is_quiet(self.state.quiet_hours, at)

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


class Shielded(Rules):
    """The rules with the setting ``shield: auto``."""

    def find_shield(self) -> tuple[float, float]:
        """Return the times of the shield; a site in its first week has none."""
        old_enough = self.state.first_at + NEW
        return max(self.state.shield_since, old_enough), self.state.shield_until

    def spares(self, attempt: Attempt) -> bool:
        """Return whether somebody logged in lately from the network around a source."""
        return shield.is_home(self.state, attempt.source, attempt.at, self.settings)
