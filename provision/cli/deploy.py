"""The work of the verbs that deploy: check, render, plan, apply, verify, teardown.

Only the verbs that connect import `engine.site`, because it imports paramiko, which `check` does not need.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from provision.cli.options import App, Flags
from provision.cli.report.json_document import write_json
from provision.cli.runs import (
    choose_sites,
    create_job,
    list_untouched,
    open_report,
    open_waves,
    print_results,
    print_rollout,
    report_broken,
    report_broken_plan,
    require_terminal,
    run_in_waves,
    run_sites,
)
from provision.desired import collect
from provision.desired.export import find_misplaced, render_files
from provision.engine.fleet.waves import Waves
from provision.errors import spell_count
from provision.fortios.config.versions import Version, format_version
from provision.plan import SitePlan, Verb
from provision.results import Exit, SiteResult, summarize

if TYPE_CHECKING:
    from provision.cli.report.console import Report
    from provision.engine.run import Job


def check(app: App, flags: Flags, fortios: Version) -> Exit:
    """Check the inventory and render everything. Contacts no host."""
    chosen = list(choose_sites(app, flags, connect=False).values())
    collect.render_all(chosen, app.plays, fortios)
    results = list_untouched(chosen)
    app.reports.keep("check", results)
    if flags.json:
        write_json(sys.stdout.write, "check", Exit.OK, results, app.secrets)
    else:
        fortigates = spell_count(sum(len(selected.fortigates) for selected in chosen), "FortiGate")
        click.echo(
            f"ok: {spell_count(len(chosen), 'site')}, {fortigates}, as FortiOS {format_version(fortios)}"
        )
    return Exit.OK


def render(app: App, flags: Flags, fortios: Version, directory: Path) -> Exit:
    """Write every file and CLI block to DIRECTORY. Contacts no host."""
    chosen = list(choose_sites(app, flags, connect=False).values())
    written = [
        path
        for selected in chosen
        for path in render_files(selected, app.plays, directory, fortios)
    ]
    results = list_untouched(chosen)
    app.reports.keep("render", results)
    if flags.json:
        write_json(sys.stdout.write, "render", Exit.OK, results, app.secrets)
    else:
        click.echo("\n".join(str(path) for path in written))
        if any(selected.fortigates for selected in chosen):
            click.echo(f"the CLI of FortiGates is for FortiOS {format_version(fortios)}")
        for path, table in find_misplaced(written):
            click.echo(f"{path}: pasting adds the {table} at the end; move it to the top by hand")
    return Exit.OK


def look(app: App, flags: Flags, verb: Verb, note: bool = False, **options: Any) -> Exit:
    """Print the plan of ``verb`` for every target; change nothing.

    ``note``: leave a note about the drift for the alarms of each site.
    """
    report = open_report(app, flags)
    job = create_checked_job(app, flags, verb, **options)
    results = list(map(summarize, plan_sites(app, flags, report, job)))
    if note:
        results = note_drift(app, flags, report, job, results)
    return print_results(app, flags, report, verb, results, flags.plan_detail)


def note_drift(
    app: App, flags: Flags, report: Report, job: Job, planned: list[SiteResult]
) -> list[SiteResult]:
    """Note on each ban host what its plan found, and return the results."""
    from provision.engine import requests

    run = job.begin(report, app.secrets, app.codes, app.hops)

    def note_site(site: SiteResult) -> SiteResult:
        return requests.note_drift(run, job.sites[site.name], site)

    def report_failed(site: SiteResult, error: Exception) -> SiteResult:
        return report_broken(job.sites[site.name], error)

    return run_sites(app, flags, report, job.verb, planned, note_site, report_failed)


def create_checked_job(
    app: App, flags: Flags, verb: Verb, hosts: tuple[str, ...] = (), **options: Any
) -> Job:
    """Return the job, after everything was rendered, so that no error appears after the first contact.

    ``hosts``: those of a saved plan, if the job is to carry out one.
    """
    chosen = choose_sites(app, flags, connect=True, hosts=hosts)
    collect.render_all(list(chosen.values()), app.plays)
    return create_job(app, flags, verb, chosen, **options)


def plan_sites(
    app: App, flags: Flags, report: Report, job: Job, names: Sequence[str] | None = None
) -> list[SitePlan]:
    """Return the plan of each site of ``job``, or of those with these ``names`` only."""
    from provision.engine import site

    def plan(name: str) -> SitePlan:
        return site.plan_site(name, job, report, app.secrets, app.codes, app.hops)

    def report_failed(name: str, error: Exception) -> SitePlan:
        return report_broken_plan(job.sites[name], job.verb, error)

    chosen = list(job.sites) if names is None else names
    return run_sites(app, flags, report, job.verb, chosen, plan, report_failed)


def change(app: App, flags: Flags, verb: Verb, yes: bool, waves: Waves, **options: Any) -> Exit:
    """Change every target once the operator has approved the plan."""
    from provision.engine import site

    require_terminal(verb, yes)
    report = open_report(app, flags)
    job = create_checked_job(app, flags, verb, **options)
    run = open_waves(report, job.sites, waves)
    planned = plan_sites(app, flags, report, job, run.open)
    summaries = [*map(summarize, planned), *run.list_closed()]
    app.reports.keep(verb, summaries)
    if not yes and any(target.changes for site in summaries for target in site.targets):
        report.print_sites(summaries, flags.plan_detail)
        report.print_summary(summaries)
        for line in run.describe_waves():
            report.print_line(line)
        if app.output.error:  # a plan that could not be printed cannot be approved
            return Exit.FAILED
        if not click.confirm(f"\n{verb}?", err=True):
            click.echo("nothing was changed", err=True)
            if flags.json:
                write_json(sys.stdout.write, verb, Exit.OK, summaries, app.secrets)
            return Exit.OK

    def apply(approved: SitePlan) -> SiteResult:
        return site.apply_site(
            approved.name, job, approved, report, app.secrets, app.codes, app.hops
        )

    def report_failed(approved: SitePlan, error: Exception) -> SiteResult:
        return report_broken(job.sites[approved.name], error)

    work = {plan.name: plan for plan in planned}
    changed = run_in_waves(app, flags, report, verb, run, work, apply, report_failed)
    return print_rollout(app, flags, report, verb, run, changed)
