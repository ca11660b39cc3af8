"""Count the posts of the last 24 hours that could not be read.

One number for each hour of a day and FortiGate, and one that says which hour it is about. An hour that
is over for a day is counted no more, so a warning ends by itself.

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later, standard library only.
"""

from __future__ import annotations

from collections.abc import MutableMapping

HOURS = 24
Numbers = MutableMapping[str, float]


def list_names(posters: list[str]) -> list[str]:
    """Return the names of all numbers that are kept here."""
    return [name for who in posters for slot in range(HOURS) for name in name_slot(who, slot)]


def name_slot(who: str, slot: int) -> tuple[str, str]:
    """Return the names of the count of one hour, and of the number that says which hour that is."""
    return "unreadable:%s:%d" % (who, slot), "unreadable_hour:%s:%d" % (who, slot)


def note_post(numbers: Numbers, who: str, now: float) -> None:
    """Count one more post of a FortiGate. The caller holds the lock of the numbers."""
    hour = int(now // 3600)
    count, about = name_slot(who, hour % HOURS)
    numbers[count] = numbers[count] + 1 if numbers[about] == hour else 1
    numbers[about] = hour


def count_last_day(numbers: Numbers, who: str, now: float) -> int:
    """Return how many posts of a FortiGate could not be read within the last 24 hours."""
    hour, found = int(now // 3600), 0
    for slot in range(HOURS):
        count, about = name_slot(who, slot)
        if hour - HOURS < numbers[about] <= hour:
            found += int(numbers[count])
    return found
