"""Write the file of alarms: logins after many failures, and users under attack.

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later, standard library only.
"""

from __future__ import annotations

import json
from typing import TypedDict

from banstitch_shared.alarm_file import MOST
from banstitch_shared.service import replace_file

from rules.state import State
from rules.step import Alarm

# Seconds for which an alarm stays.
KEPT = 7 * 86400
# Seconds between two looks at the attacks that go on.
PAUSE = 10.0


class Entry(TypedDict):
    """An alarm, as it stands in the file."""

    at: float
    address: str
    user: str
    failures: int


class Alarms:
    """The file of alarms and its content."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._alarms = _read(path)
        self._written, self._written_at = "", 0.0

    def add(self, alarm: Alarm) -> bool:
        """Add an alarm; return whether it is new."""
        entry = Entry(
            at=round(alarm.at, 3),
            address=alarm.source,
            user=alarm.user,
            failures=alarm.failures,
        )
        if entry in self._alarms:
            return False
        self._alarms = [*self._alarms, entry][-MOST:]
        self._written_at = 0.0
        return True

    def write(self, state: State, now: float) -> None:
        """Write the file if something in it is new. Raises OSError."""
        if 0 <= now - self._written_at < PAUSE:
            return
        self._alarms = [entry for entry in self._alarms if entry["at"] > now - KEPT]
        document = {"alarms": self._alarms, "attacked": list_attacked(state, now)}
        text = json.dumps(document)
        if text != self._written:
            replace_file(self._path, text, 0o640)
        self._written, self._written_at = text, now


def list_attacked(state: State, now: float) -> list[dict[str, object]]:
    """Return the users whom a spray attacks now, the latest first."""
    found = [(until, key) for key, until in state.attacked.items() if until > now]
    return [
        {
            "user": key.partition(" ")[2],
            "until": round(until),
            "sources": len(state.sprays.get(key, ())),
        }
        for until, key in sorted(found, reverse=True)[:MOST]
    ]


def _read(path: str) -> list[Entry]:
    try:
        with open(path, encoding="ascii") as stream:
            return [
                Entry(
                    at=float(entry["at"]),
                    address=str(entry["address"]),
                    user=str(entry["user"]),
                    failures=int(entry["failures"]),
                )
                for entry in json.load(stream)["alarms"][-MOST:]
            ]
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return []
