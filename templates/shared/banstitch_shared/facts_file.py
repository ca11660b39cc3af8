"""The facts of the receiver for the service banstitch-watch, in a file that is replaced every few seconds.

It lies in the receiver's own folder in /run and belongs to its user. So it is read as data: whoever takes the
receiver over can invent facts about its own site, and no more. It holds no user name and no address.

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later, standard library only.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeVar

from banstitch_shared.untrusted import read_small_file, take_number, take_text

NAME = "facts.json"
# Seconds between two writes.
PAUSE = 5.0
# Entries of a mapping, and bytes of the file.
MOST = 2000
_LARGEST = 1 << 20

Taken = TypeVar("Taken")


class FortiGateFacts(NamedTuple):
    """The receiver's facts about a FortiGate. Times in epoch seconds, 0 for none yet.

    ``unreadable``: posts of the last day; ``limited``: posts over the rate since the start of the host.
    ``ahead``: seconds by which this host's clock is ahead of the FortiGate's, at its last event.
    """

    last_event: float = 0.0
    last_poll: float = 0.0
    unreadable: float = 0.0
    limited: float = 0.0
    ahead: float = 0.0


class ReceiverFacts(NamedTuple):
    """The receiver's facts at the time ``at``; ``started``: when it began to count.

    ``errors``: why it cannot do all of its work, by subject. ``refused``: posts by reason, since the start of
    the host. ``banned``: new bans of the last hour; ``bans_refused``: those over the limit, by FortiGate.
    ``left_out``: bans without room in the feed. ``room``: the free part of each disk, between 0 and 1.
    """

    at: float
    started: float
    errors: Mapping[str, str]
    fortigates: Mapping[str, FortiGateFacts]
    refused: Mapping[str, float]
    banned: float
    bans_refused: Mapping[str, float]
    left_out: float
    room: Mapping[str, float]


def format_facts(facts: ReceiverFacts) -> str:
    """Return the text of the file."""
    fortigates = {name: each._asdict() for name, each in facts.fortigates.items()}
    return json.dumps({**facts._asdict(), "fortigates": fortigates})


def read_facts(path: str) -> ReceiverFacts:
    """Return the facts.

    Raises:
        OSError, ValueError: there is no such file, or it is damaged.
    """
    try:
        found = json.loads(read_small_file(path, _LARGEST))
        return ReceiverFacts(
            take_number(found["at"]),
            take_number(found["started"]),
            _take_mapping(found["errors"], take_text),
            _take_mapping(found["fortigates"], _take_fortigate),
            _take_mapping(found["refused"], take_number),
            take_number(found["banned"]),
            _take_mapping(found["bans_refused"], take_number),
            take_number(found["left_out"]),
            _take_mapping(found["room"], take_number),
        )
    except (LookupError, TypeError, RecursionError) as error:
        raise ValueError("%s is damaged" % path) from error


def _take_mapping(value: Any, take: Callable[[Any], Taken]) -> dict[str, Taken]:
    if not isinstance(value, dict) or len(value) > MOST:
        raise TypeError("it is not a mapping")
    return {take_text(name): take(each) for name, each in value.items()}


def _take_fortigate(value: Any) -> FortiGateFacts:
    ahead = value["ahead"]
    return FortiGateFacts(
        take_number(value["last_event"]),
        take_number(value["last_poll"]),
        take_number(value["unreadable"]),
        take_number(value["limited"]),
        -take_number(-ahead) if ahead < 0 else take_number(ahead),
    )
