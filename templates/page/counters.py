"""The receiver's numbers about each FortiGate: its last event, its last poll, its rhythm.

The file is that of receiver/counts.py: the names as JSON, then a double for each.

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later, standard library only.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from banstitch_shared.number_names import LAST_EVENT, LAST_POLL, POLLS, STARTED, name_number
from banstitch_shared.untrusted import read_small_file

_LARGEST = 16 << 20
# A FortiGate is silent after so many of its normal intervals, and never before so many seconds.
MISSED, SOONEST, LATEST = 5, 300.0, 3600.0


class Rhythm(NamedTuple):
    """One FortiGate. Times in epoch seconds, 0 for never.

    ``interval``: seconds between two polls, 0 if it is not known yet.
    """

    name: str
    last_event: float
    last_poll: float
    interval: float
    is_silent: bool


def read_counters(path: str) -> Mapping[str, float]:
    """Return the numbers by name; none where the receiver does not run."""
    try:
        raw = read_small_file(path, _LARGEST)
        names = json.loads(raw[: raw.index(b"\n")])
        numbers = struct.unpack("%dd" % len(names), raw[len(raw) - 8 * len(names) :])
        return {str(name): each for name, each in zip(names, numbers) if math.isfinite(each)}
    except (OSError, ValueError, TypeError, struct.error, RecursionError):
        return {}


def list_rhythms(
    counters: Mapping[str, float], fortigates: Sequence[str], now: float
) -> list[Rhythm]:
    """Return the rhythm of each FortiGate."""
    return [_find_rhythm(counters, name, now) for name in fortigates]


def _find_rhythm(counters: Mapping[str, float], name: str, now: float) -> Rhythm:
    started, polls = counters.get(STARTED, 0.0), counters.get(name_number(POLLS, name), 0.0)
    last = counters.get(name_number(LAST_POLL, name), 0.0)
    interval = (last - started) / polls if polls >= 2 and last > started else 0.0
    allowed = min(max(MISSED * interval, SOONEST), LATEST) if interval else LATEST
    is_silent = bool(counters) and now - max(last, started) > allowed
    last_event = counters.get(name_number(LAST_EVENT, name), 0.0)
    return Rhythm(name, last_event, last, interval, is_silent)
