"""The work of `plan --out FILE`, `apply FILE` and `show FILE`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from provision.cli.deploy import create_checked_job, plan_sites
from provision.cli.fleet.run_files import (
    choose_part,
    continue_waves,
    describe_run,
    keep_run_file,
)
from provision.cli.options import App, Flags
from provision.cli.report.json_document import write_json
from provision.cli.report.outputs import open_output, write_output
from provision.cli.runs import (
    open_process,
    open_report,
    open_waves,
    print_results,
    print_rollout,
    report_broken,
    run_in_waves,
)
from provision.engine.fleet.run_files import RunEnd, format_now
from provision.engine.fleet.saved_plans import SavedPlan, format_saved, read_saved
from provision.engine.fleet.waves import Waves
from provision.errors import InputError, Problem, spell_count
from provision.plan import SitePlan
from provision.results import Exit, SiteResult, exit_code, summarize

if TYPE_CHECKING:
    from provision.cli.fleet.run_options import RunOptions
    from provision.cli.report.console import Report
    from provision.sites.selection import ChosenSites


def save_plan(app: App, flags: Flags, path: Path, runs: RunOptions, **options: Any) -> Exit:
    """Print the plan of every target, and save it in the file at ``path`` for `apply`."""
    report = open_report(app, flags)
    with open_output(path) as file:
        part = choose_part(app, flags, report, describe_run(flags, "plan", options), runs)
        job = create_checked_job(app, flags, "apply", part.sites, **options)
        with keep_run_file(app, flags, report, part, runs) as record:
            planned = plan_sites(app, flags, report, job, file=record)
            results = list(map(summarize, planned))
            record.end(results, RunEnd(format_now(), exit_code(results)))
        saved = SavedPlan(
            tuple(planned),
            tuple(map(app.secrets.mask, flags.inventory)),
            app.secrets.mask(flags.limit),
            job.adopt,
            job.forget,
        )
        write_output(file, format_saved(saved))
    code = print_results(app, flags, report, "plan", results, flags.plan_detail)
    report.print_line(f"saved in {path}, sha256 {saved.digest}")
    return code


def show_plan(app: App, flags: Flags, path: Path) -> Exit:
    """Print a saved plan as `plan` printed it."""
    saved = read_saved(path)
    results = list(map(summarize, saved.sites))
    app.reports.keep("show", results)
    if flags.json:
        write_json(sys.stdout.write, "show", Exit.OK, results, app.secrets)
        return Exit.OK
    report = open_report(app, flags)
    report.print_sites(results, flags.plan_detail)
    report.print_summary(results)
    _print_origin(report, path, saved)
    return Exit.OK


def _print_origin(report: Report, path: Path, saved: SavedPlan) -> None:
    """Print which plan is in the file, and how it was made."""
    options = [f"-i {source}" for source in saved.inventory]
    options += [f"-l {saved.limit}"] if saved.limit else []
    options += ["--adopt"] if saved.adopt else []
    options += [f"--forget {name}" for name in saved.forget]
    report.print_line(" ".join(["made by plan", *options]))
    sites = spell_count(len(saved.sites), "site")
    report.print_line(f"saved in {path} for {sites}, sha256 {saved.digest}")


def apply_plan(
    app: App, flags: Flags, path: Path, expected: str | None, waves: Waves, runs: RunOptions
) -> Exit:
    """Carry out a saved plan at each of its sites where a new plan equals it."""
    saved = read_saved(path, expected)
    report = open_report(app, flags)
    options: dict[str, Any] = {"adopt": saved.adopt, "forget": saved.forget}
    head = describe_run(flags, "apply", options)
    part = choose_part(app, flags, report, head, runs, saved.hosts)
    job = create_checked_job(app, flags, "apply", part.sites, **options)
    plans = _narrow_plans(path, saved, job.sites)

    from provision.engine.fleet.approval import apply_saved_site

    process = open_process(app, report)

    def apply(plan: SitePlan) -> SiteResult:
        return app.workers.run(apply_saved_site, plan.name, job, plan, process)

    def report_failed(plan: SitePlan, error: Exception) -> SiteResult:
        return report_broken(job.sites[plan.name], error)

    _print_origin(report, path, saved)
    run = open_waves(report, part, continue_waves(part, waves))
    work = {plan.name: plan for plan in plans}
    with keep_run_file(app, flags, report, part, runs, run.waves) as run.file:
        changed = run_in_waves(app, flags, report, "apply", run, work, apply, report_failed)
        return print_rollout(app, flags, report, "apply", run, changed)


def _narrow_plans(path: Path, saved: SavedPlan, chosen: ChosenSites) -> list[SitePlan]:
    """Return the part of the saved plan for the ``chosen`` sites.

    Raises:
        InputError: a target has moved to another site since the plan was made.
    """
    from provision.engine.fleet.approval import narrow_plan

    by_name = {site.name: site for site in saved.sites}
    plans, moved = [], []
    for name, selected in chosen.items():
        plan = narrow_plan(by_name.get(name, SitePlan(name, "apply")), selected)
        planned = {target.host for target in plan.targets}
        moved += [each.name for each in selected.fortigates if each.name not in planned]
        plans.append(plan)
    if moved:
        remedy = "make a new plan with plan --out"
        raise InputError(
            [Problem("", 0, f"{path} has {name} at another site", remedy) for name in moved]
        )
    return plans
