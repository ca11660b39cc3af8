"""The quiet hours of a site: the hours of the week in which the feed holds bans of autonomous systems.

banstitch-rules finds them and writes a file into its folder, with one letter for each hour of the week: ``q``
where it is quiet, ``-`` where people log in. The week begins on Thursday, 00:00 UTC, as the epoch does. An
empty file means that no hours are known, and without a file, or with a damaged one, none are either. Then
bans of autonomous systems count in every hour.

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later, standard library only.
"""

from __future__ import annotations

import os

from banstitch_shared.untrusted import read_small_file

NAME = "quiet_hours"
HOUR, HOURS = 3600, 168
QUIET, BUSY = "q", "-"


def find_slot(at: float) -> int:
    """Return the number of the hour within the week."""
    return int(at // HOUR) % HOURS


def is_quiet(hours: str, at: float) -> bool:
    """Return whether bans of autonomous systems count at a time. If no hours are known, they always do."""
    return not hours or hours[find_slot(at)] == QUIET


def read_quiet_hours(folder: str) -> str:
    """Return the letters of the file, or an empty string."""
    try:
        text = read_small_file(os.path.join(folder, NAME), HOURS + 1).decode("ascii").strip()
    except (OSError, ValueError):
        return ""
    return text if len(text) == HOURS and set(text) <= {QUIET, BUSY} else ""
