"""The lookup of an event in the receiver's evidence, for the audit of the ban that it led to.

Managed by Banstitch: changes made here are overwritten. Loaded by banstitch.py beside it.

One line of the file is a line of the event log, ``EPOCH FORTIGATE DETECTION KIND ADDRESS USER REASON``, and
behind it ``{"fortigate": NAME, "event": LOG LINE}``. fail2ban matched a line of the rule log, ``EPOCH JAIL
KEY ADDRESS FORTIGATE``; EPOCH and ADDRESS are those of the event. Attackers typed a part of the log lines,
and the receiver's user may write anything into the file: no link is followed, nothing but a plain file is
read, so many bytes of it and no more, and whatever does not look as it should is passed over. fail2ban
itself never reads this file.
"""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Iterable
from typing import Union

# Bytes that one look reads at most, and at once.
MOST_READ = 32 << 20
BLOCK = 1 << 16
# The receiver writes no longer line.
LONGEST = 4096
# Seconds by which lines of different worker processes may stand out of their order.
SLACK = 0.5
# The FortiGate and its log line; ``cut`` is the whole length of a longer one.
Found = dict[str, Union[str, int]]
# Which field of a line holds the address.
EVENT_ADDRESS, RULE_ADDRESS = 4, 3
MOMENT = re.compile(rb"([0-9]{1,12}\.[0-9]{1,6}) ")


class Evidence:
    """The receiver's file of events, and the one before it."""

    def __init__(self, path: str) -> None:
        self._path = path

    def find(self, lines: Iterable[str]) -> dict[str, Found]:
        """Return the events of those lines of the rule log that have one. Raises nothing."""
        keys = {line: key_of(line.encode("ascii", "replace"), RULE_ADDRESS) for line in lines}
        wanted = sorted((at, key) for key in set(keys.values()) for at in moments(key))
        found: dict[bytes, Found] = {}
        left = MOST_READ
        # in this order a rotation at this moment hides nothing
        for path in (self._path, self._path + ".1"):
            if len(found) < len(wanted) and left > 0:
                left = look(path, wanted, found, left)
        return {line: found[key] for line, key in keys.items() if key in found}


def look(path: str, wanted: list[tuple[float, bytes]], found: dict[bytes, Found], left: int) -> int:
    """Add the ``wanted`` events of one file to ``found``; return how many bytes may still be read."""
    try:
        log = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return left
    try:
        about = os.fstat(log)
        return (
            forward(log, about.st_size, wanted, found, left)
            if stat.S_ISREG(about.st_mode)
            else left
        )
    except OSError:
        return left
    finally:
        os.close(log)


def forward(
    log: int, size: int, wanted: list[tuple[float, bytes]], found: dict[bytes, Found], left: int
) -> int:
    """Read once through the file, in its order, only the parts that may hold ``wanted``."""
    keys, place = {key for _, key in wanted}, 0
    reached = 0.0
    for at, key in wanted:
        if left <= 0:
            break
        if key in found or reached > at + SLACK:
            continue
        place = before(log, place, size, at - SLACK)
        while key not in found and reached <= at + SLACK and place < size and left > 0:
            block = os.pread(log, BLOCK, place)
            lines = block.split(b"\n")[:-1]
            for line in lines:
                if key_of(line, EVENT_ADDRESS) in keys:
                    read_line(line, found)
            reached = [reached, *moments(lines[-1] if lines else b"")][-1]
            place += block.rfind(b"\n") + 1 or BLOCK
            left -= BLOCK
    return left


def before(log: int, low: int, high: int, at: float) -> int:
    """Return the start of a line, at ``low`` or later, before which no line is as late as ``at``."""
    while high - low > BLOCK:
        middle = (low + high) // 2
        block = os.pread(log, 2 * LONGEST, middle)
        line = block.find(b"\n") + 1
        found = moments(block[line:])
        if line and found and found[0] < at:
            low = middle + line
        else:
            high = middle
    return low


def key_of(line: bytes, address: int) -> bytes:
    """Return EPOCH and ADDRESS of a line, the latter by its number in the line; empty for a foreign line."""
    fields = line.split(b" ", address + 1)
    return b"%s %s" % (fields[0], fields[address]) if len(fields) > address + 1 else b""


def moments(line: bytes) -> list[float]:
    """Return the epoch second with which a line begins, as a list; empty for a foreign line."""
    began = MOMENT.match(line)
    return [float(began.group(1))] if began else []


def read_line(line: bytes, found: dict[bytes, Found]) -> None:
    """Add the event of a line. The last of the same event counts: fail2ban bans at the last of them."""
    key, text = key_of(line, EVENT_ADDRESS), line.partition(b" {")[2]
    try:
        entry = json.loads(b"{" + text) if len(line) <= LONGEST else {}
        told: Found = {"fortigate": str(entry["fortigate"]), "event": str(entry["event"])}
        if "cut" in entry:
            told["cut"] = int(entry["cut"])
    except (ValueError, LookupError, TypeError, RecursionError, OverflowError):
        return
    found[key] = told
