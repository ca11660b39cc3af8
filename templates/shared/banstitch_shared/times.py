"""Spell times, and spans of time, for people.

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later, standard library only.
"""

from __future__ import annotations

import time

DAY = 86400
# A later time is shown as this one, because its year has more digits than others.
_LATEST = 2.5e11


def format_minute(at: float) -> str:
    """Return a time in epoch seconds as ``2024-10-14 13:46``, in UTC."""
    return time.strftime("%Y-%m-%d %H:%M", time.gmtime(min(at, _LATEST)))


def format_second(at: float) -> str:
    """Return a time in epoch seconds as ``2024-10-14 13:46:05``, in UTC."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(min(at, _LATEST)))


def format_age(moment: float, now: float) -> str:
    """Return how long ago a moment was; 0 is never."""
    return format_span(now - moment) + " ago" if moment else "never"


def format_span(seconds: float) -> str:
    """Return seconds in the two largest units."""
    whole = max(int(seconds), 0)
    for size, unit, below, name in ((DAY, "d", 3600, "h"), (3600, "h", 60, "m"), (60, "m", 1, "s")):
        if whole >= size:
            rest = whole % size // below
            return "%d %s" % (whole // size, unit) + (" %d %s" % (rest, name) if rest else "")
    return "%d s" % whole
