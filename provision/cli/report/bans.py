"""The table of `bans`, and what stands below it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from banstitch_shared.jails import describe_jail

from provision.cli.report.history import format_one_line
from provision.results import SiteResult, format_timestamp

HEADS = ("site", "address", "detection", "since", "until", "events", "times", "why")


def build_rows(results: Sequence[SiteResult]) -> list[Sequence[str]]:
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
