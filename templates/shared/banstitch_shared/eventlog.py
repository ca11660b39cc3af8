"""Write and read lines of the event log: one for each event that counts.

    EPOCH FORTIGATE DETECTION KIND ADDRESS USER REASON

FORTIGATE is its name in the inventory. USER is what somebody typed, as the hex of its UTF-8 bytes, and
REASON consists of lower case letters, digits and "_"; each is "-" where it is not known. So no line
holds a character that an attacker chose. Version 0.1 wrote EPOCH DETECTION ADDRESS, which is read as well.

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later, standard library only.
"""

from __future__ import annotations

import re
from typing import NamedTuple

FAILURE, SUCCESS, LOCKOUT = KINDS = ("failure", "success", "lockout")
# Bytes of a user name, and characters of a reason, that a line keeps.
LONGEST_USER = 128
LONGEST_REASON = 64
# What FortiOS writes where there is no value.
NOTHING = ("", "-", "N/A", "(null)")

_LINE = re.compile(
    r"(?P<at>[0-9]{1,12}\.[0-9]{1,6}) (?P<fortigate>[A-Za-z0-9._-]{1,64})"
    r" (?P<detection>[a-z][a-z0-9_]*) (?P<kind>failure|success|lockout) (?P<address>[0-9a-f.:/]+)"
    r" (?P<user>-|(?:[0-9a-f]{2})+) (?P<reason>-|[a-z0-9_]+)\n?",
)
_OLD_LINE = re.compile(
    r"(?P<at>[0-9]{1,12}\.[0-9]{1,6}) (?P<detection>[a-z][a-z0-9_]*) (?P<address>[0-9a-f.:/]+)\n?"
)
_OTHERS = re.compile(r"[^a-z0-9]+")


class Entry(NamedTuple):
    """One event. ``user`` and ``reason`` are empty where they are not known."""

    at: float
    fortigate: str
    detection: str
    kind: str
    address: str
    user: str = ""
    reason: str = ""


def write_line(entry: Entry) -> str:
    """Return the line of an event, without a line end."""
    return "%.6f %s %s %s %s %s %s" % (
        entry.at,
        entry.fortigate,
        entry.detection,
        entry.kind,
        entry.address,
        encode_user(entry.user),
        encode_reason(entry.reason),
    )


def read_line(line: str) -> Entry:
    """Return the event of a line.

    Raises:
        ValueError: it is not a line of the event log.
    """
    found = _LINE.fullmatch(line)
    if found is None:
        return _read_old_line(line)
    at, fortigate, detection, kind, address, user, reason = found.groups()
    name = "" if user == "-" else bytes.fromhex(user).decode("utf-8", "replace")
    return Entry(
        float(at), fortigate, detection, kind, address, name, "" if reason == "-" else reason
    )


def encode_user(user: str) -> str:
    """Return a user name as hex of at most LONGEST_USER whole characters' bytes, or "-" for none."""
    if user in NOTHING:
        return "-"
    data = user.encode("utf-8", "replace")
    if len(data) > LONGEST_USER:
        data = data[:LONGEST_USER].decode("utf-8", "ignore").encode()
    return data.hex()


def encode_reason(reason: str) -> str:
    """Return a reason as one word, or "-" for none."""
    if reason in NOTHING:
        return "-"
    return _OTHERS.sub("_", reason.lower())[:LONGEST_REASON].strip("_") or "-"


def _read_old_line(line: str) -> Entry:
    found = _OLD_LINE.fullmatch(line)
    if found is None:
        raise ValueError("a line of the event log must have seven fields (got %r)" % line[:200])
    return Entry(float(found["at"]), "", found["detection"], FAILURE, found["address"])
