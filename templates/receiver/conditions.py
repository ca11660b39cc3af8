"""Conditions of a detection, and the fields of a log line that nobody can have typed.

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later, standard library only.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Mapping, Sequence
from typing import Union

from banstitch_shared.eventlog import NOTHING

from receiver.lines import UNREAD, Event, Fields, Malformed, read_typed
from receiver.sources import parse_address

A_NAME, NONE = "a name", "none"
# Patterns, or one of these two words.
Wanted = Union[Sequence[str], str]
# What FortiOS writes behind a field that somebody types. Text that pretends to be fields stands between
# the two, or doubles one of them.
FOLLOWERS = {
    "user": ("group", "ui", "authproto"),
    "useralt": ("eapuser", "xauthuser"),
    "eapuser": ("eapauthgroup",),
    "xauthuser": ("xauthgroup",),
}


def find_unmet(event: Event, where: Mapping[str, Wanted], certainly: bool) -> str:
    """Return the fields of a condition that does not hold, or an empty string.

    A condition that cannot be decided holds unless ``certainly``: a user name could make it so.
    """
    for names, wanted in where.items():
        holds = check(event, names.split("|"), wanted)
        if holds is False or (certainly and not holds):
            return names.replace("|", " or ")
    return ""


def check(event: Event, names: Sequence[str], wanted: Wanted) -> bool | None:
    """Return whether a condition holds for one of the fields, or None where that is not certain."""
    if isinstance(wanted, str):
        fields = read_certain(event) or {}
        values = [fields[name] for name in names if name in fields]
        if not values:
            return None
        if wanted == NONE:
            return all(value in NOTHING for value in values)
        return any(map(is_name, values))
    found = [fits(find_second(event, name), wanted) for name in names]
    return True if True in found else None if None in found else False


def fits(value: str | None, patterns: Sequence[str]) -> bool | None:
    """Return whether a value fits a pattern, in upper or lower case; None for no value."""
    if value is None:
        return None
    return any(fnmatch.fnmatchcase(value.lower(), pattern.lower()) for pattern in patterns)


def find_second(event: Event, name: str) -> str | None:
    """Return a field that decides nothing about the address, or None where it cannot be read for certain."""
    value = event.find(name)
    if value is not None:
        return value
    fields = event.ways[0] if event.ways else []
    found = {value for field, value in fields if field == name}
    return found.pop() if len(found) == 1 else None


def read_certain(event: Event) -> dict[str, str] | None:
    """Return all fields of the log line, or None where somebody may have typed one of them."""
    if event.certain is UNREAD:
        event.certain = find_certain(event.ways)
    return event.certain


def find_certain(ways: Sequence[Fields]) -> dict[str, str] | None:
    """Return the fields in which all ways to read a line agree, or None where there are none."""
    if not ways or not is_in_order(ways[0]):
        return None
    fields = dict(ways[0])
    alike = all(dict(way) == fields and len(way) == len(fields) for way in ways)
    return fields if alike else None


def is_in_order(fields: Fields) -> bool:
    """Return whether each field that somebody types is followed by the one that FortiOS writes behind it."""
    return all(
        fields[number][0] in FOLLOWERS[name]
        for number, (name, _) in enumerate(fields[:-1], 1)
        if name in FOLLOWERS
    )


def is_name(value: str) -> bool:
    """Return whether a value is the name of a user: neither nothing nor an address."""
    if value in NOTHING:
        return False
    try:
        parse_address(value)
    except Malformed:
        return True
    return False


def find_user(event: Event, names: Sequence[str], certainly: bool) -> str:
    """Return the user name: the first of several fields that is a name, or an empty string.

    A single field is returned as it is: an address that somebody typed there is no plausible name.
    """
    if len(names) == 1 and not certainly:
        return read_typed(event.text, names[0])  # most of them
    fields = read_certain(event) if certainly else None
    values = (fields.get(n, "") if fields else read_typed(event.text, n) for n in names)
    return next(values) if len(names) == 1 else find_name(values)


def find_name(values: Iterable[str]) -> str:
    """Return the first value that is a name, or an empty string."""
    return next(filter(is_name, values), "")
