"""The receiver's record of events, which a replay reads.

Each line is one of the event log, with the FortiGate's own log line behind it, a part of which somebody
typed. Only the former is answered: all that the rules count is in it.
"""

from __future__ import annotations

import re

from banstitch_shared.audit_file import read_newest_first

from provision.linux.agent.protocol.answers import Evidence
from provision.linux.agent.protocol.bounds import EVENT, MOST_EVENTS
from provision.linux.agent.protocol.requests import ReadEvidence

# Bytes of events that one answer holds at most.
MOST_EVIDENCE = 32 << 20
_EVENT = re.compile(EVENT)


def list_evidence(request: ReadEvidence) -> Evidence:
    """Return the last events, oldest first, from as many rotated files as there are."""
    found: list[str] = []
    room, left_out = MOST_EVIDENCE, False
    for line in read_newest_first(request.evidence):
        event = read_event(line)
        if not event:
            continue
        left_out = len(found) == MOST_EVENTS or len(event) > room
        if left_out:
            break
        room -= len(event)
        found.append(event)
    found.reverse()
    return Evidence(found, left_out)


def read_event(line: bytes) -> str:
    """Return the event of a line; empty for a line that a power loss cut short, or that is foreign."""
    event = line.partition(b" {")[0].decode("ascii", "replace")
    return event if _EVENT.fullmatch(event) else ""
