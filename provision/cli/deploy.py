"""The work of the verbs that deploy: plan, apply, verify, teardown."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import click

from provision.cli.fleet.run_files import (
    choose_part,
    continue_waves,
    describe_run,
    keep_run_file,
)
from provision.cli.options import App, Flags
from provision.cli.report.json_document import write_json
from provision.cli.runs import (
    create_job,
    open_process,
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
from provision.engine.fleet.run_files import RunEnd, RunFile, format_now
from provision.engine.fleet.waves import Waves
from provision.plan import SitePlan, Verb
from provision.results import Exit, SiteResult, summarize

if TYPE_CHECKING:
    from provision.cli.fleet.run_options import RunOptions
    from provision.cli.report.console import Report
    from provision.engine.run import Job
    from provision.sites.selection import ChosenSites


def look(
    app: App,
    flags: Flags,
    verb: Verb,
    runs: RunOptions,
    note: bool = False,
    preview_of: Verb | None = None,
    **options: Any,
) -> Exit:
    """Print the plan of ``verb`` for every target; change nothing.

    ``note``: leave a note about the drift for the alarms of each site. ``preview_of``: the verb whose earlier
    run may be taken up, if that is another.
    """
    report = open_report(app, flags)
    part = choose_part(app, flags, report, describe_run(flags, preview_of or verb, options), runs)
    if preview_of:
        part = part.preview()
    job = create_checked_job(app, flags, verb, part.sites, **options)
    with keep_run_file(app, flags, report, part, runs) as file:
        planned = plan_sites(app, flags, report, job, file=RunFile() if note else file)
        results = list(map(summarize, planned))
        if note:
            results = note_drift(app, flags, report, job, results, file)
        code = print_results(app, flags, report, verb, results, flags.plan_detail)
        file.end(results, RunEnd(format_now(), code))
    return code


def note_drift(
    app: App,
    flags: Flags,
    report: Report,
    job: Job,
    planned: list[SiteResult],
    file: RunFile,
) -> list[SiteResult]:
    """Note on each ban host what its plan found, and return the results.

    A site is at its end in the run ``file`` only now, so that --resume notes what was not noted.
    """
    from provision.engine import requests

    run = job.begin(open_process(app, report))

    def note_site(site: SiteResult) -> SiteResult:
        file.begin_site(site.name)
        noted = requests.note_drift(run, job.sites[site.name], site)
        file.end_site(noted)
        return noted

    def report_failed(site: SiteResult, error: Exception) -> SiteResult:
        return report_broken(job.sites[site.name], error)

    return run_sites(app, flags, report, job.verb, planned, note_site, report_failed)


def create_checked_job(
    app: App, flags: Flags, verb: Verb, sites: ChosenSites, **options: Any
) -> Job:
    """Return the job, after everything was rendered, so that no error appears after the first contact."""
    collect.render_all(list(sites.values()), app.plays)
    return create_job(app, flags, verb, sites, **options)


def plan_sites(
    app: App,
    flags: Flags,
    report: Report,
    job: Job,
    names: Sequence[str] | None = None,
    file: RunFile | None = None,
) -> list[SitePlan]:
    """Return the plan of each site of ``job``, or of those with these ``names`` only.

    ``file``: the run file, if the plans are the results of the run.
    """
    from provision.engine import site

    record, process = file or RunFile(), open_process(app, report)

    def plan(name: str) -> SitePlan:
        record.begin_site(name)
        planned = app.workers.run(site.plan_site, name, job, None, process)
        record.end_site(summarize(planned))
        return planned

    def report_failed(name: str, error: Exception) -> SitePlan:
        return report_broken_plan(job.sites[name], job.verb, error)

    chosen = list(job.sites) if names is None else names
    return run_sites(app, flags, report, job.verb, chosen, plan, report_failed)


def change(
    app: App, flags: Flags, verb: Verb, yes: bool, waves: Waves, runs: RunOptions, **options: Any
) -> Exit:
    """Change every target once the operator has approved the plan."""
    from provision.engine import site

    require_terminal(verb, yes)
    report = open_report(app, flags)
    part = choose_part(app, flags, report, describe_run(flags, verb, options), runs)
    job = create_checked_job(app, flags, verb, part.sites, **options)
    run = open_waves(report, part, continue_waves(part, waves))
    planned = plan_sites(app, flags, report, job, run.open)
    summaries = [*map(summarize, planned), *run.list_closed()]
    app.reports.keep(verb, summaries)
    if not yes and any(target.changes for site in summaries for target in site.targets):
        _print_plan(report, flags, summaries, run.describe_waves())
        if app.output.error:  # a plan that could not be printed cannot be approved
            return Exit.FAILED
        if not click.confirm(f"\n{verb}?", err=True):
            click.echo("nothing was changed", err=True)
            if flags.json:
                write_json(sys.stdout.write, verb, Exit.OK, summaries, app.secrets)
            return Exit.OK
    process = open_process(app, report)

    def apply(approved: SitePlan) -> SiteResult:
        return app.workers.run(site.apply_site, approved.name, job, approved, process)

    def report_failed(approved: SitePlan, error: Exception) -> SiteResult:
        return report_broken(job.sites[approved.name], error)

    work = {plan.name: plan for plan in planned}
    with keep_run_file(app, flags, report, part, runs, run.waves) as run.file:
        changed = run_in_waves(app, flags, report, verb, run, work, apply, report_failed)
        return print_rollout(app, flags, report, verb, run, changed)


def _print_plan(
    report: Report, flags: Flags, planned: Sequence[SiteResult], waves: Iterable[str]
) -> None:
    report.print_sites(planned, flags.plan_detail)
    report.print_summary(planned)
    for line in waves:
        report.print_line(line)
