"""Work on the sites of a run in parallel, and print the results."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from provision.cli import ask_token
from provision.cli.choosing import find_known_hosts
from provision.cli.options import App, Flags
from provision.cli.report.json_document import write_json
from provision.engine import parallel, progress
from provision.engine.fleet.executors.workers import WorkerDied
from provision.engine.fleet.rollout import WaveRun, allow_always, check_window
from provision.engine.fleet.run_files import RunEnd, format_now
from provision.errors import BanstitchError, InputError, Problem
from provision.masking import mask_site
from provision.plan import SitePlan, TargetPlan, Verb
from provision.results import Exit, SiteResult, exit_code, summarize

if TYPE_CHECKING:
    from provision.cli.report.console import Detail, Report
    from provision.engine.fleet.continuing import Part
    from provision.engine.fleet.waves import Waves
    from provision.engine.run import Job, Process
    from provision.sites.selection import ChosenSites
    from provision.sites.site import Selected

Work = TypeVar("Work")
Done = TypeVar("Done", SiteResult, SitePlan)

# New objects after which Python looks for garbage while sites are worked on.
GARBAGE_AFTER = 10_000
STOPPING = "finishing the work that has begun; nothing else will be started"


def open_report(app: App, flags: Flags) -> Report:
    """Return the report. It goes to standard error if standard output is for the JSON document."""
    from provision.cli.report.console import Report

    stream = sys.stderr if flags.json else sys.stdout
    return Report(app.secrets, stream, live=not flags.verbose, verbose=flags.verbose)


def require_terminal(verb: str, yes: bool) -> None:
    """Check that the operator can be asked.

    Raises:
        InputError: standard input is not a terminal, and -y was not given.
    """
    if not yes and not sys.stdin.isatty():
        message = f"{verb} needs a terminal to ask before it changes anything"
        raise InputError([Problem("", 0, message, "run it with -y")])


def create_job(app: App, flags: Flags, verb: Verb, chosen: ChosenSites, **options: Any) -> Job:
    """Return the job of ``verb`` at the ``chosen`` sites."""
    from provision.engine.run import Job

    return Job(
        verb,
        app.plays,
        chosen,
        find_known_hosts(flags),
        flags.accept_new_host_keys,
        **options,
    )


def open_process(app: App, report: Report) -> Process:
    """Return the parts of this process that all sites of a run share."""
    from provision.engine.run import Process

    return Process(report, app.secrets, app.codes, app.hops)


def run_sites(
    app: App,
    flags: Flags,
    report: Report,
    verb: str,
    work: Sequence[Work],
    do: Callable[[Work], Done],
    failed: Callable[[Work, Exception], Done],
) -> list[Done]:
    """Do each item of ``work``, one for each site; ``failed`` builds the result of an item that raised.

    Raises:
        Interrupted: on Ctrl-C or a signal, after the results of the finished sites were printed.
    """
    with _print_interrupted(app, flags, report, verb), report:
        report.expect_sites(len(work))
        return _run_all(app, flags, report, work, do, failed)


def run_in_waves(
    app: App,
    flags: Flags,
    report: Report,
    verb: str,
    run: WaveRun,
    work: Mapping[str, Work],
    do: Callable[[Work], SiteResult],
    failed: Callable[[Work, Exception], SiteResult],
) -> list[SiteResult]:
    """Do the ``work`` of each site, by name, wave after wave, as :func:`run_sites` does."""

    def attempt(item: Work) -> SiteResult:
        try:
            return do(item)
        except CancelledError:
            raise
        except Exception as error:  # noqa: BLE001 - reported; it counts as a failure of its wave
            return mask_site(failed(item, error), app.secrets)

    def run_all(names: Sequence[str], do_site: Callable[[str], SiteResult]) -> list[SiteResult]:
        return _run_all(app, flags, report, names, do_site, None)

    with _print_interrupted(app, flags, report, verb), report:
        report.expect_sites(len(work))
        return run.run(work, attempt, run_all)


def _run_all(
    app: App,
    flags: Flags,
    report: Report,
    work: Sequence[Work],
    do: Callable[[Work], Done],
    failed: Callable[[Work, Exception], Done] | None,
) -> list[Done]:
    def stop() -> None:
        report.print_line(f"{app.stop.cause}: {STOPPING}", "yellow")
        if app.codes:
            app.codes.stop()
        app.workers.stop()

    def answer_questions() -> None:
        if app.codes:
            ask_token.answer(app.codes, report, app.secrets)

    def attempt(item: Work) -> Done:
        try:
            done = do(item)
        except CancelledError:  # the work never began
            raise
        except Exception as error:
            if failed is None:
                raise
            done = mask_site(failed(item, error), app.secrets)
        report.report_site(done)
        return done

    # What was read so far lives until the end. Connections leave garbage in cycles, site after site.
    gc.freeze()
    gc.set_threshold(GARBAGE_AFTER)
    return parallel.run_all(work, attempt, flags.forks, stop, None, answer_questions)


@contextmanager
def _print_interrupted(app: App, flags: Flags, report: Report, verb: str) -> Iterator[None]:
    """Print the results of the finished sites if the run is interrupted."""
    try:
        yield
    except parallel.Interrupted as interruption:
        finished = [
            summarize(result) if isinstance(result, SitePlan) else result
            for result in interruption.finished
        ]
        print_results(app, flags, report, verb, finished, flags.detail, interrupted=True)
        raise


def open_waves(report: Report, part: Part, waves: Waves) -> WaveRun:
    """Return the run at the sites of ``part`` that respects their windows of time."""
    gate = allow_always if waves.now else check_window
    return WaveRun(part.sites, waves, report.print_line, gate, part.before)


def print_rollout(
    app: App, flags: Flags, report: Report, verb: str, run: WaveRun, results: Sequence[SiteResult]
) -> Exit:
    """Print the results of a run in waves, and why it stopped; return the exit code."""
    code = print_results(app, flags, report, verb, results, flags.detail, stopped=run.is_stopped)
    if run.describe_closed():
        report.print_line(run.describe_closed(), "cyan")
    stopped = run.describe_stop()
    run.file.end(results, RunEnd(format_now(), code, stopped))
    if stopped:
        app.reports.note_error(stopped)
        again = f" with --resume {run.file.path}" if run.file.path else ""
        report.print_line(f"{stopped}\ncorrect the cause and run again{again}", "red")
    elif code != Exit.OK and run.file.path:
        what = "--retry-failed takes only the sites that failed"
        report.print_line(f"run file: {run.file.path}; {what}", "cyan")
    return code


def report_broken(selected: Selected, error: Exception) -> SiteResult:
    """Return the result of a site whose work ended in an unexpected exception."""
    return summarize(report_broken_plan(selected, "plan", error))


def report_broken_plan(selected: Selected, verb: Verb, error: Exception) -> SitePlan:
    """Return the plan of a site whose planning ended in an unexpected exception.

    The text of the exception goes to the log only, because it may quote an answer of a target.
    """
    name = selected.site.name
    progress.log.debug("unexpected error at %s", name, exc_info=error)
    message = f"error in Banstitch: {type(error).__name__}"
    remedy = "changes may be incomplete: run plan; run with -vvv and report the traceback"
    text = str(error) if isinstance(error, BanstitchError) else f"{message}\n{remedy}"
    host = TargetPlan(name, "linux", "failed", error=text)
    if isinstance(error, WorkerDied):
        unknown = (TargetPlan(f.name, "fortios", "failed", error=text) for f in selected.fortigates)
        return SitePlan(name, verb, (*((host,) if selected.linux else ()), *unknown))
    left = f"left alone: {name} failed"
    others = (TargetPlan(f.name, "fortios", "skipped", error=left) for f in selected.fortigates)
    return SitePlan(name, verb, (host, *others))


def print_results(
    app: App,
    flags: Flags,
    report: Report,
    verb: str,
    results: Sequence[SiteResult],
    detail: Detail,
    interrupted: bool = False,
    stopped: bool = False,
) -> Exit:
    """Print the results as lines or as the JSON document, and return the exit code."""
    code = app.stop.code if interrupted else exit_code(results)
    if stopped and code == Exit.OK:  # nothing has failed, but nothing was tried either
        code = Exit.FAILED
    app.reports.keep(verb, results)
    if flags.json:
        write_json(sys.stdout.write, verb, code, results, app.secrets)
    else:
        report.print_sites(results, detail)
        report.print_summary(results)
    return code
