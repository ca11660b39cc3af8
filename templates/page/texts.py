"""Spell times for people.

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later, standard library only.
"""

from __future__ import annotations

import time

from banstitch_shared.ban_file import FOREVER
from banstitch_shared.spans import format_span

# What ends later is shown without a date.
_LATEST = 2.5e11


def format_time(moment: float) -> str:
    """Return a time in UTC; 0 is never."""
    if not moment:
        return "never"
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(min(moment, _LATEST)))


def format_left(until: float, now: float) -> str:
    """Return the time until an end."""
    return "for ever" if until == FOREVER else format_span(until - now)
