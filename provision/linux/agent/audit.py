"""The audit of bans, which fail2ban's action writes: address, time, reason and author of each change."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any

from banstitch_shared.audit_file import read_newest_first

from provision.linux.agent.protocol.answers import Entry, History
from provision.linux.agent.protocol.bounds import LONGEST_TEXT, MOST_IN_LIST, MOST_KEYS, WORD
from provision.linux.agent.protocol.requests import ReadHistory

# Bytes of the audit that one answer holds at most: some 30,000 entries.
MOST_HISTORY = 32 << 20
_WORD = re.compile(WORD)
# Epoch seconds of the last entry that can be true.
LATEST = 1e11


def list_history(request: ReadHistory) -> History:
    """Return the last entries of the audit, oldest first, from as many rotated files as needed."""
    found: list[Entry] = []
    room, left_out = MOST_HISTORY, False
    for line in read_newest_first(request.audit):
        left_out = len(found) < request.last and len(line) >= room
        if left_out or len(found) == request.last:
            break
        room -= len(line) + 1
        found += parse_entries(line)
    found.reverse()
    return History(found, left_out)


def parse_entries(line: bytes) -> list[Entry]:
    """Return one entry, or none if a power loss cut the line short or it is not an entry."""
    try:
        found = json.loads(line)
        is_time = type(found["at"]) in (int, float) and 0 <= found["at"] <= LATEST
        if not is_time or not _is_entry(found):
            return []
    except (ValueError, LookupError, TypeError, RecursionError):
        return []
    return [{key: _cut(value) for key, value in found.items()}]


def _is_entry(found: Mapping[str, object]) -> bool:
    """Return whether an entry is flat, as its form in protocol/answers.py requires.

    One forged line must not hide the others.
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
