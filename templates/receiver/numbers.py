"""List the numbers that this receiver keeps: see counts.py for the file, and number_names.py for the names.

Managed by Banstitch: changes made here are overwritten.
"""

from __future__ import annotations

from banstitch_shared.number_names import (
    EVENTS,
    IGNORED,
    LAST_EVENT,
    LAST_POLL,
    LIMITED,
    LOGINS,
    MALFORMED,
    POLLS,
    REFUSED,
    STARTED,
    name_by_detection,
    name_number,
)
from banstitch_shared.tokens import VERIFY

from receiver import clocks, fetches, unreadable
from receiver.counts import name_bucket
from receiver.settings import Config

BY_FORTIGATE = (
    MALFORMED,
    LIMITED,
    POLLS,
    LAST_EVENT,
    LAST_POLL,
    *fetches.NAMES,
    *clocks.NAMES,
)
# What happens only so often: posts of a FortiGate (name_number), lines about refusals in the journal, posts
# that are kept because they could not be read, and facts for banstitch-watch.
RATE, SAID, KEPT, FACTS = "rate", "said", "kept", "facts"


def list_names(config: Config) -> list[str]:
    """Return the names of all numbers for :class:`receiver.counts.Counts`."""
    posters, endings = [*config["fortigates"], VERIFY], list_endings(config)
    found = [name_by_detection(EVENTS, who, ending) for who in posters for ending in endings]
    found += [name_by_detection(LOGINS, who, ending) for who in posters for ending in endings[:-1]]
    found += [name_number(what, who) for what in BY_FORTIGATE for who in posters]
    buckets = [*(name_number(RATE, who) for who in posters), SAID, KEPT, FACTS]
    found += [name for bucket in buckets for name in name_bucket(bucket)]
    return [*found, *unreadable.list_names(posters), *REFUSED, STARTED]


def list_endings(config: Config) -> list[str]:
    """Return what may become of an event that was read: a detection, or IGNORED at the end."""
    return [*(detection["name"] for detection in config["detections"]), IGNORED]
