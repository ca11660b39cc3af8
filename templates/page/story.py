"""Why an address is banned: its entries of the audit, and its events in the evidence.

Attackers typed a part of both, so whatever does not look as it should is passed over, and no more is read
than a moment allows.

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later, standard library only.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

from banstitch_shared.audit_file import NewestLines
from banstitch_shared.eventlog import Entry as Event
from banstitch_shared.eventlog import read_line

# Bytes that one search reads at most, and the rows of its answer.
MOST_READ = 32 << 20
MOST_ROWS = 100
# The names that an entry's texts have in the audit.
_NAMES = ("what", "address", "jail", "why", "by", "fortigate", "event")
# Characters of a text.
LONGEST = 500


class Entry(NamedTuple):
    """One entry of the audit. ``line`` is the FortiGate's own log line of the last event."""

    at: float
    what: str
    address: str
    jail: str
    why: str
    by: str
    fortigate: str
    line: str


Row = TypeVar("Row")


@dataclass(frozen=True)
class Found(Generic[Row]):
    """Rows, the newest first, and whether older ones may have been left out."""

    rows: list[Row]
    is_partial: bool


def find_entries(
    audit: str, needles: Collection[str], fits: Callable[[Entry], bool], kind: str = ""
) -> Found[Entry]:
    """Return the entries of a kind that ``fits`` accepts, among those that hold one of ``needles``."""
    quoted = [json.dumps(needle)[1:-1].lower().encode() for needle in needles]
    what = b'"what": "%s"' % kind.encode() if kind else b""

    def may_fit(line: bytes) -> bool:
        lower = line.lower()
        return what in line and any(needle in lower for needle in quoted)

    return _search(audit, may_fit, read_entry, fits)


def find_events(evidence: str, addresses: Collection[str]) -> Found[Event]:
    """Return the events of some addresses."""
    needles = [b" %s " % address.encode() for address in addresses]

    def may_fit(line: bytes) -> bool:
        return any(needle in line for needle in needles)

    return _search(evidence, may_fit, read_event, lambda event: event.address in addresses)


def _search(
    path: str,
    may_fit: Callable[[bytes], bool],
    read: Callable[[bytes], Row | None],
    fits: Callable[[Row], bool],
) -> Found[Row]:
    """Return the newest rows that fit; ``may_fit`` saves reading most of the lines."""
    rows: list[Row] = []
    lines = NewestLines(path, MOST_READ)
    for line in lines:
        if len(rows) == MOST_ROWS:
            return Found(rows, True)
        row = read(line) if may_fit(line) else None
        if row is not None and fits(row):
            rows.append(row)
    return Found(rows, lines.are_cut)


def read_entry(line: bytes) -> Entry | None:
    """Return the entry of a line of the audit, or None."""
    try:
        found = json.loads(line)
        at = float(found["at"])
        if not 0 <= at <= 1e11:
            return None
        return Entry(at, *(_cut(found.get(name)) for name in _NAMES))
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError, OverflowError):
        return None


def _cut(value: object) -> str:
    return value[:LONGEST] if isinstance(value, str) else ""


def read_event(line: bytes) -> Event | None:
    """Return the event of a line of the evidence, or None."""
    try:
        return read_line(line.partition(b" {")[0].decode("ascii"))
    except ValueError:
        return None
