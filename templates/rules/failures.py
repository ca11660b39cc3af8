"""Take a failure: which bans of its source, and of the networks around it, it completes.

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later, standard library only.
"""

from __future__ import annotations

from collections import OrderedDict

from banstitch_shared.eventlog import LOCKOUT as LOCKED_OUT
from banstitch_shared.eventlog import Entry
from banstitch_shared.jails import ASN, NETWORK, PLAIN, name_jail
from banstitch_shared.quiet_hours import is_quiet

from rules import shield
from rules.networks import find_networks, find_party
from rules.outcomes import Ban
from rules.settings import DAY, SPRAY, TRUSTED, Detection, Rule, Settings
from rules.standing import (
    OFFICE_GUESTS,
    is_own_system,
    is_trusted,
    name_guesses,
    name_own_failures,
    name_system,
    note_failure,
)
from rules.state import (
    MOST_NETWORKS,
    MOST_OF_A_NETWORK,
    MOST_SOURCES,
    MOST_USERS,
    Point,
    State,
    Suspect,
    Table,
    remember,
)
from rules.telephones import is_telephone
from rules.weights import Reason, name_account, weigh

# Failures that weigh less do not count against a trusted source: those of its own users, and of a new site.
SOME_WEIGHT = 0.2
# So many failures of a user who is known from elsewhere count against an office within a day.
REPEATS = 3
# One in so many failures of a trusted source's own users counts, once there were enough for a ban.
ONE_IN = 3
# The time after a ban in which failures of its source weigh more, and so many times as much.
OFFENCE, OFFENDER = 14 * DAY, 2
# How long logins spare a network or all of their system, and how long a banned system is not banned again.
SYSTEM_TRUST, PAUSE = 30 * DAY, 3600
# The weights that ban a source or a system, and a network; a little less than 1 and 2, since a third is not
# exact.
WHOLE, NETWORK_WEIGHT = 1 - 1e-9, 2 - 1e-9


def take_failure(state: State, event: Entry, detection: Detection, settings: Settings) -> list[Ban]:
    """Take a failure into the state, and return the bans that follow from it."""
    reason = weigh(state, event, detection, settings)
    if is_trusted(state, event.address, event.at, settings):
        return _ban_trusted(state, event, detection, reason)
    is_spared = reason.is_early and is_telephone(state, event, detection)
    note_failure(state, event.address, event.at)
    if is_spared:
        return []
    is_counted = PLAIN in detection.rules and event.kind != LOCKED_OUT
    bans = [_make_ban(event, PLAIN)] if is_counted else []
    if not reason.weight:
        return bans
    if not shield.is_home(state, event.address, event.at, settings):
        shield.note_stranger(state, event.address, event.at)
    if reason.rule == SPRAY:
        bans += _ban_spray(state, event, detection, settings)
    elif _add_point(state, event, reason):
        bans.append(_make_ban(event, reason.rule))
    if NETWORK in detection.rules:
        bans += _ban_networks(state, event, detection, reason, settings)
    if ASN in detection.rules:
        bans += _ban_systems(state, event, detection, reason, settings)
    return bans


def _ban_trusted(state: State, event: Entry, detection: Detection, reason: Reason) -> list[Ban]:
    """Return the ban of a trusted source, if its failure counts.

    An office is not banned for a telephone that repeats the old password of one user.
    """
    rule = detection.rules.get(TRUSTED)
    is_office = len(state.guests.get(event.address, ())) >= OFFICE_GUESTS
    if reason.weight >= SOME_WEIGHT:
        user = name_account(detection, event.user)
        guesses = note_failure(state, name_guesses(event.address, user), event.at)
        is_spared = is_office and guesses > REPEATS and user in state.users
        return [] if rule is None or is_spared else [_make_ban(event, TRUSTED)]
    if rule is None or is_office:
        return []
    repeated = note_failure(state, name_own_failures(event.address), event.at)
    counts = repeated <= rule.max_retry or repeated % ONE_IN == 0
    return [_make_ban(event, TRUSTED)] if counts else []


