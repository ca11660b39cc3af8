"""The FortiGate's own log line of each event, kept for the audit of a ban.

Each line is the line of the event log (banstitch_shared/eventlog.py), and behind it as JSON the
FortiGate's name and its own log line. Attackers typed a part of that line, so fail2ban
never reads this file; its action looks a ban's event up here and quotes it once more, into the audit.

Managed by Banstitch: changes made here are overwritten.
"""

import json

from receiver.files import Unavailable, append, has_room

# Bytes that the log line of one event takes here at most.
KEPT_OF_EVENT = 1024


def keep(path, clean_lines, events, fortigate, most):
    """Write down the event of each clean line; the file has at most ``most`` bytes.

    The clean lines come first: a disk that is nearly full is left to them, and what cannot be written is
    left out; /healthz reports the disk.
    """
    name = json.dumps(fortigate)
    lines = [
        '%s {"fortigate": %s, %s}\n' % (clean[:-1], name, quoted(event.text.strip(" \t\r\n")))
        for clean, event in zip(clean_lines, events)
    ]
    try:
        if has_room(path):
            append(path, lines, "evidence.log", most)
    except (Unavailable, OSError):
        pass


def quoted(text):
    """``text`` as JSON in ASCII, in which no byte of it ends a line; ``cut`` tells of how many characters
    it is the beginning.
    """
    kept = text[:KEPT_OF_EVENT]
    said = json.dumps(kept)
    while len(said) > KEPT_OF_EVENT + 2:
        kept = kept[: len(kept) * KEPT_OF_EVENT // len(said)]
        said = json.dumps(kept)
    return '"event": %s' % said + (', "cut": %d' % len(text) if len(kept) < len(text) else "")
