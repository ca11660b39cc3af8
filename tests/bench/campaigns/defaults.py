"""The shipped defaults: the settings of the rules, and the jails."""

from __future__ import annotations

import json
from dataclasses import replace

from rules.settings import Settings, read_settings
from rules.systems import Systems

from provision.replay.counting import Jail
from roles.detection.catalogue import CATALOGUE
from roles.detection.role import Settings as DetectionSettings
from roles.detection.role import list_rules
from roles.detection.rules import Rule, describe_rules, read_trap_users
from tests.bench.campaigns.attempts import ADMIN, IPSEC, SSLVPN

DETECTIONS = (SSLVPN, IPSEC, ADMIN)


def read_defaults(systems: Systems | None = None) -> tuple[Settings, dict[str, Jail]]:
    """Return what a ban host runs with when no setting is given, but perhaps a database of systems."""
    database = "/var/lib/GeoIP/GeoLite2-ASN.mmdb" if systems else ""
    own = DetectionSettings.model_validate(
        {"detection_enabled": DETECTIONS, "detection_asn_database": database}
    )
    rules = list_rules(own)
    accounts = {name: (CATALOGUE[name].accounts, CATALOGUE[name].no_traps) for name in DETECTIONS}
    people = {
        "trap_users": read_trap_users(),
        "known_users": own.detection_known_users,
        "trust_days": own.detection_trust_days,
        "trust_sources": own.detection_trust_sources,
    }
    settings = read_settings(json.loads(describe_rules(rules, accounts, people)))
    settings = replace(settings, systems=systems)
    longest = own.detection_increment_max
    return settings, {rule.jail: _make_jail(rule, longest) for rule in rules}


def _make_jail(rule: Rule, longest: int) -> Jail:
    factor = rule.factor if rule.grows else 1
    return Jail(rule.jail, rule.detection, rule.name, *rule.in_fail2ban, factor, longest)