def _add_point(state: State, event: Entry, reason: Reason) -> bool:
    """Add a failure to its source; return whether they weigh 1 together: then their weights are used up."""
    points = [point for point in state.points.get(event.address, ()) if point.until > event.at]
    points.append(Point(event.at + reason.lasts, reason.weight))
    factor = OFFENDER if state.offenders.get(event.address, 0.0) > event.at - OFFENCE else 1
    if factor * sum([point.weight for point in points]) >= WHOLE:
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
        return [_make_ban(event, SPRAY)]
    sources = [
        each for each in state.sprays[user] if not is_trusted(state, each, event.at, settings)
    ]
    for source in sources:
        remember(state.offenders, source, event.at, MOST_SOURCES)
    return [_make_ban(event, SPRAY, source) for source in sources]


def _ban_networks(
    state: State, event: Entry, detection: Detection, reason: Reason, settings: Settings
) -> list[Ban]:
    rule, bans, networks = detection.rules[NETWORK], [], find_networks(event.address)
    for source, network in zip((event.address, *networks), networks):
        if event.at - state.safe_networks.get(network, float("-inf")) < settings.trust_time:
            break
        if _complete_network(state, network, source, event.at, reason, rule, NETWORK_WEIGHT):
            bans.append(_make_ban(event, NETWORK, network))
    return bans


def _ban_systems(
    state: State, event: Entry, detection: Detection, reason: Reason, settings: Settings
) -> list[Ban]:
    """Return the bans of an autonomous system, without its networks from which somebody logged in lately.

    Failures until a FortiGate has fetched them ban nothing, nor do those of a day in which it does not.
    """
    key, systems, at = name_system(event.address, settings), settings.systems, event.at
    pause = PAUSE if is_quiet(state.quiet_hours, at) else DAY
    if not key or not systems or at < state.offenders.get(key, float("-inf")) + pause:
        return []
    spared_since = at - max(SYSTEM_TRUST, settings.trust_time)
    if is_own_system(state, key, spared_since):
        return []
    party, rule = find_party(event.address), detection.rules[ASN]
    sources = [*state.networks.get(key, ()), party]
    if not _complete_network(state, key, party, at, reason, rule, WHOLE):
        return []
    remember(state.offenders, key, at, MOST_SOURCES)
    return [
        _make_ban(event, ASN, network)
        for network in systems.list_networks(systems.find(event.address), sources)
        if state.safe_networks.get(network, float("-inf")) <= spared_since
    ]


def _complete_network(
    state: State, network: str, source: str, at: float, reason: Reason, rule: Rule, least: float
) -> bool:
    """Add a failure to a network; return whether enough of its sources weigh ``least`` together.

    Then their weights are used up.
    """
    sources = _add_to_network(state, network, source, at, reason, at - rule.find_time)
    if len(sources) < rule.max_retry:
        return False
    if sum([each.weight for each in sources.values()]) < least:
        return False
    del state.networks[network]
    return True


def _add_to_network(
    state: State, network: str, source: str, at: float, reason: Reason, since: float
) -> Table[Suspect]:
    """Add a source to its network, and return those that failed there since a time."""
    sources = state.networks.get(network) or OrderedDict()
    known = sources.get(source)
    before = known.weight if known and known.last > since else 0.0
    remember(sources, source, Suspect(at, min(1.0, reason.weight + before)), MOST_OF_A_NETWORK)
    remember(state.networks, network, sources, MOST_NETWORKS)
    while next(iter(sources.values())).last <= since:
        sources.popitem(last=False)
    return sources


def _make_ban(event: Entry, rule: str, key: str = "") -> Ban:
    jail = name_jail(event.detection, rule)
    return Ban(event.at, jail, key or event.address, event.address, event.fortigate)
