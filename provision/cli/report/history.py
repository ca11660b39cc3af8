"""The audit of each site as a table for `bans --history`, with the event that led to each ban."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from banstitch_shared.jails import describe_jail

from provision.masking import escape
from provision.results import SiteResult, format_timestamp

HEADS = ("site", "at", "what", "address", "detection", "fortigate", "why", "by")
Entry = Mapping[str, Any]


def build_rows(results: Sequence[SiteResult]) -> list[Sequence[str]]:
    """Return a row for each entry, oldest first, with the columns of :data:`HEADS`."""
    return [
        tuple(
            format_one_line(cell)
            for cell in (
                site,
                format_timestamp(entry["at"]),
                entry.get("what"),
                entry.get("address"),
                describe_jail(str(entry.get("jail") or "")),
                entry.get("fortigate"),
                entry.get("why"),
                entry.get("by"),
            )
        )
        for site, entry in _walk_entries(results)
    ]


def list_events(results: Sequence[SiteResult]) -> list[str]:
    """Return the log line that led to each row of :func:`build_rows`; empty where it is unknown."""
    return [_format_event(entry) for _, entry in _walk_entries(results)]


def _format_event(entry: Entry) -> str:
    text, whole = format_one_line(entry.get("event")), format_one_line(entry.get("cut"))
    return f"{text} ... ({whole} characters)" if whole else text


def list_left_out(results: Sequence[SiteResult]) -> list[str]:
    """Return the ban hosts whose answer could not hold all requested entries."""
    return [t.host for site in results for t in site.targets if t.details.get("left_out")]


def _walk_entries(results: Sequence[SiteResult]) -> Iterator[tuple[str, Entry]]:
    for site in results:
        for target in site.targets:
            for entry in target.details.get("history", ()):
                yield site.name, entry


def format_one_line(value: object) -> str:
    """Return a text that attackers may influence as one line, with line breaks escaped."""
    return "" if value is None else escape(str(value), but="")
