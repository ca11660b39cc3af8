"""Find the quiet hours of a site: those of the week in which hardly anybody logs in.

Most of those whom a ban of an autonomous system denies by mistake are somewhere new. Nobody can know from
where they will log in, but it is known when. So such bans count only in quiet hours: those with the fewest
logins, as many hours as have 1.5 % of all logins together. Attackers work around the clock.

Logins of earlier weeks count less. An hour in which nobody logged in counts as a quarter of a login, so few
logins make no hour quiet.

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later, standard library only.
"""

from __future__ import annotations

import os
from itertools import groupby

from banstitch_shared.quiet_hours import BUSY, HOUR, HOURS, NAME, QUIET, find_slot
from banstitch_shared.service import replace_file

from rules.settings import DAY
from rules.state import State

WEEK = 7 * DAY
# The part of all logins that quiet hours have together.
MOST = 0.015
UNSEEN = 0.25
# What the logins so far count when another week begins.
FADING = 0.75


def note_login(state: State, at: float, last: float) -> None:
    """Count a login for its hour of the week; ``last``: when the same user last logged in from there.

    A device that connects anew every minute counts once in an hour.
    """
    if at // HOUR == last // HOUR:
        return
    slot = str(find_slot(at))
    state.hours[slot] = state.hours.get(slot, 0.0) + 1


def renew_quiet_hours(state: State, at: float) -> None:
    """Find the quiet hours anew once an hour. A site in its first week has none."""
    hour = at // HOUR
    if hour <= state.hour:
        return
    if hour // HOURS != state.hour // HOURS:
        for slot in state.hours:
            state.hours[slot] *= FADING
    state.hour = hour
    if at - state.first_at >= WEEK:
        state.quiet_hours = find_quiet_hours(state)


def find_quiet_hours(state: State) -> str:
    """Return a letter for each hour of the week; an empty string if too few logins are known."""
    counts = sorted((state.hours.get(str(slot), 0.0) + UNSEEN, slot) for slot in range(HOURS))
    room, letters = MOST * sum(count for count, _ in counts), [BUSY] * HOURS
    for count, same in groupby(counts, key=lambda pair: pair[0]):
        slots = [slot for _, slot in same]
        room -= count * len(slots)
        if room < 0:
            break
        for slot in slots:
            letters[slot] = QUIET
    return "".join(letters) if QUIET in letters else ""


class HoursFile:
    """The file from which the receiver knows the quiet hours."""

    def __init__(self, folder: str) -> None:
        self._path = os.path.join(folder, NAME)
        self._written: str | None = None

    def write(self, state: State) -> None:
        """Write the hours if they changed. Raises OSError."""
        if state.quiet_hours != self._written:
            replace_file(self._path, state.quiet_hours + "\n", 0o640)
            self._written = state.quiet_hours
