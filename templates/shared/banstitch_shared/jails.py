"""Name the jail of a rule of a detection, and the detection and the rule of a jail.

The jail of the rule ``plain`` has the name that version 0.1 gave to the only jail of a detection.

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later, standard library only.
"""

from __future__ import annotations

# No other jail of fail2ban has a name that begins so.
PREFIX = "banstitch-"
# The form of these names.
JAIL_NAME = PREFIX + "[A-Za-z0-9_-]{1,99}"
# The rule that counts as the recipe does, and those that ban networks and autonomous systems.
PLAIN, NETWORK, ASN = "plain", "network", "asn"


def name_jail(detection: str, rule: str = PLAIN) -> str:
    """Return the name of the jail of a rule."""
    return PREFIX + detection + ("" if rule == PLAIN else "-" + rule)


def bans_networks(jail: str) -> bool:
    """Return whether a jail bans networks because of several sources in them."""
    return jail.endswith(("-" + NETWORK, "-" + ASN))


def bans_systems(jail: str) -> bool:
    """Return whether a jail bans autonomous systems, whose bans count in quiet hours only."""
    return jail.endswith("-" + ASN)


def name_detection(jail: str) -> str:
    """Return the name of the detection of a jail; that of a foreign jail as it is."""
    return jail[len(PREFIX) :].partition("-")[0] if jail.startswith(PREFIX) else jail


def name_rule(jail: str) -> str:
    """Return the name of the rule of a jail of ours."""
    return jail[len(PREFIX) :].partition("-")[2] or PLAIN


def describe_jail(jail: str) -> str:
    """Return DETECTION/RULE for people; of the rule ``plain``, only the detection."""
    rule = name_rule(jail) if jail.startswith(PREFIX) else PLAIN
    return name_detection(jail) + ("" if rule == PLAIN else "/" + rule)
