"""Spell times and texts for people.

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later, standard library only.
"""

from __future__ import annotations

import time

from banstitch_shared.ban_file import FOREVER
from banstitch_shared.spans import format_span

# What ends later is shown without a date.
_LATEST = 2.5e11


def make_printable(value: object) -> object:
    """Return a text in which everything that cannot be seen is spelled out: attackers typed some of it."""
    # markup of ours is a class of its own
    if type(value) is not str or value.isprintable():
        return value
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in value)


def format_time(moment: float) -> str:
    """Return a time in UTC; 0 is never."""
    if not moment:
        return "never"
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(min(moment, _LATEST)))


def format_left(until: float, now: float) -> str:
    """Return the time until an end."""
    return "for ever" if until == FOREVER else format_span(until - now)
