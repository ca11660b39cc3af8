"""The verbs of daily operation: who is banned, ban, unban, what happened.

`operate` and `status` are imported by the verbs: they bring netmiko, which `--help` does not need.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import click
from pydantic import TypeAdapter, ValidationError

from provision.cli import ban_address
from provision.cli.options import (
    App,
    Flags,
    broken,
    chosen_sites,
    common,
    must_be_asked,
    new_report,
    new_run,
    over,
    tell,
    yes,
)
from provision.cli.report import history
from provision.engine.run import Run
from provision.errors import InputError, Problem
from provision.results import Exit, SiteResult, exit_code, format_timestamp
from provision.sites.builder import Selected, Site
from provision.sites.setting_types import DurationOrForever

Question = Callable[[Run], Callable[[Site], Mapping[str, Any]]]
why = click.option("--why", default="by hand", show_default=True, help="The reason, for the audit.")


@click.command()
@common
@click.option("--history", is_flag=True, help="What happened instead: bans, unbans, expiries.")
@click.option("--last", type=click.IntRange(1), default=1000, show_default=True,
              help="How many entries of the history.")  # fmt: skip
def bans(app: App, flags: Flags, history: bool, last: int) -> Exit:
    """List who is banned at each site: since when, until when, why, how often."""
    from provision.engine import requests

    if history:
        return _history(app, flags, last)
    found = _ask(app, flags, "bans", requests.bans)
    return _show(app, flags, "bans", found, BANS, _ban_rows(found))


def _history(app: App, flags: Flags, last: int) -> Exit:
    from provision.engine import requests

    found = _ask(app, flags, "bans", lambda _: requests.history(last))
    rows, events = history.rows(found), history.events(found)
    code = _show(app, flags, "bans", found, history.HEADS, rows, events)
    for host in history.left_out(found):
        click.echo(f"{host}: older entries are left out, one answer cannot hold them", err=True)
    return code


@click.command()
@common
@click.argument("address")
@click.option(
    "--for",
    "duration",
    metavar="TIME",
    help="90s, 10m, 12h, 7d, 1w, -1 for ever; else as the detection says.",
)
@click.option(
    "--detection", default="", help="In the jail of this detection; else the first that is on."
)
@why
def ban(
    app: App, flags: Flags, address: str, duration: str | None, detection: str, why: str
) -> Exit:
    """Ban ADDRESS, or a network, at every chosen site."""
    from provision.engine import requests

    named = ban_address.bannable(address)
    seconds = _seconds(duration)
    chosen = list(chosen_sites(app, flags, connect=True).values())
    own = ban_address.own_host([selected.site for selected in chosen], named)
    if own:
        raise InputError([Problem("", 0, f"{address} is or holds {own} itself")])
    asked = _ask(
        app, flags, "ban", lambda run: requests.ban(run, named, seconds, detection, why), chosen
    )
    found = [requests.with_end(site) for site in asked]
    return tell(app, flags, new_report(app, flags), "ban", found, flags.detail)


@click.command()
@common
@click.argument("address")
@why
def unban(app: App, flags: Flags, address: str, why: str) -> Exit:
    """Free ADDRESS at every chosen site: gone from fail2ban and from the feed."""
    from provision.engine import requests

    named = ban_address.checked_address(address)
    found = _ask(app, flags, "unban", lambda run: requests.unban(run, named, why))
    return tell(app, flags, new_report(app, flags), "unban", found, flags.detail)


@click.command()
@common
@yes
def rotate(app: App, flags: Flags, yes: bool) -> Exit:
    """Give the chosen FortiGates new secrets; the old ones are valid until each has its new ones."""
    from provision.engine import requests

    must_be_asked("rotate", yes)
    chosen = [one for one in chosen_sites(app, flags, connect=True).values() if one.fortigates]
    names = [unit.name for one in chosen for unit in one.fortigates]
    if not yes and not click.confirm(f"new secrets for {', '.join(names)}?", err=True):
        click.echo("nothing was changed", err=True)
        return Exit.OK
    report = new_report(app, flags)
    run = new_run(app, flags, "apply", report)
    found = over(
        app, flags, report, "rotate", chosen, lambda one: requests.rotate(run, one), broken
    )
    return tell(app, flags, report, "rotate", found, flags.detail)


@click.command()
@common
def status(app: App, flags: Flags) -> Exit:
    """Show how each site is doing: receiver, jails, bans, certificate, events, polls."""
    from provision.cli.report import status

    chosen = list(chosen_sites(app, flags, connect=True).values())
    report = new_report(app, flags)
    run = new_run(app, flags, "plan", report)
    found = over(app, flags, report, "status", chosen, lambda one: status.status(run, one), broken)
    code = _show(app, flags, "status", found, status.HEADS, status.rows(found, time.time()))
    if not flags.json:
        # a site with an error was printed in full, notes included
        for note in status.notes([site for site in found if not _is_troubled(site)]):
            report.line(f"note: {note}", "cyan")
    return code


VERBS = (bans, ban, unban, rotate, status)


def _ask(
    app: App, flags: Flags, verb: str, question: Question, chosen: Sequence[Selected] = ()
) -> list[SiteResult]:
    from provision.engine import requests

    chosen = chosen or list(chosen_sites(app, flags, connect=True).values())
    report = new_report(app, flags)
    run = new_run(app, flags, "plan", report)
    asked = requests.requests([selected.site for selected in chosen], question(run))

    def do(one: Selected) -> SiteResult:
        return requests.ask(run, one, asked[one.site.name])

    return over(app, flags, report, verb, chosen, do, broken)


BANS = ("site", "address", "detection", "since", "until", "events", "times", "why")


def _show(
    app: App,
    flags: Flags,
    verb: str,
    found: Sequence[SiteResult],
    heads: Sequence[str],
    rows: Sequence[Sequence[str]],
    below: Sequence[str] = (),
) -> Exit:
    """The table, and the targets themselves only where one of them has something to say."""
    report = new_report(app, flags)
    if not flags.json:
        report.table(heads, rows, below)
    troubled = [site for site in found if _is_troubled(site)]
    if flags.json or troubled:
        tell(app, flags, report, verb, found if flags.json else troubled, "names")
    return exit_code(found)


def _is_troubled(site: SiteResult) -> bool:
    return any(target.error for target in site.targets)


def _ban_rows(found: Sequence[SiteResult]) -> list[Sequence[str]]:
    return [
        (
            site.name,
            each["address"],
            each["jail"].removeprefix("banstitch-"),
            format_timestamp(each["since"]),
            format_timestamp(each["until"]),
            str(each["failures"]),
            str(each["count"]),
            history.one_line(each["why"]),
        )
        for site in found
        for target in site.targets
        for each in target.details.get("bans", ())
    ]


def _seconds(duration: str | None) -> int | None:
    if duration is None:
        return None
    try:
        return int(TypeAdapter(DurationOrForever).validate_python(duration))
    except ValidationError as error:
        why = error.errors()[0]["msg"].removeprefix("Value error, ")
        what = f"--for {duration}: {why}"
        raise InputError([Problem("", 0, what, "write 90s, 10m, 12h, 7d, 1w or -1")]) from None
