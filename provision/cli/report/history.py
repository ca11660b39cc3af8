"""What happened at each site, for `bans --history`: the audit as a table, with a ban's event under it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from provision.masking import escape
from provision.results import SiteResult, format_timestamp

HEADS = ("site", "at", "what", "address", "detection", "fortigate", "why", "by")
Entry = Mapping[str, Any]


def rows(found: Sequence[SiteResult]) -> list[Sequence[str]]:
    """A row for each entry, oldest first, its cells as :data:`HEADS` names them."""
    return [
        tuple(
            one_line(cell)
            for cell in (
                site,
                format_timestamp(entry["at"]),
                entry.get("what"),
                entry.get("address"),
                str(entry.get("jail") or "").removeprefix("banstitch-"),
                entry.get("fortigate"),
                entry.get("why"),
                entry.get("by"),
            )
        )
        for site, entry in _entries(found)
    ]


def events(found: Sequence[SiteResult]) -> list[str]:
    """To each of :func:`rows` the log line of the event that led to it; empty where none is known."""
    return [_event(entry) for _, entry in _entries(found)]


def _event(entry: Entry) -> str:
    text, whole = one_line(entry.get("event")), one_line(entry.get("cut"))
    return f"{text} ... ({whole} characters)" if whole else text


def left_out(found: Sequence[SiteResult]) -> list[str]:
    """The ban hosts whose answer could not hold all that was asked for."""
    return [t.host for site in found for t in site.targets if t.details.get("left_out")]


def _entries(found: Sequence[SiteResult]) -> Iterator[tuple[str, Entry]]:
    for site in found:
        for target in site.targets:
            for entry in target.details.get("history", ()):
                yield site.name, entry


def one_line(value: object) -> str:
    """Return what attackers had a hand in as one line: line ends are spelt out, too."""
    return "" if value is None else escape(str(value), but="")
