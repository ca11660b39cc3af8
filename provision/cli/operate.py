"""The work of the verbs of daily operation: bans, ban, unban, rotate, status."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import click

from provision.cli import ban_address
from provision.cli.choosing import choose_sites
from provision.cli.fleet.run_files import (
    choose_part,
    continue_waves,
    describe_run,
    keep_run_file,
)
from provision.cli.fleet.run_options import RunOptions
from provision.cli.options import App, Flags
from provision.cli.report import bans, notes, status
from provision.cli.runs import (
    create_job,
    open_process,
    open_report,
    print_results,
    print_rollout,
    report_broken,
    require_terminal,
    run_in_waves,
    run_sites,
)
from provision.desired import running_site
from provision.engine import requests
from provision.engine.fleet.rollout import WaveRun
from provision.engine.fleet.waves import Waves
from provision.engine.run import Run
from provision.errors import InputError, Problem
from provision.linux.agent.protocol.observe import Request
from provision.masking import escape
from provision.plan import Verb
from provision.results import Exit, SiteResult, exit_code
from provision.sites.selection import ChosenSites
from provision.sites.site import Selected, Site

RequestBuilder = Callable[[Run], Callable[[Site], Request[Any]]]


def show_bans(app: App, flags: Flags) -> Exit:
    """List the current bans of each site: start, end, reason, count."""
    results = ask_sites(app, flags, "bans", requests.ask_bans)
    lines = [*bans.list_shared(results), *bans.list_allowances(results)]
    return _show_lines(
        app, flags, "bans", results, bans.BAN_HEADS, bans.build_ban_rows(results), lines
    )


def show_history(app: App, flags: Flags, last: int) -> Exit:
    """List the past bans, unbans and expirations of each site."""
    results = ask_sites(app, flags, "bans", lambda _: requests.ask_history(last))
    rows, events = bans.build_history_rows(results), bans.list_events(results)
    code = _show(app, flags, "bans", results, bans.HISTORY_HEADS, rows, events)
    for host in bans.list_left_out(results):
        click.echo(
            f"{host}: older entries are left out, because they do not fit into one answer", err=True
        )
    return code


def ban(
    app: App, flags: Flags, address: str, duration: str | None, detection: str, why: str
) -> Exit:
    """Ban ADDRESS (an address or a network) at every chosen site."""
    checked = ban_address.check_bannable(address)
    seconds = ban_address.parse_seconds(duration)
    chosen = choose_sites(app, flags, connect=True)
    own = ban_address.find_own_host([selected.site for selected in chosen.values()], checked)
    if own:
        message = f"banning {address} would lock out {own}"
        raise InputError([Problem("", 0, message, "choose another address")])
    banned = ask_sites(
        app,
        flags,
        "ban",
        lambda run: requests.ask_ban(run, checked, seconds, detection, why),
        chosen,
    )
    results = [requests.add_end(site) for site in banned]
    return print_results(app, flags, open_report(app, flags), "ban", results, flags.detail)


def unban(app: App, flags: Flags, address: str, why: str) -> Exit:
    """Unban ADDRESS at every chosen site, in fail2ban and in the feed."""
    normalized = ban_address.normalize_address(address)
    results = ask_sites(app, flags, "unban", lambda run: requests.ask_unban(run, normalized, why))
    return print_results(app, flags, open_report(app, flags), "unban", results, flags.detail)


def allow(app: App, flags: Flags, address: str, duration: str, why: str) -> Exit:
    """Allow ADDRESS at every chosen site for some time: no jail bans it."""
    normalized = ban_address.normalize_network(address)
    seconds = ban_address.parse_limited(duration)
    request = requests.ask_allow(normalized, seconds, why)
    results = [
        requests.add_allowed_end(site) for site in ask_sites(app, flags, "allow", lambda _: request)
    ]
    return print_results(app, flags, open_report(app, flags), "allow", results, flags.detail)


def unallow(app: App, flags: Flags, address: str, why: str) -> Exit:
    """End the allowance of ADDRESS at every chosen site."""
    normalized = ban_address.normalize_address(address)
    results = ask_sites(app, flags, "unallow", lambda _: requests.ask_unallow(normalized, why))
    return print_results(app, flags, open_report(app, flags), "unallow", results, flags.detail)


def shield(app: App, flags: Flags, up: bool, duration: str, why: str) -> Exit:
    """Keep the shield of every chosen site up, or down, for some time."""
    seconds = ban_address.parse_limited(duration)
    results = [
        requests.add_shield_end(site, up)
        for site in ask_sites(
            app, flags, "shield", lambda run: requests.ask_shield(run, up, seconds, why)
        )
    ]
    return print_results(app, flags, open_report(app, flags), "shield", results, flags.detail)


def rotate(app: App, flags: Flags, yes: bool, waves: Waves, runs: RunOptions) -> Exit:
    """Give the chosen FortiGates new secrets. The old ones stay valid until each has its new ones."""
    require_terminal("rotate", yes)
    report = open_report(app, flags)
    part = choose_part(app, flags, report, describe_run(flags, "rotate", {}), runs)
    sites = part.sites
    chosen = {name: selected for name, selected in sites.items() if selected.fortigates}
    names = [fortigate.name for selected in chosen.values() for fortigate in selected.fortigates]
    if not yes and not click.confirm(f"new secrets for {', '.join(names)}?", err=True):
        click.echo("nothing was changed", err=True)
        return Exit.OK
    run = create_job(app, flags, "rotate", sites).begin(open_process(app, report))
    shares = continue_waves(part, waves)
    rollout = WaveRun(chosen, shares, report.print_line, before=part.before)

    def rotate_site(selected: Selected) -> SiteResult:
        return requests.rotate(run, selected)

    with keep_run_file(app, flags, report, part, runs, shares) as rollout.file:
        results = run_in_waves(
            app, flags, report, "rotate", rollout, chosen, rotate_site, report_broken
        )
        return print_rollout(app, flags, report, "rotate", rollout, results)


def show_status(app: App, flags: Flags) -> Exit:
    """Show the state of each site: drift, receiver, bans, last polls."""
    sites = choose_sites(app, flags, connect=True)
    report = open_report(app, flags)
    run = create_job(app, flags, "status", sites).begin(open_process(app, report))

    def ask_site(selected: Selected) -> SiteResult:
        return status.collect_status(run, selected)

    results = run_sites(app, flags, report, "status", list(sites.values()), ask_site, report_broken)
    code = _show(
        app, flags, "status", results, status.HEADS, status.build_rows(results, time.time())
    )
    if not flags.json:
        # sites with an error were printed in full, notes included
        for note in status.list_notes([site for site in results if not _is_troubled(site)]):
            report.print_line(f"note: {note}", "cyan")
    return code


def show_stale(app: App, flags: Flags, duration: str) -> Exit:
    """Print the FortiGates that have not polled for some time; contact only the ban hosts."""
    seconds = ban_address.parse_limited(duration, "--stale")
    chosen = choose_sites(app, flags, connect=True)
    names = {
        name: [fortigate.name for fortigate in selected.fortigates]
        for name, selected in chosen.items()
    }

    def request(site: Site) -> Request[Any]:
        return running_site.request_status(site, app.plays).request

    asked = ask_sites(app, flags, "status", lambda _: request, chosen)
    results = [notes.add_stale(s, names[s.name], seconds, time.time()) for s in asked]
    if flags.json:
        return print_results(app, flags, open_report(app, flags), "status", results, "names")
    app.reports.keep("status", results)
    for site in results:
        for target in site.targets:
            for line in app.secrets.mask(target.error).splitlines():
                click.echo(f"{site.name}: {target.host}: {escape(line, but='')}")
    return exit_code(results)


def show_alarms(app: App, flags: Flags) -> Exit:
    """List the active alarms of each site."""
    results = ask_sites(app, flags, "alarms", requests.ask_alarms)
    rows = notes.build_alarm_rows(results)
    lines = notes.list_channels(results, tested=False)
    return _show_lines(app, flags, "alarms", results, notes.HEADS, rows, lines)


def test_channels(app: App, flags: Flags) -> Exit:
    """Send a test through every channel of each site, and print what came back."""
    asked = ask_sites(app, flags, "alarms", requests.ask_channels)
    results = [notes.mark_failed_channels(site) for site in asked]
    lines = notes.list_channels(results, tested=True)
    return _show_lines(app, flags, "alarms", results, (), (), lines)


def ask_sites(
    app: App, flags: Flags, verb: Verb, build: RequestBuilder, sites: ChosenSites | None = None
) -> list[SiteResult]:
    """Ask the ban host of each chosen site, and return a result with its answer."""
    sites = sites or choose_sites(app, flags, connect=True)
    chosen = list(sites.values())
    report = open_report(app, flags)
    run = create_job(app, flags, verb, sites).begin(open_process(app, report))
    by_site = requests.build_requests([selected.site for selected in chosen], build(run))

    def ask_site(selected: Selected) -> SiteResult:
        return requests.ask(run, selected, by_site[selected.site.name])

    return run_sites(app, flags, report, verb, chosen, ask_site, report_broken)


def _show(
    app: App,
    flags: Flags,
    verb: str,
    results: Sequence[SiteResult],
    heads: Sequence[str],
    rows: Sequence[Sequence[str]],
    below: Sequence[str] = (),
) -> Exit:
    """Print the table; print the targets themselves only for sites with an error."""
    report = open_report(app, flags)
    if flags.json:
        return print_results(app, flags, report, verb, results, "names")
    app.reports.keep(verb, results)
    report.print_table(heads, rows, below)
    troubled = [site for site in results if _is_troubled(site)]
    if troubled:
        report.print_sites(troubled, "names")
        report.print_summary(troubled)
    return exit_code(results)


def _show_lines(
    app: App,
    flags: Flags,
    verb: str,
    results: Sequence[SiteResult],
    heads: Sequence[str],
    rows: Sequence[Sequence[str]],
    lines: Sequence[str],
) -> Exit:
    code = _show(app, flags, verb, results, heads, rows)
    for line in lines if not flags.json else ():
        click.echo(escape(app.secrets.mask(line), but=""))
    return code


def _is_troubled(site: SiteResult) -> bool:
    return any(target.error for target in site.targets)
