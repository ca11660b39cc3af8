"""The audit, which fail2ban's action writes: what happened to whom, when, why and by whom."""

from __future__ import annotations

import itertools
import json
import os
import stat
from collections.abc import Iterator
from typing import Any

from provision.linux.agent.host import HostError

# Bytes of the audit that one answer holds at most: some 30,000 entries.
MOST_HISTORY = 32 << 20


def history(request: dict[str, Any]) -> dict[str, Any]:
    """The last ``last`` entries of the audit, oldest first, as many rotated files back as that takes.

    Answer: ``history``: the entries as the action wrote them; ``left_out``: whether there are older
    ones among the ``last`` than one answer can hold.
    """
    found: list[dict[str, Any]] = []
    room, left_out = MOST_HISTORY, False
    for line in newest_first(request["audit"]):
        left_out = len(found) < request["last"] and len(line) >= room
        if left_out or len(found) == request["last"]:
            break
        room -= len(line) + 1
        found += entries(line)
    found.reverse()
    return {"history": found, "left_out": left_out}


def newest_first(audit: str) -> Iterator[bytes]:
    """The lines of the audit and of what was rotated away, the last one first.

    One file at a time is held. What is rotated meanwhile comes by again under its next name.
    """
    seen: set[int] = set()
    for age in itertools.count():
        try:
            number, data = _end_of(f"{audit}.{age}" if age else audit)
        except FileNotFoundError:
            if age:
                return
            continue
        if number not in seen:
            yield from reversed(data.splitlines())
        seen.add(number)


def _end_of(path: str) -> tuple[int, bytes]:
    """Inode and the last bytes of a file in the receiver's directory, where it could put anything."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with open(descriptor, "rb") as file:
        about = os.fstat(descriptor)
        if not stat.S_ISREG(about.st_mode):
            raise HostError(f"{path} is no plain file")
        file.seek(max(0, about.st_size - MOST_HISTORY))
        return about.st_ino, file.read(MOST_HISTORY)


def entries(line: bytes) -> list[dict[str, Any]]:
    """One entry, or none where a line was cut short by a power loss."""
    try:
        found = json.loads(line)
        return [found] if isinstance(found["at"], (int, float)) else []
    except (ValueError, LookupError, TypeError, RecursionError):
        return []
