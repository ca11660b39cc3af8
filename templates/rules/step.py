"""One step of the rules: from the state and an event to the state and the lines of the rule log.

A failure weighs according to what makes it suspicious. A source whose failures weigh 1 in total is
banned, by the jail of the rule that completed the sum. With the shipped settings:

    lockout        the FortiGate itself locked the source out                     1, for a day
    trap           a name that nobody has, or that is no name at all              1, for a week
    spray          a user whom three strange sources tried within a day           1, for a day
                   (strange: nobody logged in lately from its /16, or its IPv6 /48)
    unknown_user   any other name that never logged in                            1/2, for a week
    slow           no name at all                                                 1/3, for a day
    slow           a user, from a source where this user never logged in          1/4, for a day
    (none)         a user, from a source or a /24 where this user logged in       0

A new site knows nobody yet. In its first week, and always if FortiGates do not report logins, an unknown
name weighs a quarter of that, for a day, unless it is a trap or the FortiGate itself calls it unknown.

For two weeks after such a ban, failures of its source weigh twice as much, until somebody logs in from
there. That is needed because fail2ban lengthens the bans of each jail on its own.

A network in which three sources weigh 2 together within a week is banned, unless somebody logged in
from it lately. In an IPv6 /48 each /56 is one source, because a household has a /56. A source from which
somebody logged in lately is trusted: only ``trusted`` counts it.

With a database of autonomous systems, a system in which three sources weigh 2 together is banned as well,
unless somebody logged in from it within thirty days. All of an IPv6 /48 is one source there.

The step uses no clock and no randomness: the same events give the same lines, so a service that was
killed continues where its checkpoint ends.

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later, standard library only.
"""

from __future__ import annotations

from collections import OrderedDict

from banstitch_shared.eventlog import LOCKOUT as LOCKED_OUT
from banstitch_shared.eventlog import SUCCESS, Entry
from banstitch_shared.jails import PLAIN, name_jail

from rules import shield
from rules.networks import find_networks, find_party
from rules.outcomes import Alarm, Ban, Outcome, Pardon
from rules.settings import ASN, DAY, NETWORK, SPRAY, TRUSTED, Detection, Rule, Settings
from rules.state import (
    MOST_NETWORKS,
    MOST_OF_A_NETWORK,
    MOST_OF_A_USER,
    MOST_SOURCES,
    MOST_USERS,
    State,
    Table,
    remember,
    turn_back,
)
from rules.weights import Reason, list_places, name_account, weigh

__all__ = ["Alarm", "Ban", "Outcome", "Pardon", "step"]

# Users who make a source an office.
OFFICE_GUESTS = 3
# Failures that weigh less do not count against a trusted source: those of its own users, and of a new site.
SOME_WEIGHT = 0.2
# FortiOS logs one login to the SSL VPN twice: the tunnel's event follows at once.
SAME_LOGIN = 60
# The time after a ban in which failures of its source weigh twice as much.
OFFENCE = 14 * DAY
# How long a login spares its autonomous system, and how long a banned system is not banned again.
SYSTEM_TRUST, PAUSE = 30 * DAY, 3600
# Seconds by which an event may be older than the one before; more is a clock that was set back.
OUT_OF_ORDER = 3600
# The weights that ban a source and a network; a little less than 1 and 2, since a third is not exact.
WHOLE, NETWORK_WEIGHT = 1 - 1e-9, 2 - 1e-9


def step(state: State, event: Entry, settings: Settings) -> list[Outcome]:
    """Take one event into the state, and return what follows from it."""
    detection = settings.detections.get(event.detection)
    if detection is None:
        return []
    if not state.first_at:
        state.first_at = event.at
    if event.at < state.last_at - OUT_OF_ORDER:
        turn_back(state, event.at)
    state.last_at = event.at
    if event.kind == SUCCESS:
        return _take_success(state, event, detection, settings)
    return list(_take_failure(state, event, detection, settings))


# --- logins ----------------------------------------------------------------------------------------------


def _take_success(
    state: State, event: Entry, detection: Detection, settings: Settings
) -> list[Outcome]:
    """Trust the source of a login, unless the password may have been guessed."""
    source, user = event.address, name_account(detection, event.user)
    if event.at < state.doubted.get(source, float("-inf")) + SAME_LOGIN:
        return []
    logins = state.users.get(user) or OrderedDict()
    failures = _count_failures(state, source, event.at)
    guesses = failures + _count_failures(state, _name_guesses(source, user), event.at)
    if source not in logins:
        if guesses > settings.most_failures:
            _doubt(state, source, user, event.at)
            return [Alarm(event.at, source, event.user, guesses)]
        if _count_sources(logins, event.at) >= settings.trust_sources:
            return []
    if user:
        _remember_login(state, user, logins, event)
    is_new = not _is_trusted(state, source, event.at, settings)
    _trust(state, event, settings)
    state.failures.pop(source, None)
    return [Pardon(event.at, source, event.user)] if failures or is_new else []


