"""Keep what is known of a source: whether it is trusted, how often it failed, and what it belongs to.

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later, standard library only.
"""

from __future__ import annotations

from rules.settings import DAY, Settings
from rules.state import MOST_SOURCES, State, remember

# Users who make a source an office.
OFFICE_GUESTS = 3


def is_trusted(state: State, source: str, now: float, settings: Settings) -> bool:
    """Return whether somebody logged in from a source lately, so that only ``trusted`` counts it."""
    login = state.trusted.get(source)
    return login is not None and now - login < settings.trust_time


def count_failures(state: State, key: str, now: float) -> int:
    """Return how often a source failed since its last login. A day without failures ends the count."""
    count, last = state.failures.get(key, (0, 0))
    return int(count) if last > now - DAY else 0


def note_failure(state: State, key: str, now: float) -> None:
    """Count one failure of a source."""
    remember(state.failures, key, [count_failures(state, key, now) + 1, now], MOST_SOURCES)


def name_guesses(source: str, user: str) -> str:
    """Return the key under which failures of one user from a trusted source are counted."""
    return "%s %s" % (source, user)


def name_system(source: str, settings: Settings) -> str:
    """Return the key of the autonomous system of a source in the tables of networks; empty for none."""
    system = settings.systems.find(source) if settings.systems else 0
    return "AS%d" % system if system else ""
