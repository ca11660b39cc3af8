"""Keep what is known of a source: whether it is trusted, how often it failed, and what it belongs to.

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later, standard library only.
"""

from __future__ import annotations

from rules.settings import DAY, Settings
from rules.state import MOST_NETWORKS, MOST_SOURCES, Failures, State, remember

# Users who make a source an office.
OFFICE_GUESTS = 3
# Logins of different users or from different sources that make a system a provider of the site's people.
OWN_LOGINS = 3


def is_trusted(state: State, source: str, now: float, settings: Settings) -> bool:
    """Return whether somebody logged in from a source lately, so that only ``trusted`` counts it."""
    login = state.trusted.get(source)
    return login is not None and now - login < settings.trust_time


def count_failures(state: State, key: str, now: float, pause: float = DAY) -> int:
    """Return how often a source failed since its last login. So many seconds without failures end the count.

    ``key``: the source, or a key that one of the functions below names.
    """
    known = state.failures.get(key)
    return known.number if known and known.last > now - pause else 0


def note_failure(state: State, key: str, now: float, pause: float = DAY) -> int:
    """Count one failure under a key, and return how many there are now; see :func:`count_failures`."""
    number = count_failures(state, key, now, pause) + 1
    remember(state.failures, key, Failures(number, now), MOST_SOURCES)
    return number


def name_guesses(source: str, user: str) -> str:
    """Return the key under which suspicious failures of one user from a trusted source are counted."""
    return "%s %s" % (source, user)


def name_own_failures(source: str) -> str:
    """Return the key under which failures of a trusted source's own users are counted together."""
    return source + " own"


def name_repeats(source: str, user: str) -> str:
    """Return the key under which failures of one user from a source that may be a telephone are counted."""
    return "%s repeats %s" % (source, user)


def name_repeated(user: str) -> str:
    """Return the key of the sources that may be telephones of a user; no user has such a name."""
    return "repeated " + user


def name_system(source: str, settings: Settings) -> str:
    """Return the key of the autonomous system of a source in the tables of networks; empty for none."""
    system = settings.systems.find(source) if settings.systems else 0
    return "AS%d" % system if system else ""


def note_system(state: State, source: str, user: str, at: float, settings: Settings) -> None:
    """Remember a login for the autonomous system of its source, and for the network around it."""
    system, systems = name_system(source, settings), settings.systems
    if not systems or not system:
        return
    logins, login = state.guests.get(system, []), "%s %s" % (source, user)
    if login not in logins and len(logins) < OWN_LOGINS:
        logins.append(login)
    remember(state.guests, system, logins, MOST_SOURCES)
    for key in filter(None, (system, systems.find_network(source))):
        last = state.safe_networks.get(key, float("-inf"))
        remember(state.safe_networks, key, max(last, at), MOST_NETWORKS)


def note_all_systems(state: State, settings: Settings) -> None:
    """Remember the logins so far in the systems and networks of a database that was just opened."""
    if not settings.systems:
        return
    for source, at in state.trusted.items():
        for user in state.guests.get(source) or [""]:
            note_system(state, source, user, at, settings)


def is_own_system(state: State, system: str, since: float) -> bool:
    """Return whether a system is a provider of the site's people: with enough logins, the last one later."""
    is_used = state.safe_networks.get(system, float("-inf")) > since
    return is_used and len(state.guests.get(system, ())) >= OWN_LOGINS
