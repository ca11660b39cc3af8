"""Decide what is reported: a condition once when it begins, again when it becomes worse, and once at its end.

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later, standard library only.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from typing import NamedTuple

from banstitch_shared.alarm_notes import find_kind

from watch.alarms.conditions import Condition
from watch.alarms.texts import clean

# Seconds without a condition after which its alarm is over: what comes and goes is one alarm.
HOLD = 20.0


class Active(NamedTuple):
    """An alarm. ``since`` and ``seen``: the first and the last time when its condition held."""

    severity: str
    text: str
    since: float
    seen: float
    grade: int = 0
    once: bool = False


class Message(NamedTuple):
    """A message about an alarm. ``lasted``: seconds, if the alarm is over."""

    at: float
    key: str
    severity: str
    text: str
    lasted: float = -1.0

    @property
    def is_over(self) -> bool:
        """Return whether the alarm is over."""
        return self.lasted >= 0


# By key.
State = Mapping[str, Active]


def judge(
    state: State, found: Iterable[Condition], unknown: Container[str], now: float
) -> tuple[dict[str, Active], list[Message]]:
    """Return the alarms after a look, and the messages about what is new.

    ``unknown``: the kinds of conditions about which this look says nothing; their alarms stay.
    """
    conditions = {each.key: each._replace(text=clean(each.text)) for each in found}
    alarms, messages = {}, []
    for key, condition in conditions.items():
        known = state.get(key)
        since = known.since if known else now
        grade = max(condition.grade, known.grade) if known else condition.grade
        alarms[key] = Active(condition.severity, condition.text, since, now, grade, condition.once)
        if known is None or condition.grade > known.grade:
            messages.append(Message(now, key, condition.severity, condition.text))
    for key, known in state.items():
        if key in conditions:
            continue
        is_unknown = find_kind(key) in unknown
        # a clock that was set back makes nothing last for ever
        if is_unknown or 0 <= now - known.seen < HOLD:
            alarms[key] = known._replace(seen=now) if is_unknown else known
        elif not known.once:
            lasted = max(0.0, known.seen - known.since)
            messages.append(Message(now, key, known.severity, known.text, lasted))
    return alarms, messages