def _doubt(state: State, source: str, user: str, now: float) -> None:
    """Remember a login that may be a guessed password, and count its source from zero."""
    for key in (source, _name_guesses(source, user)):
        state.failures.pop(key, None)
    state.points.pop(source, None)
    remember(state.doubted, source, now, MOST_SOURCES)


def _count_failures(state: State, key: str, now: float) -> int:
    """Return how often a source failed since its last login. A day without failures ends the count."""
    count, last = state.failures.get(key, (0, 0))
    return int(count) if last > now - DAY else 0


def _note_failure(state: State, key: str, now: float) -> None:
    remember(state.failures, key, [_count_failures(state, key, now) + 1, now], MOST_SOURCES)


def _name_guesses(source: str, user: str) -> str:
    """Return the key under which failures of one user from a trusted source are counted."""
    return "%s %s" % (source, user)


def _count_sources(logins: Table[float], now: float) -> int:
    """Return from how many sources a user logged in within a day."""
    return sum(1 for place, at in logins.items() if at > now - DAY and not place.endswith("/24"))


def _remember_login(state: State, user: str, logins: Table[float], event: Entry) -> None:
    remember(state.users, user, logins, MOST_USERS)
    for place in list_places(event.address):
        remember(logins, place, event.at, MOST_OF_A_USER)
    guests = state.guests.get(event.address, [])
    if user not in guests and len(guests) < OFFICE_GUESTS:
        guests.append(user)
    remember(state.guests, event.address, guests, MOST_SOURCES)


def _trust(state: State, event: Entry, settings: Settings) -> None:
    remember(state.trusted, event.address, event.at, MOST_SOURCES)
    state.points.pop(event.address, None)
    state.offenders.pop(event.address, None)
    shield.note_home(state, event.address, event.at)
    system = _name_system(event.address, settings)
    for key in (*find_networks(event.address), *([system] if system else [])):
        remember(state.safe_networks, key, event.at, MOST_NETWORKS)
        state.networks.pop(key, None)


# --- failures --------------------------------------------------------------------------------------------


def _take_failure(
    state: State, event: Entry, detection: Detection, settings: Settings
) -> list[Ban]:
    reason = weigh(state, event, detection, settings)
    if _is_trusted(state, event.address, event.at, settings):
        return _count_trusted(state, event, detection, reason)
    bans = [_ban(event, PLAIN)] if PLAIN in detection.rules and event.kind != LOCKED_OUT else []
    _note_failure(state, event.address, event.at)
    if not reason.weight:
        return bans
    if not shield.is_home(state, event.address, event.at, settings):
        shield.note_stranger(state, event.address, event.at)
    if reason.rule == SPRAY:
        bans += _ban_spray(state, event, detection, settings)
    elif _complete_point(state, event, reason):
        bans.append(_ban(event, reason.rule))
    if NETWORK in detection.rules:
        bans += _ban_networks(state, event, detection, reason, settings)
    if ASN in detection.rules:
        bans += _ban_systems(state, event, detection, reason, settings)
    return bans


def _is_trusted(state: State, source: str, now: float, settings: Settings) -> bool:
    login = state.trusted.get(source)
    return login is not None and now - login < settings.trust_time


def _count_trusted(state: State, event: Entry, detection: Detection, reason: Reason) -> list[Ban]:
    """Return the ban of a trusted source, if its failure counts.

    An office is not banned for a telephone that repeats the old password of one of its users. Elsewhere
    only one in three such failures counts, once there were enough for a ban.
    """
    rule, is_suspicious = detection.rules.get(TRUSTED), reason.weight >= SOME_WEIGHT
    if is_suspicious:
        user = name_account(detection, event.user)
        _note_failure(state, _name_guesses(event.address, user), event.at)
    if rule is None:
        return []
    if is_suspicious:
        return [_ban(event, TRUSTED)]
    if len(state.guests.get(event.address, ())) >= OFFICE_GUESTS:
        return []
    repeated, last = state.failures.get(event.address + " own", (0, 0))
    repeated = repeated + 1 if last > event.at - DAY else 1
    remember(state.failures, event.address + " own", [repeated, event.at], MOST_SOURCES)
    return [_ban(event, TRUSTED)] if repeated <= rule.max_retry or repeated % 3 == 0 else []


