"""Compare this host's clock with that of each FortiGate, which writes its own time into every log line.

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later, standard library only.
"""

from __future__ import annotations

import re
from collections.abc import MutableMapping

from banstitch_shared.number_names import name_number

# For each FortiGate: seconds by which this host is ahead of it, and when that was measured.
AHEAD, MEASURED = "ahead", "ahead_at"
NAMES = (AHEAD, MEASURED)
# Seconds between two measurements.
PAUSE = 30.0
# FortiOS writes nanoseconds, before 6.2 seconds. It stands before the first field that somebody types.
_TIME = re.compile(r'\beventtime="?([0-9]{10})([0-9]{0,9})\b')
_TYPED = "user="

Numbers = MutableMapping[str, float]


def note_time(numbers: Numbers, who: str, text: str, now: float) -> None:
    """Compare the time in a log line with ``now``. The caller holds the lock of the numbers."""
    if 0 <= now - numbers[name_number(MEASURED, who)] < PAUSE:
        return
    found = _TIME.search(text.partition(_TYPED)[0])
    if found:
        numbers[name_number(AHEAD, who)] = now - float("%s.%s" % (found[1], found[2] or 0))
        numbers[name_number(MEASURED, who)] = now
