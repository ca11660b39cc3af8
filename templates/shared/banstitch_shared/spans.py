"""Spell spans of time for the pages that people read.

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later, standard library only.
"""

from __future__ import annotations

DAY = 86400


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
