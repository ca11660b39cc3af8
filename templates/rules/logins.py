"""Take a login: whether it gives trust to its source, or may be a password that was guessed.

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later, standard library only.
"""

from __future__ import annotations

from collections import OrderedDict

from banstitch_shared.eventlog import Entry

from rules import shield
from rules.hours import note_login
from rules.networks import find_networks
from rules.outcomes import Alarm, Outcome, Pardon
from rules.settings import DAY, Detection, Settings
from rules.standing import (
    OFFICE_GUESTS,
    count_failures,
    is_trusted,
    name_guesses,
    name_system,
    note_system,
)
from rules.state import (
    MOST_NETWORKS,
    MOST_OF_A_USER,
    MOST_SOURCES,
    MOST_USERS,
    State,
    Table,
    remember,
)
from rules.weights import is_new_site, list_places, name_account

# In the first week of a site each place is new, and an office must not stay unknown for three typing errors:
# so many times as many failures are allowed before a login.
NEWCOMER = 2
# FortiOS logs one login to the SSL VPN twice: the tunnel's event follows at once.
SAME_LOGIN = 60


def take_success(
    state: State, event: Entry, detection: Detection, settings: Settings
) -> list[Outcome]:
    """Take a login into the state: trust its source, unless the password may have been guessed."""
    source, user = event.address, name_account(detection, event.user)
    if event.at < state.doubted.get(source, float("-inf")) + SAME_LOGIN:
        return []
    logins = state.users.get(user) or OrderedDict()
    failures = count_failures(state, source, event.at)
    guesses = failures + count_failures(state, name_guesses(source, user), event.at)
    if source not in logins:
        if guesses > settings.most_failures * (NEWCOMER if is_new_site(state, event.at) else 1):
            _doubt(state, source, user, event.at)
            return [Alarm(event.at, source, event.user, guesses)]
        if _count_sources(logins, event.at) >= settings.trust_sources:
            return []
    note_login(state, event.at, logins.get(source, 0.0))
    if user:
        _remember_login(state, user, logins, event)
    is_new = not is_trusted(state, source, event.at, settings)
    _trust(state, event, detection, settings)
    state.failures.pop(source, None)
    return [Pardon(event.at, source, event.user)] if failures or is_new else []


def _doubt(state: State, source: str, user: str, now: float) -> None:
    """Remember a login that may be a guessed password, and count its source from zero."""
    for key in (source, name_guesses(source, user)):
        state.failures.pop(key, None)
    state.points.pop(source, None)
    remember(state.doubted, source, now, MOST_SOURCES)


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


def _trust(state: State, event: Entry, detection: Detection, settings: Settings) -> None:
    remember(state.trusted, event.address, event.at, MOST_SOURCES)
    state.points.pop(event.address, None)
    state.offenders.pop(event.address, None)
    shield.note_home(state, event.address, event.at)
    for network in find_networks(event.address):
        remember(state.safe_networks, network, event.at, MOST_NETWORKS)
        state.networks.pop(network, None)
    user = name_account(detection, event.user)
    note_system(state, event.address, user, event.at, settings)
    state.networks.pop(name_system(event.address, settings), None)
