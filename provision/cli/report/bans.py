"""The tables of `bans` and of `bans --history`, and the lines below them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from banstitch_shared.jails import describe_jail

from provision.masking import escape
from provision.results import SiteResult, format_timestamp

BAN_HEADS = ("site", "address", "detection", "since", "until", "events", "times", "why")
HISTORY_HEADS = ("site", "at", "what", "address", "detection", "fortigate", "why", "by")
Entry = Mapping[str, Any]


def build_ban_rows(results: Sequence[SiteResult]) -> list[Sequence[str]]:
    """Return a row for each ban of each site, with those that other sites share."""
    return [
        (
            site.name,
            ban["address"],
            describe_jail(ban["jail"]),
            format_timestamp(ban["since"]),
            format_timestamp(ban["until"]),
            str(ban["failures"]),
            str(ban["count"]),
            format_one_line(ban["why"]),
        )
        for site in results
        for target in site.targets
        for ban in (*target.details.get("bans", ()), *target.details.get("shared", ()))
    ]


def list_shared(results: Sequence[SiteResult]) -> Iterator[str]:
    """Yield a line for each site at which bans of other sites count."""
    for site in results:
        number = sum(len(target.details.get("shared", ())) for target in site.targets)
        if number:
            what, them = ("1 ban is", "it") if number == 1 else (f"{number} bans are", "them")
            yield f"{site.name}: {what} shared by other sites: unban does not end {them}, allow does"


def list_allowances(results: Sequence[SiteResult]) -> Iterator[str]:
    """Yield a line for each allowance of each site."""
    for site in results:
        for target in site.targets:
            for allowance in target.details.get("allowances", ()):
                until = format_timestamp(allowance["until"])
                yield (
                    f"{site.name}: {allowance['network']} is allowed until {until}"
                    f" ({allowance['why']}; {allowance['by']})"
                )


def build_history_rows(results: Sequence[SiteResult]) -> list[Sequence[str]]:
    """Return a row for each entry of the audit, oldest first, with the columns of :data:`HISTORY_HEADS`."""
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
    """Return the log line that led to each row of :func:`build_history_rows`; empty where it is unknown."""
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