def _complete_point(state: State, event: Entry, reason: Reason) -> bool:
    """Return whether the failures of a source weigh 1 together; then their weights are used up."""
    points = [entry for entry in state.points.get(event.address, ()) if entry[0] > event.at]
    points.append([event.at + reason.lasts, reason.weight])
    factor = 2 if state.offenders.get(event.address, 0.0) > event.at - OFFENCE else 1
    if factor * sum(weight for _, weight in points) >= WHOLE:
        state.points.pop(event.address, None)
        remember(state.offenders, event.address, event.at, MOST_SOURCES)
        return True
    remember(state.points, event.address, points, MOST_SOURCES)
    return False


def _ban_spray(state: State, event: Entry, detection: Detection, settings: Settings) -> list[Ban]:
    """Return the bans of all sources so far when a spray begins, and later the ban of each new one."""
    user, rule = name_account(detection, event.user), detection.rules[SPRAY]
    is_under_way = state.attacked.get(user, 0.0) > event.at
    remember(state.attacked, user, event.at + rule.find_time, MOST_USERS)
    state.points.pop(event.address, None)
    if is_under_way:
        remember(state.offenders, event.address, event.at, MOST_SOURCES)
        return [_ban(event, SPRAY)]
    sources = [
        each for each in state.sprays[user] if not _is_trusted(state, each, event.at, settings)
    ]
    for source in sources:
        remember(state.offenders, source, event.at, MOST_SOURCES)
    return [_ban(event, SPRAY, source) for source in sources]


def _ban_networks(
    state: State, event: Entry, detection: Detection, reason: Reason, settings: Settings
) -> list[Ban]:
    rule, bans, networks = detection.rules[NETWORK], [], find_networks(event.address)
    for source, network in zip((event.address, *networks), networks):
        if event.at - state.safe_networks.get(network, float("-inf")) < settings.trust_time:
            break
        if _complete_network(state, network, source, event.at, reason, rule):
            bans.append(_ban(event, NETWORK, network))
    return bans


def _ban_systems(
    state: State, event: Entry, detection: Detection, reason: Reason, settings: Settings
) -> list[Ban]:
    """Return the bans of an autonomous system; failures until a FortiGate has fetched them ban nothing."""
    key, systems = _name_system(event.address, settings), settings.systems
    safe_until = state.safe_networks.get(key, float("-inf")) + max(
        SYSTEM_TRUST, settings.trust_time
    )
    banned_until = state.offenders.get(key, float("-inf")) + PAUSE
    if not key or not systems or event.at < max(safe_until, banned_until):
        return []
    party = find_party(event.address)
    sources = [*state.networks.get(key, ()), party]
    if not _complete_network(state, key, party, event.at, reason, detection.rules[ASN]):
        return []
    remember(state.offenders, key, event.at, MOST_SOURCES)
    networks = systems.list_networks(systems.find(event.address), sources)
    return [_ban(event, ASN, network) for network in networks]


def _name_system(source: str, settings: Settings) -> str:
    """Return the key of the autonomous system of a source in the tables of networks; empty for none."""
    system = settings.systems.find(source) if settings.systems else 0
    return "AS%d" % system if system else ""


def _complete_network(
    state: State, network: str, source: str, at: float, reason: Reason, rule: Rule
) -> bool:
    """Return whether enough sources of a network weigh 2 together; then their weights are used up."""
    sources = _add_to_network(state, network, source, at, reason, at - rule.find_time)
    if len(sources) < rule.max_retry:
        return False
    if sum(weight for _, weight in sources.values()) < NETWORK_WEIGHT:
        return False
    del state.networks[network]
    return True


def _add_to_network(
    state: State, network: str, source: str, at: float, reason: Reason, since: float
) -> Table[list[float]]:
    """Add a source to its network, and return those that failed there since a time."""
    sources = state.networks.get(network) or OrderedDict()
    last, weight = sources.get(source, (0.0, 0.0))
    weight = min(1.0, reason.weight + (weight if last > since else 0.0))
    remember(sources, source, [at, weight], MOST_OF_A_NETWORK)
    remember(state.networks, network, sources, MOST_NETWORKS)
    while next(iter(sources.values()))[0] <= since:
        sources.popitem(last=False)
    return sources


def _ban(event: Entry, rule: str, key: str = "") -> Ban:
    jail = name_jail(event.detection, rule)
    return Ban(event.at, jail, key or event.address, event.address, event.fortigate)
