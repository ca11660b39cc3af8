"""The command line: Ansible's letters, our verbs, and the exit codes that scripts rely on.

`engine` is imported by the verbs that connect: it brings netmiko, which `--help` and `check` do not need.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import click

from provision.cli import operate
from provision.cli.options import (
    App,
    Flags,
    adopt,
    assumed,
    broken,
    broken_plan,
    chosen_sites,
    common,
    forget,
    must_be_asked,
    new_job,
    new_report,
    over,
    tell,
    untouched,
    yes,
)
from provision.cli.report.console import Report
from provision.cli.report.json_document import write_json
from provision.cli.streams import hang_up_as_interrupt, sheltered
from provision.desired import collect
from provision.desired.export import render as render_to
from provision.desired.export import to_be_placed
from provision.engine import parallel, progress
from provision.engine.run import Job
from provision.errors import BanstitchError, InputError, spell_count
from provision.fortios.config.versions import Version, format_version
from provision.masking import Secrets, escape
from provision.plan import SitePlan, Verb
from provision.results import Exit, SiteResult, summarise
from provision.sites.builder import Play


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """Deploy, verify and remove the loop FortiGate -> webhook -> fail2ban -> threat feed."""


@cli.command()
@common
@assumed
def check(app: App, flags: Flags, fortios: Version) -> Exit:
    """Check the inventory and all it renders; contacts nobody."""
    chosen = list(chosen_sites(app, flags, connect=False).values())
    collect.render_all(chosen, app.plays, fortios)
    if flags.json:
        write_json(sys.stdout.write, "check", Exit.OK, untouched(chosen), app.secrets)
    else:
        units = spell_count(sum(len(selected.fortigates) for selected in chosen), "FortiGate")
        click.echo(
            f"ok: {spell_count(len(chosen), 'site')}, {units}, as FortiOS {format_version(fortios)}"
        )
    return Exit.OK


@cli.command()
@common
@assumed
@click.argument("directory", type=click.Path(path_type=Path))
def render(app: App, flags: Flags, fortios: Version, directory: Path) -> Exit:
    """Write every file and CLI block into DIRECTORY, as it would be deployed; contacts nobody."""
    chosen = list(chosen_sites(app, flags, connect=False).values())
    written = [path for each in chosen for path in render_to(each, app.plays, directory, fortios)]
    if flags.json:
        write_json(sys.stdout.write, "render", Exit.OK, untouched(chosen), app.secrets)
    else:
        click.echo("\n".join(str(path) for path in written))
        if any(selected.fortigates for selected in chosen):
            click.echo(f"the CLI of FortiGates is that of FortiOS {format_version(fortios)}")
        for path, place in to_be_placed(written):
            click.echo(f"{path}: a pasted {place} goes to the end; move it to the top by hand")
    return Exit.OK


@cli.command()
@common
@adopt
def plan(app: App, flags: Flags, adopt: bool) -> Exit:
    """Show what apply would change; changes nothing."""
    return _look(app, flags, "plan", adopt=adopt)


@cli.command()
@common
@adopt
@forget
@yes
@click.option("-C", "--check", is_flag=True, help="The same as plan.")
def apply(
    app: App, flags: Flags, adopt: bool, forget: tuple[str, ...], yes: bool, check: bool
) -> Exit:
    """Bring every target to what the inventory says."""
    if check:
        return _look(app, flags, "plan", adopt=adopt, forget=forget)
    return _change(app, flags, "apply", yes, adopt=adopt, forget=forget)


@cli.command()
@common
def verify(app: App, flags: Flags) -> Exit:
    """Check that nothing differs and that the loop works, with a synthetic event."""
    return _look(app, flags, "verify")


@cli.command()
@common
@forget
@yes
@click.option("--keep-packages", is_flag=True, help="Leave the packages that were installed.")
@click.option("--purge-data", is_flag=True, help="Remove bans and logs as well.")
def teardown(
    app: App,
    flags: Flags,
    forget: tuple[str, ...],
    yes: bool,
    keep_packages: bool,
    purge_data: bool,
) -> Exit:
    """Remove what was deployed and bring back what was there before."""
    options = {"keep_packages": keep_packages, "purge_data": purge_data, "forget": forget}
    return _change(app, flags, "teardown", yes, **options)


for verb in operate.VERBS:
    cli.add_command(verb)


def _look(app: App, flags: Flags, verb: Verb, **options: Any) -> Exit:
    report = new_report(app, flags)
    job = _job(app, flags, verb, **options)
    planned = _planned(app, flags, report, job)
    return tell(app, flags, report, verb, list(map(summarise, planned)), flags.plan_detail)


def _job(app: App, flags: Flags, verb: Verb, **options: Any) -> Job:
    """Return the job; a template at fault is found before anybody is contacted."""
    chosen = chosen_sites(app, flags, connect=True)
    collect.render_all(list(chosen.values()), app.plays)
    return new_job(app, flags, verb, chosen, **options)


def _planned(app: App, flags: Flags, report: Report, job: Job) -> list[SitePlan]:
    from provision.engine import site

    def plan(name: str) -> SitePlan:
        return site.plan_site(name, job, report, app.secrets, app.codes)

    def failed(name: str, error: Exception) -> SitePlan:
        return broken_plan(job.sites[name], job.verb, error)

    return over(app, flags, report, job.verb, list(job.sites), plan, failed)


def _change(app: App, flags: Flags, verb: Verb, yes: bool, **options: Any) -> Exit:
    from provision.engine import site

    must_be_asked(verb, yes)
    report = new_report(app, flags)
    job = _job(app, flags, verb, **options)
    planned = _planned(app, flags, report, job)
    if not yes and any(target.changes for plan in planned for target in plan.targets):
        shown = list(map(summarise, planned))
        report.sites(shown, flags.plan_detail)
        report.summary(shown)
        if app.output.error:  # nobody may approve a plan that was not printed
            return Exit.FAILED
        if not click.confirm(f"\n{verb}?", err=True):
            click.echo("nothing was changed", err=True)
            if flags.json:
                write_json(sys.stdout.write, verb, Exit.OK, shown, app.secrets)
            return Exit.OK

    def apply(approved: SitePlan) -> SiteResult:
        return site.apply_site(approved.name, job, approved, report, app.secrets, app.codes)

    def failed(approved: SitePlan, error: Exception) -> SiteResult:
        return broken(job.sites[approved.name], error)

    changed = over(app, flags, report, verb, planned, apply, failed)
    return tell(app, flags, report, verb, changed, flags.detail)


def _log(secrets: Secrets) -> None:
    """Send logs to standard error once the options ask for them (-vvv).

    They quote what a target has sent, so they are masked and what would steer a terminal is spelt out.
    What paramiko logs as an error is a traceback of its own thread; the error itself is raised as well.
    """

    class Masked(logging.Formatter):
        def format(self, record: logging.LogRecord) -> str:
            return escape(secrets.mask(super().format(record)))

    handler = logging.StreamHandler()
    handler.setFormatter(Masked("%(name)s: %(message)s"))
    handler.addFilter(
        lambda record: record.name.partition(".")[0] != "paramiko" or record.levelno < logging.ERROR
    )
    logging.basicConfig(level=logging.CRITICAL + 1, handlers=[handler], force=True)


def main(load_plays: Callable[[], tuple[Play, ...]], argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code; print one line for each error.

    ``load_plays`` imports the roles. It is called by the verbs that need them, and not by `--help`.
    """
    with sheltered() as output, hang_up_as_interrupt():
        secrets = Secrets()
        _log(secrets)
        say = secrets.masking(lambda text: click.echo(escape(text), err=True))
        if output.closed:
            say("standard output is closed: nothing was done; redirect it to a file or /dev/null")
            return Exit.FAILED
        arguments = list(sys.argv[1:] if argv is None else argv)
        code = _run(App(load_plays, secrets, output), arguments, say)
        if output.error is None:
            return code
        if not isinstance(output.error, BrokenPipeError):
            why = output.error.strerror
            say(f"cannot write to standard output: {why}; write it elsewhere and run again")
        return Exit.FAILED


def _run(app: App, arguments: list[str], say: Callable[[str], object]) -> int:
    """Run the verb of ``arguments`` and return its exit code."""
    try:
        return int(cast(Exit, cli.main(arguments, obj=app, standalone_mode=False) or 0))
    except (InputError, click.ClickException) as error:
        said = error.format_message() if isinstance(error, click.ClickException) else str(error)
        say(said)
        if "--json" in arguments:
            verb = next((each for each in arguments if each in cli.commands), "")
            write_json(sys.stdout.write, verb, Exit.USAGE, (), app.secrets)
        return Exit.USAGE
    except (parallel.Interrupted, KeyboardInterrupt, click.Abort):
        say("interrupted: run again for what was not begun")
        return Exit.INTERRUPTED
    except BanstitchError as error:
        say(str(error))
        return Exit.FAILED
    except Exception as error:  # noqa: BLE001 - no traceback reaches an operator unasked
        say(f"error in Banstitch: {type(error).__name__}: {error}; -vvv shows where")
        progress.log.debug("unexpected error", exc_info=error)
        return Exit.FAILED
