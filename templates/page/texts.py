"""Spell times for people.

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later, standard library only.
"""

from __future__ import annotations

from banstitch_shared.ban_file import FOREVER
from banstitch_shared.times import format_second, format_span


def format_time(moment: float) -> str:
    """Return a time in UTC; 0 is never."""
    return format_second(moment) if moment else "never"


def format_left(until: float, now: float) -> str:
    """Return the time until an end."""
    return "for ever" if until == FOREVER else format_span(until - now)
