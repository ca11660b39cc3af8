"""Read the alarms of banstitch-rules: logins after many failures, and users under attack.

    {"alarms": [{"at", "address", "user", "failures"}], "attacked": [{"user", "until", "sources"}]}

The file belongs to the user of that service, who reads what attackers cause. So it is read as data: no link
is followed, and whatever does not look as it should is passed over.

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later, standard library only.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator
from typing import Any, NamedTuple

NAME = "alarms.json"
# Entries of each list, characters of a text, bytes of the file, and the largest number.
MOST = 100
_LONGEST = 200
_LARGEST = 1 << 20
_LARGEST_NUMBER = 10**11


class Alarm(NamedTuple):
    """A login from an address that had failed often before: perhaps a guessed password."""

    at: float
    address: str
    user: str
    failures: int


class Attacked(NamedTuple):
    """A user whom many sources try, until a time in epoch seconds."""

    user: str
    until: float
    sources: int


class Alarms(NamedTuple):
    """The content of the file."""

    alarms: tuple[Alarm, ...] = ()
    attacked: tuple[Attacked, ...] = ()


def read_alarms(folder: str, now: float) -> Alarms:
    """Return the alarms, and the users who are under attack now; nothing where there is no such file."""
    try:
        found = json.loads(_read(os.path.join(folder, NAME)))
        alarms = tuple(
            Alarm(
                _number(e["at"]), _text(e["address"]), _text(e["user"]), int(_number(e["failures"]))
            )
            for e in _entries(found["alarms"])
        )
        attacked = (
            Attacked(_text(e["user"]), _number(e["until"]), int(_number(e["sources"])))
            for e in _entries(found["attacked"])
        )
        return Alarms(alarms, tuple(each for each in attacked if each.until > now))
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return Alarms()


def _read(path: str) -> bytes:
    file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        about = os.fstat(file)
        if not stat.S_ISREG(about.st_mode) or about.st_size > _LARGEST:
            raise ValueError("it is no file of alarms")
        return os.read(file, _LARGEST)
    finally:
        os.close(file)


def _entries(found: Any) -> Iterator[Any]:
    if not isinstance(found, list):
        raise TypeError("it is no list")
    yield from found[-MOST:]


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("it is no text")
    return value[:_LONGEST]


def _number(value: Any) -> float:
    number = float(value)
    if not 0 <= number <= _LARGEST_NUMBER:
        raise ValueError("it is no number of this file")
    return number
