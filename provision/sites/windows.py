"""Windows of time in which a site may be changed, such as ``Sat 01:00-05:00 Europe/Berlin``.

A window is what a clock on the wall of its zone shows. Where the clock is put forward or back, the window is
shorter or longer, and it never includes a time that it does not name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_DAY = "|".join(_DAYS)
_FORM = re.compile(
    rf"(?P<first>{_DAY})(-(?P<last>{_DAY}))? "
    r"(?P<begin>[0-9]{2}:[0-9]{2})-(?P<end>[0-9]{2}:[0-9]{2}) (?P<zone>[A-Za-z0-9_+/-]+)",
    re.IGNORECASE,
)
_MINUTE = timedelta(minutes=1)
# A window opens in each week, unless it is in an hour that the clock leaves out.
_LOOK_AHEAD = timedelta(days=15)


@dataclass(frozen=True)
class Window:
    """A time on each of ``days`` (0: Monday), in minutes after midnight; over midnight if it ends earlier."""

    days: frozenset[int]
    begin: int
    end: int
    zone: str

    def is_open(self, moment: datetime) -> bool:
        """Return whether ``moment``, which has a zone, is in the window."""
        wall = moment.astimezone(ZoneInfo(self.zone))
        minute, today = wall.hour * 60 + wall.minute, wall.weekday()
        if self.begin < self.end:
            return today in self.days and self.begin <= minute < self.end
        is_late = today in self.days and minute >= self.begin
        return is_late or ((today - 1) % 7 in self.days and minute < self.end)


Windows = tuple[Window, ...]


def parse_windows(value: object) -> Windows:
    """Return the windows in a text, which separates them by commas.

    Raises:
        ValueError: it is no such text.
    """
    if isinstance(value, tuple):  # a default
        return value
    if not isinstance(value, str):
        raise ValueError("it must be a text")
    return tuple(_parse_window(part.strip()) for part in value.split(",")) if value.strip() else ()


def _parse_window(text: str) -> Window:
    found = _FORM.fullmatch(" ".join(text.split()))
    if not found:
        raise ValueError(
            "it must have the form Sat 01:00-05:00 Europe/Berlin or Mon-Fri 22:00-04:00 UTC"
        )
    begin, end = _parse_time(found["begin"]), _parse_time(found["end"])
    if begin == end or begin == _parse_time("24:00"):
        raise ValueError("it must end after it begins; 00:00-24:00 is a whole day")
    first = _DAYS.index(found["first"].title())
    last = _DAYS.index((found["last"] or found["first"]).title())
    days = frozenset((first + day) % 7 for day in range((last - first) % 7 + 1))
    try:
        zone = ZoneInfo(found["zone"]).key
    except (OSError, ValueError, LookupError):
        raise ValueError(f"the time zone {found['zone']} is not known on this machine") from None
    return Window(days, begin, end, zone)


def _parse_time(text: str) -> int:
    hours, minutes = map(int, text.split(":"))
    if minutes > 59 or hours * 60 + minutes > 24 * 60:
        raise ValueError(f"{text} is not a time of day")
    return hours * 60 + minutes


def is_open(windows: Windows, moment: datetime) -> bool:
    """Return whether ``moment``, which has a zone, is in one of ``windows``; without any, it always is."""
    return not windows or any(window.is_open(moment) for window in windows)


@lru_cache(maxsize=1024)  # sites share windows, and this looks at each minute
def find_opening(windows: Windows, moment: datetime) -> datetime | None:
    """Return the first minute after ``moment`` that is in one of ``windows``, in the zone of that one."""
    minute = moment.astimezone(UTC).replace(second=0, microsecond=0)
    for ahead in range(1, _LOOK_AHEAD // _MINUTE):
        candidate = minute + ahead * _MINUTE
        for window in windows:
            if window.is_open(candidate):
                return candidate.astimezone(ZoneInfo(window.zone))
    return None


def describe_opening(windows: Windows, moment: datetime) -> str:
    """Return when one of ``windows`` opens, such as ``opens Sat 2026-11-28 01:00 Europe/Berlin``."""
    opening = find_opening(windows, moment.replace(second=0, microsecond=0))
    if not opening:
        return f"does not open within {_LOOK_AHEAD.days} days"
    return f"opens {opening:%a %Y-%m-%d %H:%M} {opening.tzinfo}"
