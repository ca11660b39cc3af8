"""Write the file of alarms: logins after many failures, and users under attack.

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later, standard library only.
"""

from __future__ import annotations

from banstitch_shared import alarm_file
from banstitch_shared.alarm_file import MOST, Attacked, format_alarms
from banstitch_shared.service import replace_file

from rules.state import State
from rules.step import Alarm
from rules.weights import read_account

# Seconds for which an alarm stays.
KEPT = 7 * 86400
# Seconds between two looks at the attacks that go on.
PAUSE = 10.0


class AlarmFile:
    """The file of alarms, which is kept over a restart."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._alarms = alarm_file.read_alarm_file(path).alarms
        self._written, self._written_at = "", 0.0

    def add(self, alarm: Alarm) -> bool:
        """Add an alarm; return whether it is new."""
        new = alarm_file.Alarm(round(alarm.at, 3), alarm.source, alarm.user, alarm.failures)
        if new in self._alarms:
            return False
        self._alarms = (*self._alarms, new)[-MOST:]
        self._written_at = 0.0
        return True

    def write(self, state: State, now: float) -> None:
        """Write the file if something in it is new. Raises OSError."""
        if 0 <= now - self._written_at < PAUSE:
            return
        self._alarms = tuple(each for each in self._alarms if each.at > now - KEPT)
        text = format_alarms(alarm_file.Alarms(self._alarms, list_attacked(state, now)))
        if text != self._written:
            replace_file(self._path, text, 0o640)
        self._written, self._written_at = text, now


def list_attacked(state: State, now: float) -> tuple[Attacked, ...]:
    """Return the users whom a spray attacks now, the latest first."""
    found = [(until, key) for key, until in state.attacked.items() if until > now]
    return tuple(
        Attacked(read_account(key), round(until), len(state.sprays.get(key, ())))
        for until, key in sorted(found, reverse=True)[:MOST]
    )
