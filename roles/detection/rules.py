"""Rules of detections: thresholds, the jail of each, and the settings file of banstitch-rules.

A part of the role `detection`. `templates/rules/step.py` describes what each rule counts.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Final, NamedTuple

from pydantic import Discriminator, Field, Tag

from provision.sites.setting_types import FOREVER, Duration, DurationOrForever, Expected
from provision.sites.settings import Strict
from roles.detection.catalogue import RENAMED, MaxRetry, RuleName

PLAIN, TRUSTED, NETWORK = "plain", "trusted", "network"
ASN: Final = "asn"
_MINUTE, _HOUR, _DAY = 60, 3600, 86400
# The service has counted before a line reaches the jails of all others.
_COUNTED_BY_FAIL2BAN = (PLAIN, TRUSTED)
# A shorter ban is over before fail2ban lengthens it.
SHORTEST_GROWING = 60
# How many times as long each further ban of a repeat offender is.
_FACTOR = 4
_TRAP_USERS = Path(__file__).parent / "trap_users.txt"


class Limits(NamedTuple):
    """Thresholds of a rule. Times in seconds, ``ban_time`` -1 for ever."""

    max_retry: int
    find_time: int
    ban_time: int


# The thresholds of rules that the settings do not change. `plain` has those of its detection.
DEFAULTS: Mapping[str, Limits] = {
    TRUSTED: Limits(10, 10 * _MINUTE, 10 * _MINUTE),
    "slow": Limits(4, _DAY, _DAY),
    "unknown_user": Limits(2, 7 * _DAY, _DAY),
    "trap": Limits(1, 7 * _DAY, _DAY),
    "spray": Limits(3, _DAY, _DAY),
    "lockout": Limits(1, _DAY, _DAY),
    NETWORK: Limits(3, 7 * _DAY, 7 * _DAY),
    ASN: Limits(2, 14 * _DAY, 30 * _DAY),
}


class RuleThresholds(Strict):
    """Thresholds of one rule that differ from its defaults."""

    max_retry: Annotated[
        MaxRetry | None,
        Field(description="number of events, or of sources, within find_time that ban"),
    ] = None
    find_time: Annotated[
        Duration | None, Field(description="period in which events are counted, 1s or more")
    ] = None
    ban_time: Annotated[
        DurationOrForever | None, Field(description="duration of a ban; -1: permanent")
    ] = None


def _choose_member(value: object) -> str:
    return "<switch>" if isinstance(value, bool) else "<thresholds>"


# `off` turns a rule off, `on` turns one on with its defaults. The discriminator keeps errors to one of both.
RuleSettings = dict[
    RuleName,
    Annotated[
        Annotated[RuleThresholds, Tag("<thresholds>")] | Annotated[bool, Tag("<switch>")],
        Discriminator(_choose_member),
        Expected("off, on, or a mapping with max_retry, find_time or ban_time"),
    ],
]


@dataclass(frozen=True)
class Rule:
    """A rule of one detection that is on at one site, and its jail.

    ``grows``: further bans are longer; ``factor``: how many times.
    """

    name: str
    detection: str
    limits: Limits
    grows: bool
    factor: int
    ignore: tuple[str, ...] = ()

    @property
    def jail(self) -> str:
        """The jail of `plain` has the name that the only jail of a detection had in version 0.1."""
        return f"banstitch-{self.detection}" + ("" if self.name == PLAIN else f"-{self.name}")

    @property
    def earlier_jail(self) -> str:
        """The jail from which this one takes over the bans, or an empty string."""
        earlier = [old for old, new in RENAMED.items() if new == self.detection]
        return f"banstitch-{earlier[0]}" if earlier and self.name == PLAIN else ""

    @property
    def kind(self) -> str:
        """The kind of keys that the jail bans: addresses, or networks by one of two rules."""
        return self.name if self.name in (NETWORK, ASN) else "address"

    @property
    def in_fail2ban(self) -> Limits:
        """Thresholds of the jail: one line is enough where the service has counted.

        A line that is read late starts no ban whose time is over.
        """
        if self.name in _COUNTED_BY_FAIL2BAN:
            return self.limits
        _, find_time, ban_time = self.limits
        return Limits(1, find_time if ban_time == FOREVER else ban_time, ban_time)


@dataclass(frozen=True)
class Growth:
    """The lengthening of bans by `plain`, and the longest ban of any rule."""

    is_on: bool
    factor: int
    longest: int


def choose_rules(
    detection: str,
    names: Sequence[str],
    plain: Limits,
    given: Mapping[str, RuleThresholds | bool],
    growth: Growth,
    ignore: tuple[str, ...] = (),
) -> tuple[Rule, ...]:
    """Return the rules of a detection that are on, by the catalogue and the settings."""
    every = {PLAIN: plain, **DEFAULTS}
    is_on = {name: given.get(name, name in names) is not False for name in every}
    found = []
    for name, limits in every.items():
        if is_on[name]:
            limits = _change(limits, given.get(name))
            grows, factor = _grow(name, limits, growth)
            found.append(Rule(name, detection, limits, grows, factor, ignore))
    return tuple(found)


def _change(limits: Limits, given: RuleThresholds | bool | None) -> Limits:
    if not isinstance(given, RuleThresholds):
        return limits
    return limits._replace(**given.model_dump(exclude_none=True))


def _grow(name: str, limits: Limits, growth: Growth) -> tuple[bool, int]:
    """Return whether bans of a rule grow, and how. Those of trusted sources stay short."""
    if name == PLAIN:
        return growth.is_on and limits.ban_time != FOREVER, growth.factor
    fits = SHORTEST_GROWING <= limits.ban_time < growth.longest
    return name != TRUSTED and fits, _FACTOR


def describe_rules(
    rules: Sequence[Rule],
    accounts: Mapping[str, tuple[str, Sequence[str]]],
    people: Mapping[str, Any],
) -> str:
    """Return the text of ``rules.json``, as `templates/rules/settings.py` reads it.

    ``accounts``: the list of users, and names that are real in spite of the traps, of each detection;
    ``people``: the settings about users and logins.
    """
    detections = {
        name: {
            "rules": {
                rule.name: [rule.limits.max_retry, rule.limits.find_time]
                for rule in rules
                if rule.detection == name
            },
            "accounts": whose,
            "no_traps": sorted(no_traps),
        }
        for name, (whose, no_traps) in accounts.items()
    }
    plain = [rule.limits.max_retry for rule in rules if rule.name == PLAIN]
    document = {"detections": detections, **people, "most_failures": min(plain, default=5) / 2}
    return json.dumps(document, indent=1, ensure_ascii=True) + "\n"


@cache
def read_trap_users() -> tuple[str, ...]:
    """Return the shipped list of user names that nobody should have."""
    lines = _TRAP_USERS.read_text("utf-8").splitlines()
    return tuple(line for line in lines if line and not line.startswith("#"))
