"""Measure the seconds from an event of a FortiGate to its next fetch of the feed.

Of several events before a fetch the first counts. All workers share the numbers.

Managed by Banstitch: changes made here are overwritten.
"""

from __future__ import annotations

from collections.abc import MutableMapping

from banstitch_shared.number_names import name_number

# For each FortiGate: the epoch of the first event since the last fetch, and the last seconds measured.
WAITING, DELAY = "waiting", "fetch_delay"
NAMES = (WAITING, DELAY)
# Seconds until a ban is in the feed; an earlier fetch does not end the wait.
SOONEST = 2.0

Numbers = MutableMapping[str, float]


def note_event(numbers: Numbers, who: str, now: float) -> None:
    """Take note of an event that may ban."""
    name = name_number(WAITING, who)
    if not numbers[name]:
        numbers[name] = now


def note_fetch(numbers: Numbers, who: str, now: float) -> None:
    """Take note of a fetch; the first one after an event ends the measurement."""
    waiting = numbers[name_number(WAITING, who)]
    if waiting and not 0 <= now - waiting < SOONEST:
        numbers[name_number(DELAY, who)] = max(now - waiting, 0.0)  # the clock may be set back
        numbers[name_number(WAITING, who)] = 0.0
