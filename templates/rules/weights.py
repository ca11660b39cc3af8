"""Weigh failures by how suspicious they are; step.py has the table of weights.

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later, standard library only.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from typing import NamedTuple

from banstitch_shared.eventlog import LOCKOUT as LOCKED_OUT
from banstitch_shared.eventlog import Entry

from rules import shield
from rules.networks import find_networks
from rules.settings import DAY, LOCKOUT, SLOW, SPRAY, TRAP, UNKNOWN, Detection, Settings, fold_name
from rules.state import MOST_OF_A_SPRAY, MOST_USERS, State, forget_before, remember

WEEK = 7 * DAY
# An attempt without a name weighs more than a name from a strange source.
NAMELESS = 4 / 3
# While a site knows nobody, names of detection_known_users weigh half as much, and unknown names a quarter.
EARLY_KNOWN, EARLY_UNKNOWN = 1 / 2, 1 / 4
# Reasons with which a FortiGate reports that it has no such user.
NO_SUCH_USER = ("sslvpn_login_unknown_user", "name_invalid")
# Letters and digits of any script, and what names of people, hosts and domains hold.
_PLAUSIBLE = re.compile(r"[\w.@+' -]{1,64}\Z")


class Reason(NamedTuple):
    """The reason why a failure is suspicious: its weight, the rule, and for how many seconds it weighs.

    ``is_early``: it weighs less, since the site does not know its people yet.
    """

    weight: float
    rule: str
    lasts: float
    is_early: bool = False


INNOCENT = Reason(0, "", 0)


def weigh(state: State, event: Entry, detection: Detection, settings: Settings) -> Reason:
    """Return why a failure is suspicious, and remember a strange source for the user whom it tried."""
    if event.kind == LOCKED_OUT:
        return _make_reason(detection, LOCKOUT)
    if not event.user:
        return _make_reason(detection, SLOW, NAMELESS)
    user = name_account(detection, event.user)
    logins = state.users.get(user)
    if not logins and fold_name(event.user) not in settings.known_users:
        return _weigh_unknown(state, event, detection, settings)
    if logins and (event.address in logins or list_places(event.address)[0] in logins):
        return INNOCENT
    if (
        SPRAY in detection.rules
        and not shield.is_home(state, event.address, event.at, settings)
        and _is_sprayed(state, user, event, detection)
    ):
        return _make_reason(detection, SPRAY)
    if not logins and _knows_nobody(state, event.at, settings):
        return _make_reason(detection, SLOW, EARLY_KNOWN)._replace(is_early=True)
    return _make_reason(detection, SLOW)


def _make_reason(detection: Detection, name: str, factor: float = 1.0) -> Reason:
    rule = detection.rules.get(name)
    return Reason(factor / rule.max_retry, name, rule.find_time) if rule else INNOCENT


def _weigh_unknown(state: State, event: Entry, detection: Detection, settings: Settings) -> Reason:
    name = fold_name(event.user)
    is_trap = name in settings.trap_users and name not in detection.no_traps
    if TRAP in detection.rules and (is_trap or not _PLAUSIBLE.match(name)):
        return _make_reason(detection, TRAP)
    reason = _make_reason(detection, UNKNOWN)
    if _knows_nobody(state, event.at, settings) and event.reason not in NO_SUCH_USER:
        return Reason(reason.weight * EARLY_UNKNOWN, UNKNOWN, min(DAY, reason.lasts), is_early=True)
    return reason


def _is_sprayed(state: State, user: str, event: Entry, detection: Detection) -> bool:
    """Add the source of an event to those that try a user; return whether they are a spray."""
    rule = detection.rules[SPRAY]
    return count_sources(state, user, event, rule.find_time) >= rule.max_retry


def count_sources(state: State, key: str, event: Entry, seconds: float) -> int:
    """Add the source of an event to those under a key; return how many there were within so many seconds."""
    sources = state.sprays.get(key) or OrderedDict()
    remember(sources, event.address, event.at, MOST_OF_A_SPRAY)
    remember(state.sprays, key, sources, MOST_USERS)
    forget_before(sources, event.at - seconds)
    return len(sources)


def _knows_nobody(state: State, at: float, settings: Settings) -> bool:
    return is_new_site(state, at) or not settings.logins


def is_new_site(state: State, at: float) -> bool:
    """Return whether a site is in its first week, in which it does not know its people yet."""
    return at - state.first_at < WEEK


def list_places(source: str) -> tuple[str, ...]:
    """Return a source, and the /24 around an IPv4 address."""
    return (source,) if ":" in source else (*find_networks(source), source)


def name_account(detection: Detection, user: str) -> str:
    """Return the key of a user in the tables, which differs for administrators and users of the VPN."""
    return "%s %s" % (detection.accounts, fold_name(user)) if user else ""


def read_account(key: str) -> str:
    """Return the user of a key that :func:`name_account` returned."""
    return key.partition(" ")[2]
