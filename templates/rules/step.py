"""One step of the rules: from the state and an event to the state and the lines of the rule log.

A failure weighs according to what makes it suspicious. A source whose failures weigh 1 in total is
banned, by the jail of the rule that completed the sum. With the shipped settings:

    lockout        the FortiGate itself locked the source out                     1, for a day
    trap           a name that nobody has, or that is no name at all              1, for a week
    spray          a user whom three strange sources tried within a day           1, for a day
    unknown_user   any other name that never logged in                            1/2, for a week
    slow           no name at all                                                 1/3, for a day
    slow           a user, from a source where this user never logged in          1/4, for a day
    (none)         a user, from a source or a /24 where this user logged in       0

A new site knows nobody yet. In its first week an unknown name weighs a quarter of that, for a day, unless
it is a trap or the FortiGate itself calls it unknown.

A network in which three sources weigh 2 together within a week is banned, unless somebody logged in
from it lately. A source from which somebody logged in lately is trusted: only ``trusted`` counts it.

The step uses no clock and no randomness: the same events give the same lines, so a service that was
killed goes on where its checkpoint ends.

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later, standard library only.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from typing import NamedTuple, Union

from banstitch_shared.eventlog import LOCKOUT as LOCKED_OUT
from banstitch_shared.eventlog import SUCCESS, Entry

from rules import shield
from rules.networks import find_networks
from rules.settings import (
    DAY,
    LOCKOUT,
    NETWORK,
    PLAIN,
    SLOW,
    SPRAY,
    TRAP,
    TRUSTED,
    UNKNOWN,
    Detection,
    Settings,
    fold_name,
    name_jail,
)
from rules.state import (
    MOST_NETWORKS,
    MOST_OF_A_NETWORK,
    MOST_OF_A_SPRAY,
    MOST_OF_A_USER,
    MOST_SOURCES,
    MOST_USERS,
    State,
    Table,
    forget_before,
    remember,
)

WEEK = 7 * DAY
# Users who make a source an office.
OFFICE_GUESTS = 3
# An attempt without a name weighs more than a name from a strange source.
NAMELESS = 4 / 3
FIRST_WEEK = 1 / 4
# Weights that a network's sources must have together; a little less, since a third is no exact number.
WHOLE, NETWORK_WEIGHT = 1 - 1e-9, 2 - 1e-9
# Reasons with which a FortiGate says that it has no such user.
NO_SUCH_USER = ("sslvpn_login_unknown_user", "name_invalid")
# Letters and digits of any script, and what names of people, hosts and domains hold.
_PLAUSIBLE = re.compile(r"[\w.@+' -]{1,64}\Z")


class Ban(NamedTuple):
    """One line of the rule log: a jail counts ``key``, because of an event of ``address``."""

    at: float
    jail: str
    key: str
    address: str
    fortigate: str


class Pardon(NamedTuple):
    """A login that speaks against a ban of ``source``."""

    at: float
    source: str
    user: str


class Alarm(NamedTuple):
    """A login from a source that had failed often before: perhaps a guessed password."""

    at: float
    source: str
    user: str
    failures: int


Outcome = Union[Ban, Pardon, Alarm]


class Reason(NamedTuple):
    """Why a failure is suspicious: its weight, the rule, and for how many seconds it weighs."""

    weight: float
    rule: str
    lasts: float


INNOCENT = Reason(0, "", 0)


def step(state: State, event: Entry, settings: Settings) -> list[Outcome]:
    """Take one event into the state, and return what follows from it."""
    detection = settings.detections.get(event.detection)
    if detection is None:
        return []
    if not state.first_at:
        state.first_at = event.at
    if event.kind == SUCCESS:
        return _take_success(state, event, detection, settings)
    return list(_take_failure(state, event, detection, settings))


# --- logins ----------------------------------------------------------------------------------------------


def _take_success(
    state: State, event: Entry, detection: Detection, settings: Settings
) -> list[Outcome]:
    """Trust the source of a login, unless the password may have been guessed."""
    source, user = event.address, _key(detection, event.user)
    logins = state.users.get(user) or OrderedDict()
    failures = _count_failures(state, event)
    if source not in logins:
        if failures > settings.most_failures:
            return [Alarm(event.at, source, event.user, failures)]
        if _count_sources(logins, event.at) >= settings.trust_sources:
            return []
    if user:
        _remember_login(state, user, logins, event)
    _trust(state, event)
    state.failures.pop(source, None)
    return [Pardon(event.at, source, event.user)] if failures else []


def _count_failures(state: State, event: Entry) -> int:
    """Return how often a source failed since its last login; a day of silence ends the count."""
    count, last = state.failures.get(event.address, (0, 0))
    return int(count) if last > event.at - DAY else 0


def _count_sources(logins: Table[float], now: float) -> int:
    """Return from how many sources a user logged in within a day."""
    return sum(1 for place, at in logins.items() if at > now - DAY and not place.endswith("/24"))


def _remember_login(state: State, user: str, logins: Table[float], event: Entry) -> None:
    remember(state.users, user, logins, MOST_USERS)
    for place in _places(event.address):
        remember(logins, place, event.at, MOST_OF_A_USER)
    guests = state.guests.get(event.address, [])
    if user not in guests and len(guests) < OFFICE_GUESTS:
        guests.append(user)
    remember(state.guests, event.address, guests, MOST_SOURCES)


def _trust(state: State, event: Entry) -> None:
    remember(state.trusted, event.address, event.at, MOST_SOURCES)
    state.points.pop(event.address, None)
    shield.note_home(state, event.address, event.at)
    for network in find_networks(event.address):
        remember(state.safe_networks, network, event.at, MOST_NETWORKS)
        state.networks.pop(network, None)


def _places(source: str) -> tuple[str, ...]:
    """Return a source, and the /24 around an IPv4 address."""
    return (source,) if ":" in source else (*find_networks(source), source)


# --- failures --------------------------------------------------------------------------------------------


def _take_failure(
    state: State, event: Entry, detection: Detection, settings: Settings
) -> list[Ban]:
    reason = weigh(state, event, detection, settings)
    if _is_trusted(state, event.address, event.at, settings):
        return _count_trusted(state, event, detection, reason)
    bans = [_ban(event, PLAIN)] if PLAIN in detection.rules and event.kind != LOCKED_OUT else []
    if not reason.weight:
        return bans
    shield.note_stranger(state, event.address, event.at)
    failures = _count_failures(state, event) + 1
    remember(state.failures, event.address, [failures, event.at], MOST_SOURCES)
    if reason.rule == SPRAY:
        bans += _ban_spray(state, event, detection, settings)
    elif _complete_point(state, event, reason):
        bans.append(_ban(event, reason.rule))
    if NETWORK in detection.rules:
        bans += _ban_networks(state, event, detection, reason, settings)
    return bans


def weigh(state: State, event: Entry, detection: Detection, settings: Settings) -> Reason:
    """Return why a failure is suspicious. A strange source is remembered for the user whom it tried."""
    if event.kind == LOCKED_OUT:
        return _reason(detection, LOCKOUT)
    if not event.user:
        return _reason(detection, SLOW, NAMELESS)
    user = _key(detection, event.user)
    logins = state.users.get(user)
    if not logins and fold_name(event.user) not in settings.known_users:
        return _weigh_unknown(state, event, detection, settings)
    if logins and any(place in logins for place in _places(event.address)):
        return INNOCENT
    if SPRAY in detection.rules and _count_strangers(state, user, event, detection):
        return _reason(detection, SPRAY)
    return _reason(detection, SLOW)


def _reason(detection: Detection, name: str, factor: float = 1.0) -> Reason:
    rule = detection.rules.get(name)
    return Reason(factor / rule.max_retry, name, rule.find_time) if rule else INNOCENT


def _weigh_unknown(state: State, event: Entry, detection: Detection, settings: Settings) -> Reason:
    name = fold_name(event.user)
    is_trap = name in settings.trap_users and name not in detection.no_traps
    if TRAP in detection.rules and (is_trap or not _PLAUSIBLE.match(name)):
        return _reason(detection, TRAP)
    reason = _reason(detection, UNKNOWN)
    if event.at - state.first_at < WEEK and event.reason not in NO_SUCH_USER:
        return Reason(reason.weight * FIRST_WEEK, UNKNOWN, min(DAY, reason.lasts))
    return reason


def _count_strangers(state: State, user: str, event: Entry, detection: Detection) -> bool:
    """Return whether strange sources spray a user; the source of the event is one of them from now on."""
    rule = detection.rules[SPRAY]
    sources = state.sprays.get(user) or OrderedDict()
    remember(sources, event.address, event.at, MOST_OF_A_SPRAY)
    remember(state.sprays, user, sources, MOST_USERS)
    forget_before(sources, event.at - rule.find_time)
    return len(sources) >= rule.max_retry


def _is_trusted(state: State, source: str, now: float, settings: Settings) -> bool:
    login = state.trusted.get(source)
    return login is not None and now - login < settings.trust_time


def _count_trusted(state: State, event: Entry, detection: Detection, reason: Reason) -> list[Ban]:
    """An office is not banned for a telephone that repeats the old password of its own user."""
    is_office = len(state.guests.get(event.address, ())) >= OFFICE_GUESTS
    if TRUSTED not in detection.rules or (is_office and not reason.weight):
        return []
    return [_ban(event, TRUSTED)]


def _complete_point(state: State, event: Entry, reason: Reason) -> bool:
    """Return whether the failures of a source weigh 1; their weights are spent then."""
    points = [entry for entry in state.points.get(event.address, ()) if entry[0] > event.at]
    points.append([event.at + reason.lasts, reason.weight])
    if sum(weight for _, weight in points) >= WHOLE:
        state.points.pop(event.address, None)
        return True
    remember(state.points, event.address, points, MOST_SOURCES)
    return False


def _ban_spray(state: State, event: Entry, detection: Detection, settings: Settings) -> list[Ban]:
    """Ban every source that took part so far where a spray begins, and each later one by itself."""
    user, rule = _key(detection, event.user), detection.rules[SPRAY]
    is_under_way = state.attacked.get(user, 0.0) > event.at
    remember(state.attacked, user, event.at + rule.find_time, MOST_USERS)
    state.points.pop(event.address, None)
    if is_under_way:
        return [_ban(event, SPRAY)]
    sources = list(state.sprays[user])
    return [
        _ban(event, SPRAY, source)
        for source in sources
        if not _is_trusted(state, source, event.at, settings)
    ]


def _ban_networks(
    state: State, event: Entry, detection: Detection, reason: Reason, settings: Settings
) -> list[Ban]:
    rule, bans = detection.rules[NETWORK], []
    for network in find_networks(event.address):
        if event.at - state.safe_networks.get(network, -WEEK * 1e6) < settings.trust_time:
            break
        sources = state.networks.get(network) or OrderedDict()
        last, weight = sources.get(event.address, (0.0, 0.0))
        weight = min(1.0, reason.weight + (weight if last > event.at - rule.find_time else 0.0))
        remember(sources, event.address, [event.at, weight], MOST_OF_A_NETWORK)
        remember(state.networks, network, sources, MOST_NETWORKS)
        weights = [w for at, w in sources.values() if at > event.at - rule.find_time]
        if len(weights) >= rule.max_retry and sum(weights) >= NETWORK_WEIGHT:
            bans.append(_ban(event, NETWORK, network))
            del state.networks[network]
    return bans


def _ban(event: Entry, rule: str, key: str = "") -> Ban:
    jail = name_jail(event.detection, rule)
    return Ban(event.at, jail, key or event.address, event.address, event.fortigate)


def _key(detection: Detection, user: str) -> str:
    """Return the key of a user in the tables; administrators and users of the VPN are told apart."""
    return "%s %s" % (detection.accounts, fold_name(user)) if user else ""
