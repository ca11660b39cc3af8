"""Read and write the alarms of banstitch-rules: logins after many failures, and users under attack.

    {"alarms": [{"at", "address", "user", "failures"}], "attacked": [{"user", "until", "sources"}]}

The file belongs to the user of that service, who reads what attackers cause. So it is read as data: no link
is followed, and whatever does not look as it should is passed over.

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later, standard library only.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any, NamedTuple

from banstitch_shared.untrusted import read_small_file, take_number, take_text

NAME = "alarms.json"
# Entries of each list, and bytes of the file.
MOST = 100
_LARGEST = 1 << 20


class Alarm(NamedTuple):
    """A login from an address with many failures before it: the password may have been guessed."""

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


def format_alarms(known: Alarms) -> str:
    """Return the text of the file."""
    rows = {name: [each._asdict() for each in found] for name, found in known._asdict().items()}
    return json.dumps(rows)


def read_alarms(folder: str, now: float) -> Alarms:
    """Return the alarms, and the users under attack now; nothing if there is no such file."""
    known = read_alarm_file(os.path.join(folder, NAME))
    return known._replace(attacked=tuple(each for each in known.attacked if each.until > now))


def read_alarm_file(path: str) -> Alarms:
    """Return the content of the file; nothing if there is none, or if it is damaged."""
    try:
        found = json.loads(read_small_file(path, _LARGEST))
        alarms = tuple(
            Alarm(
                take_number(e["at"]),
                take_text(e["address"]),
                take_text(e["user"]),
                int(take_number(e["failures"])),
            )
            for e in _take_entries(found["alarms"])
        )
        attacked = tuple(
            Attacked(take_text(e["user"]), take_number(e["until"]), int(take_number(e["sources"])))
            for e in _take_entries(found["attacked"])
        )
        return Alarms(alarms, attacked)
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return Alarms()


def _take_entries(found: Any) -> Iterator[Any]:
    if not isinstance(found, list):
        raise TypeError("it is not a list")
    yield from found[-MOST:]
