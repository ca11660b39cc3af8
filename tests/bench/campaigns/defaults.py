"""The shipped defaults: the settings of the rules, and the jails."""

from __future__ import annotations

from banstitch_shared.jails import PLAIN, name_jail
from rules import settings as names
from rules.settings import DAY, Detection, Rule, Settings

from provision.replay.counting import Jail
from tests.bench.campaigns.attempts import ADMIN, IPSEC, SSLVPN

MINUTE, HOUR = 60, 3600
# max_retry, find_time, ban_time
RULES = {
    PLAIN: (5, 10 * MINUTE, HOUR),
    names.TRUSTED: (10, 10 * MINUTE, 10 * MINUTE),
    names.SLOW: (4, DAY, DAY),
    names.UNKNOWN: (2, 7 * DAY, DAY),
    names.TRAP: (1, 7 * DAY, DAY),
    names.SPRAY: (3, DAY, DAY),
    names.LOCKOUT: (1, DAY, DAY),
    names.NETWORK: (3, 7 * DAY, 7 * DAY),
}
COUNTED_BY_FAIL2BAN = (PLAIN, names.TRUSTED)
TRAPS = frozenset(
    [
        "admin",
        "administrator",
        "root",
        "test",
        "test1",
        "testuser",
        "user",
        "user1",
        "guest",
        "vpn",
        "vpnuser",
        "sslvpn",
        "support",
        "fortinet",
        "fortigate",
        "scanner",
        "scan",
        "backup",
        "service",
        "temp",
        "demo",
        "ftp",
        "oracle",
        "postgres",
        "sysadmin",
        "operator",
    ]
)


def read_defaults() -> tuple[Settings, dict[str, Jail]]:
    """Return what a ban host runs with when no setting is given."""
    detections, jails = {}, {}
    for name in (SSLVPN, IPSEC, ADMIN):
        is_admin = name == ADMIN
        detections[name] = Detection(
            name,
            {rule: Rule(count, time) for rule, (count, time, _) in RULES.items()},
            "administrators" if is_admin else "users",
            frozenset({"admin"} if is_admin else ()),
        )
        for rule in RULES:
            jail = _make_jail(name, rule)
            jails[jail.name] = jail
    return Settings(detections, TRAPS), jails


def _make_jail(detection: str, rule: str) -> Jail:
    count, find_time, ban_time = RULES[rule]
    name = name_jail(detection, rule)
    if rule in COUNTED_BY_FAIL2BAN:
        return Jail(name, detection, rule, count, find_time, ban_time)
    return Jail(name, detection, rule, 1, find_time, ban_time, 4, 28 * DAY)
