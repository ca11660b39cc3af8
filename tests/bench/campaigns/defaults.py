"""The shipped defaults: the settings of the rules, and the jails."""

from __future__ import annotations

import json

from rules.settings import Settings, read_settings

from provision.replay.counting import Jail
from roles.detection.rules import (
    DEFAULTS,
    PLAIN,
    Growth,
    Limits,
    Rule,
    choose_rules,
    describe_rules,
    read_trap_users,
)
from tests.bench.campaigns.attempts import ADMIN, IPSEC, SSLVPN

LONGEST = 28 * 86400
# Each has a list of users, and names of the list of traps that are real there.
ACCOUNTS = {
    SSLVPN: ("users", ()),
    IPSEC: ("users", ()),
    ADMIN: ("administrators", ("admin",)),
}
PEOPLE = {
    "trap_users": read_trap_users(),
    "known_users": [],
    "trust_days": 14,
    "trust_sources": 5,
}


def read_defaults() -> tuple[Settings, dict[str, Jail]]:
    """Return what a ban host runs with when no setting is given."""
    rules = [rule for detection in ACCOUNTS for rule in _choose(detection)]
    settings = read_settings(json.loads(describe_rules(rules, ACCOUNTS, PEOPLE)))
    return settings, {rule.jail: _make_jail(rule) for rule in rules}


def _choose(detection: str) -> tuple[Rule, ...]:
    growth = Growth(is_on=False, factor=2, longest=LONGEST)
    return choose_rules(detection, [PLAIN, *DEFAULTS], Limits(5, 600, 3600), {}, growth)


def _make_jail(rule: Rule) -> Jail:
    factor = rule.factor if rule.grows else 1
    return Jail(rule.jail, rule.detection, rule.name, *rule.in_fail2ban, factor, LONGEST)
