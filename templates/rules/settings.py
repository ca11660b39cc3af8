"""The settings of the rules, as the deployer writes them to ``rules.json``.

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later, standard library only.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from rules.systems import Systems

DAY = 86400
# Names of rules besides those in banstitch_shared/jails.py. Each is one jail of a detection.
TRUSTED, SLOW = "trusted", "slow"
UNKNOWN, TRAP, SPRAY, LOCKOUT = "unknown_user", "trap", "spray", "lockout"


class Rule(NamedTuple):
    """One failure weighs 1/``max_retry`` of a ban, for ``find_time`` seconds.

    For the rules ``network`` and ``asn``, ``max_retry`` is the number of different sources.
    """

    max_retry: int
    find_time: float


@dataclass(frozen=True)
class Detection:
    """The rules of one detection that are on, by name.

    ``accounts``: detections with the same word share one list of users. ``no_traps``: names that are
    real here although the list of traps has them.
    """

    name: str
    rules: Mapping[str, Rule]
    accounts: str = "users"
    no_traps: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Settings:
    """The settings of the rules, for all detections of a site.

    ``trust_days``: how long a login gives trust to its source. ``trust_sources``: how many sources can get
    trust from one user in a day. ``most_failures``: a source that failed more often since its last login
    gets none; in the first week of a site it may fail twice as often. ``logins``: whether FortiGates report
    logins. ``known_users`` count as if they had logged in. All names are in lower case.
    ``shield``: off, alarm or auto. ``spared``: networks that the shield never denies.
    ``looked_up``: the file of the networks behind names and URLs of the ignore list; empty for none.
    ``asn_database``: the file from which ``systems`` are read; empty for none.
    ``shares``: whether the site shares its bans, with other sites or with AbuseIPDB.
    """

    detections: Mapping[str, Detection]
    trap_users: frozenset[str] = frozenset()
    known_users: frozenset[str] = frozenset()
    trust_days: float = 14
    trust_sources: int = 5
    most_failures: float = 2.5
    logins: bool = True
    shield: str = "off"
    spared: tuple[str, ...] = ()
    looked_up: str = ""
    asn_database: str = ""
    systems: Systems | None = None
    shares: bool = False

    @property
    def trust_time(self) -> float:
        """Return the seconds for which a login gives trust to its source."""
        return self.trust_days * DAY


def read_settings(document: Mapping[str, Any]) -> Settings:
    """Return the settings of a parsed ``rules.json``."""
    shield = document.get("shield", {"mode": "off", "spared": ()})
    detections = {
        name: Detection(
            name,
            {rule: Rule(int(n), float(time)) for rule, (n, time) in block["rules"].items()},
            block["accounts"],
            frozenset(map(fold_name, block["no_traps"])),
        )
        for name, block in document["detections"].items()
    }
    return Settings(
        detections,
        frozenset(map(fold_name, document["trap_users"])),
        frozenset(map(fold_name, document["known_users"])),
        float(document["trust_days"]),
        int(document["trust_sources"]),
        float(document["most_failures"]),
        document.get("logins", True),
        shield["mode"],
        tuple(shield["spared"]),
        document.get("looked_up", ""),
        document.get("asn_database", ""),
        shares=document.get("shares", False),
    )


_DOMAIN = re.compile(r"[\w.-]{1,64}\\(?=\w)")


@lru_cache(maxsize=16384)
def fold_name(user: str) -> str:
    """Return the user name by which it is remembered: in lower case, without domain or realm.

    ``DOMAIN\\alice``, ``alice@example.com`` and ``Alice`` are one user.
    """
    name = user.strip().lower()
    domain = _DOMAIN.match(name)
    if domain:
        name = name[domain.end() :]
    head, at, tail = name.partition("@")
    return head if at and head and "@" not in tail else name
