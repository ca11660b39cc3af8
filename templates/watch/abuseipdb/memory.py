"""The file that keeps the queue of reports over a restart.

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later, standard library only.
"""

from __future__ import annotations

import json
import logging
import os
from typing import Any

from banstitch_shared.service import replace_file

from watch.abuseipdb.queue import AGAIN, DAY, Report, State

NAME = "abuseipdb.json"
# Seconds for which all attempts must have failed, so that it is an alarm.
PATIENCE = 900.0

log = logging.getLogger("banstitch-watch")


def write_state(folder: str, state: State) -> None:
    """Write the file. Raises OSError."""
    replace_file(os.path.join(folder, NAME), json.dumps(state._asdict()), 0o640)


def read_state(folder: str, now: float) -> State:
    """Return what the file holds; without it, only bans from now on are reported."""
    path = os.path.join(folder, NAME)
    try:
        return _read(path)
    except FileNotFoundError:
        return State(now)
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        log.error("%s cannot be read, so it begins anew in 15 minutes: %s", path, error)
        # what was reported just before must not be reported again
        return State(now, not_before=now + AGAIN)


def read_failure(folder: str, now: float) -> str:
    """Return why bans have not been reported for some time, or an empty text."""
    try:
        state = _read(os.path.join(folder, NAME))
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return ""
    return state.error if state.failing and now - state.failing > PATIENCE else ""


def _read(path: str) -> State:
    with open(path, encoding="ascii") as stream:
        found: dict[str, Any] = json.load(stream)
    return State(
        began=float(found["began"]),
        not_before=float(found["not_before"]),
        failing=float(found["failing"]),
        # until 0.2 there was the day instead of its end
        renews=float(found["renews"] if "renews" in found else (found["day"] + 1) * DAY),
        used=int(found["used"]),
        failures=int(found["failures"]),
        seen={str(address): float(at) for address, at in found["seen"].items()},
        tried={str(address): float(at) for address, at in found["tried"].items()},
        waiting=tuple(Report(str(a), str(jail), float(at)) for a, jail, at in found["waiting"]),
        error=str(found["error"]),
        booted=float(found.get("booted", 0.0)),
    )
