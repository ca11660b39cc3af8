"""The FortiGate's own log line of each event, kept for the audit of a ban.

Each line is the line of the event log (banstitch_shared/eventlog.py), and behind it as JSON the
FortiGate's name and its own log line. Attackers typed a part of that line, so fail2ban
never reads this file; its action looks a ban's event up here and quotes it once more, into the audit.

Managed by Banstitch: changes made here are overwritten.
"""

from __future__ import annotations

import json

from receiver.files import Unavailable, append, has_room
from receiver.lines import Event

# Bytes that the log line of one event takes here at most.
KEPT_OF_EVENT = 1024


def keep_event(path: str, line: str, event: Event, fortigate: str, most: float) -> None:
    """Record an event behind its line of the event log; the file has at most ``most`` bytes.

    The event log comes first: a disk that is nearly full is left to it, and evidence that cannot be written
    is left out. /healthz reports the disk.
    """
    quoted = quote(event.text.strip(" \t\r\n"))
    kept = '%s {"fortigate": %s, %s}\n' % (line[:-1], json.dumps(fortigate), quoted)
    try:
        if has_room(path):
            append(path, [kept], "evidence.log", most)
    except (Unavailable, OSError):
        pass


def quote(text: str) -> str:
    """Return ``text`` as JSON in ASCII, in which no byte ends a line; ``cut`` is its whole length."""
    kept = text[:KEPT_OF_EVENT]
    quoted = json.dumps(kept)
    while len(quoted) > KEPT_OF_EVENT + 2:
        kept = kept[: len(kept) * KEPT_OF_EVENT // len(quoted)]
        quoted = json.dumps(kept)
    return '"event": %s' % quoted + (', "cut": %d' % len(text) if len(kept) < len(text) else "")
