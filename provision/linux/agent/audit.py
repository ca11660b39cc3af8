"""The audit of bans, which fail2ban's action writes: address, time, reason and author of each change."""

from __future__ import annotations

import itertools
import json
import math
import os
import re
import stat
from collections.abc import Iterator
from typing import Any, BinaryIO

from provision.linux.agent.host import HostError
from provision.linux.agent.protocol.answers import History
from provision.linux.agent.protocol.bounds import LONGEST_TEXT, MOST_IN_LIST, MOST_KEYS, WORD
from provision.linux.agent.protocol.requests import ReadHistory

# Bytes of the audit that one answer holds at most: some 30,000 entries.
MOST_HISTORY = 32 << 20
# Bytes that are read at once.
BLOCK = 1 << 20
_WORD = re.compile(WORD)
# Epoch seconds of the last entry that can be true.
LATEST = 1e11


def read_history(request: ReadHistory) -> History:
    """Return the last entries of the audit, oldest first, as many rotated files back as that takes."""
    found: list[dict[str, Any]] = []
    room, left_out = MOST_HISTORY, False
    for line in read_newest_first(request.audit):
        left_out = len(found) < request.last and len(line) >= room
        if left_out or len(found) == request.last:
            break
        room -= len(line) + 1
        found += entries(line)
    found.reverse()
    return History(found, left_out)


def read_newest_first(audit: str) -> Iterator[bytes]:
    """The lines of the audit and of what was rotated away, the last one first.

    No more is read than is asked for, and one block at a time is held. What is rotated meanwhile comes
    by again under its next name.
    """
    seen: set[int] = set()
    for age in itertools.count():
        try:
            with _open_plain_file(f"{audit}.{age}" if age else audit) as file:
                about = os.fstat(file.fileno())
                if about.st_ino not in seen:
                    yield from _read_backwards(file, about.st_size)
                seen.add(about.st_ino)
        except FileNotFoundError:
            if age:
                return


def _open_plain_file(path: str) -> BinaryIO:
    """Open a file without following a link or waiting at a pipe."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return open(descriptor, "rb")
    os.close(descriptor)
    raise HostError(f"{path} is no plain file")


def _read_backwards(file: BinaryIO, size: int) -> Iterator[bytes]:
    """The lines in the last bytes of a file of ``size`` bytes, the first of them maybe without its head."""
    least, rest = max(0, size - MOST_HISTORY), b""
    while size > least:
        start = max(least, size - BLOCK)
        file.seek(start)
        rest, *lines = (file.read(size - start) + rest).split(b"\n")
        yield from filter(None, reversed(lines))
        size = start
    if rest:
        yield rest


def entries(line: bytes) -> list[dict[str, Any]]:
    """Return one entry, or none where a line was cut short by a power loss or is no entry at all."""
    try:
        found = json.loads(line)
        is_time = type(found["at"]) in (int, float) and 0 <= found["at"] <= LATEST
        if not is_time or not _is_entry(found):
            return []
    except (ValueError, LookupError, TypeError, RecursionError):
        return []
    return [{key: _cut(value) for key, value in found.items()}]


def _is_entry(found: dict[str, Any]) -> bool:
    """Return whether an entry is flat, as protocol.py requires.

    One poisoned line must not hide the others.
    """
    return len(found) <= MOST_KEYS and all(
        _WORD.fullmatch(key) and (_is_plain(value) or _is_list_of_texts(value))
        for key, value in found.items()
    )


def _is_plain(value: Any) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    return value is None or isinstance(value, (bool, int, str))


def _is_list_of_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


def _cut(value: Any) -> Any:
    if isinstance(value, list):
        return [_cut(each) for each in value[:MOST_IN_LIST]]
    return value[:LONGEST_TEXT] if isinstance(value, str) else value
