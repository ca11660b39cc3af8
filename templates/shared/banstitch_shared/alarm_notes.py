"""The files that banstitch-watch, `alarms` and `plan --note-drift` leave for each other on the ban host.

``active.json`` holds the alarms that are active, and ``tested.json`` the outcome of the last test of the
channels. Both are in the memory of banstitch-watch and belong to its user. Root writes ``drift.json``:

    {"at": EPOCH, "by": TEXT, "changes": 3}

All of them are read as data.

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later, standard library only.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any, NamedTuple

from banstitch_shared.untrusted import read_small_file, take_number, take_text

ACTIVE, TESTED, DRIFT = "active.json", "tested.json", "drift.json"
INFO, WARNING, CRITICAL = "info", "warning", "critical"
SEVERITIES = (INFO, WARNING, CRITICAL)
# Alarms in the file, characters of a text, and channels.
MOST = 300
LONGEST = 200
MOST_CHANNELS = 30
_LARGEST = 1 << 20


class ActiveAlarm(NamedTuple):
    """An alarm. ``key``: KIND:SUBJECT such as ``polls:fgt1``, or KIND where there can be only one."""

    key: str
    severity: str
    since: float
    text: str


class ActiveAlarms(NamedTuple):
    """The active alarms at the time ``at``, and the channels, each with its last error or an empty text."""

    at: float
    alarms: tuple[ActiveAlarm, ...]
    channels: Mapping[str, str]


class Drift(NamedTuple):
    """The changes that `apply` would make, as the last `plan --note-drift` found them."""

    at: float
    by: str
    changes: int


def find_kind(key: str) -> str:
    """Return the kind of an alarm, by its key."""
    return key.partition(":")[0]


def format_active(active: ActiveAlarms) -> str:
    """Return the text of the file."""
    alarms = [alarm._asdict() for alarm in active.alarms[:MOST]]
    return json.dumps({**active._asdict(), "alarms": alarms})


def read_active(folder: str) -> ActiveAlarms | None:
    """Return the active alarms; None if there is no such file, or if it is damaged."""
    found = _read(os.path.join(folder, ACTIVE))
    try:
        alarms = tuple(_take_alarm(each) for each in found["alarms"][:MOST])
        return ActiveAlarms(take_number(found["at"]), alarms, _take_channels(found["channels"]))
    except (LookupError, TypeError, ValueError, AttributeError):
        return None


def _take_alarm(found: Any) -> ActiveAlarm:
    severity = found["severity"]
    if severity not in SEVERITIES:
        raise ValueError("it is not a severity")
    since = take_number(found["since"])
    return ActiveAlarm(take_text(found["key"]), severity, since, take_text(found["text"]))


def _take_channels(found: Any) -> dict[str, str]:
    pairs = list(found.items())[:MOST_CHANNELS]
    return {take_text(name): take_text(error) for name, error in pairs}


def format_tested(at: float, outcomes: Mapping[str, str]) -> str:
    """Return the text of the file with the outcome of a test: what came back, by channel."""
    return json.dumps({"at": at, "channels": dict(outcomes)})


def read_tested(folder: str, since: float) -> dict[str, str] | None:
    """Return the outcome of a test that began at ``since`` or later; None if there is none yet."""
    found = _read(os.path.join(folder, TESTED))
    try:
        return _take_channels(found["channels"]) if take_number(found["at"]) >= since else None
    except (LookupError, TypeError, ValueError, AttributeError):
        return None


def format_drift(drift: Drift) -> str:
    """Return the text of the file."""
    return json.dumps(drift._asdict()) + "\n"


def read_drift(path: str) -> Drift | None:
    """Return what the last `plan --note-drift` found; None if there was none, or if it is damaged."""
    found = _read(path)
    try:
        changes = int(take_number(found["changes"]))
        return Drift(take_number(found["at"]), take_text(found["by"]), changes)
    except (LookupError, TypeError, ValueError):
        return None


def _read(path: str) -> Any:
    try:
        return json.loads(read_small_file(path, _LARGEST))
    except (OSError, ValueError, RecursionError):
        return None
