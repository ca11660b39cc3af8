"""What every verb of the command line shares: its options, whom it is about, and how it tells."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import click

from provision.cli import ask_token
from provision.cli.report.console import Detail, Report
from provision.cli.report.json_document import write_json
from provision.cli.streams import Output
from provision.engine import parallel, progress
from provision.engine.run import Job, Run
from provision.errors import InputError, Problem
from provision.fortios.config.versions import (
    NEWEST,
    Version,
    explain_refusal,
    format_version,
    read_version,
)
from provision.inventory.expressions import PLAYBOOK
from provision.inventory.loader import find_folder
from provision.masking import Secrets, escape
from provision.plan import SitePlan, TargetPlan, Verb
from provision.results import Exit, SiteResult, exit_code, summarise
from provision.sites.builder import Play, Selected
from provision.sites.selection import Choice, ChosenSites, read_sites
from provision.ssh import known_hosts
from provision.ssh.connection import Access
from provision.ssh.login import Login
from provision.ssh.prompts import Codes

Work = TypeVar("Work")
Done = TypeVar("Done", SiteResult, SitePlan)

STOPPING = "Ctrl-C: what has been begun is being finished, no more is begun"


@dataclass(frozen=True)
class Flags:
    """The flags that every verb has."""

    inventory: tuple[str, ...]
    playbook_dir: Path
    limit: str
    extra_vars: tuple[str, ...]
    forks: int
    diff: bool
    verbose: int
    json: bool
    accept_new_host_keys: bool
    ask_token: bool

    @property
    def detail(self) -> Detail:
        """Return what to print of the changes that were made."""
        return "everything" if self.diff else "names"

    @property
    def plan_detail(self) -> Detail:
        """Return what to print of a plan."""
        return "everything" if self.diff else "plan"


def common(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of :class:`Flags`, and one value for all of them."""

    def wrapped(context: click.Context, **values: Any) -> Any:
        names = Flags.__dataclass_fields__
        flags = Flags(**{name: values.pop(name) for name in names})
        if flags.verbose >= 3:
            logging.getLogger().setLevel(logging.DEBUG)
        with ask_token.codes(flags.ask_token) as codes:
            return command(replace(context.obj, codes=codes), flags, **values)

    wrapped.__name__, wrapped.__doc__ = command.__name__, command.__doc__
    wrapped.__click_params__ = getattr(command, "__click_params__", [])  # type: ignore[attr-defined]
    for option in reversed(_COMMON):
        wrapped = option(wrapped)
    return click.pass_context(wrapped)


_COMMON = (
    click.option("-i", "--inventory", multiple=True, metavar="SOURCE", default=("inventory",),
                 show_default=True, help="Inventory file, directory or script, or host1,host2,; repeatable."),
    click.option("--playbook-dir", type=click.Path(path_type=Path), default=PLAYBOOK, metavar="DIR",
                 help="Where group_vars/ and host_vars/ of a playbook lie; default: beside site.py."),
    click.option("-l", "--limit", default="", help="Only these hosts: names, groups, globs, a:b, !c."),
    click.option("-e", "--extra-vars", multiple=True, metavar="KEY=VALUE|@FILE",
                 help="A variable that beats all others; repeatable."),
    click.option("-f", "--forks", type=click.IntRange(1, 500), default=5, show_default=True,
                 help="Sites at work at the same time."),
    click.option("-D", "--diff", is_flag=True, help="Print each change with its whole diff."),
    click.option("-v", "--verbose", count=True, help="Say more; -vvv also the SSH libraries' logs."),
    click.option("--json", is_flag=True, help="One JSON document on standard output."),
    click.option("--accept-new-host-keys", is_flag=True,
                 help="Add unknown host keys to known_hosts; changed keys are always refused."),
    click.option("--ask-token", is_flag=True,
                 help="Ask on the terminal for the code of a token, once for each target that wants one."),
)  # fmt: skip

adopt = click.option(
    "--adopt",
    is_flag=True,
    help="Take over objects that exist and are not ours; teardown restores them.",
)


def _version(_: click.Context, __: click.Parameter, text: str) -> Version:
    try:
        version = read_version(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None
    if explain_refusal(version):
        raise click.BadParameter(explain_refusal(version))
    return version


assumed = click.option(
    "--fortios",
    default=format_version(NEWEST),
    show_default=True,
    metavar="VERSION",
    callback=_version,
    help="The version that FortiGates are taken to have.",
)
forget = click.option(
    "--forget", multiple=True, metavar="FORTIGATE",
    help="A FortiGate that is gone for good: drop what is remembered of it; repeatable.",
)  # fmt: skip
yes = click.option("-y", "--yes", is_flag=True, help="Do not ask before changing.")


@dataclass(frozen=True)
class App:
    """What the process gives to every verb."""

    load_plays: Callable[[], tuple[Play, ...]]
    secrets: Secrets
    output: Output
    codes: Codes | None = None

    @cached_property
    def plays(self) -> tuple[Play, ...]:
        """Return the plays of ``site.py``, whose roles are imported at the first use.

        Raises:
            InputError: ``site.py`` names a role that does not exist.
        """
        try:
            return self.load_plays()
        except ImportError as error:
            instead = "correct the roles in load_plays()"
            raise InputError([Problem("site.py", 0, str(error), instead)]) from error


def chosen_sites(app: App, flags: Flags, connect: bool) -> ChosenSites:
    """Return the sites that the limit leaves, by name; ``connect``: every password must be there.

    Raises:
        InputError: everything that is wrong with the inventory, the extra variables and the limit.
    """
    choice = Choice(flags.inventory, flags.extra_vars, flags.limit or "all", flags.playbook_dir)
    chosen = read_sites(choice, app.plays, app.secrets)
    logins = [t.login for s in chosen.values() for t in s.fortigates]
    logins += [selected.site.ban_host.login for selected in chosen.values()]
    unset = [problem for login in logins for problem in login.unset]
    if unset and connect:
        raise InputError(unset)
    skipped = _skipped_lines(flags, logins) if connect else []
    unused = [warning for login in logins for warning in login.warnings]
    for warning in dict.fromkeys([*chosen.warnings, *unset, *unused, *skipped]):
        click.echo(escape(app.secrets.mask(f"warning: {warning}"), but=""), err=True)
    return chosen


def _skipped_lines(flags: Flags, logins: Sequence[Login]) -> list[Problem]:
    files = (_known_hosts(flags), *known_hosts.list_openssh_files())
    return known_hosts.list_warnings(files, {(login.address, login.port) for login in logins})


def new_run(app: App, flags: Flags, verb: Verb, report: Report, **options: Any) -> Run:
    """What is the same for every site."""
    access = Access(
        _known_hosts(flags),
        flags.accept_new_host_keys,
        report.line,
        known_hosts.list_openssh_files(),
        app.codes,
    )
    return Run(verb, app.plays, access, app.secrets, report, **options)


def new_report(app: App, flags: Flags) -> Report:
    """On standard output, or on standard error where the JSON document needs the former."""
    stream = sys.stderr if flags.json else sys.stdout
    return Report(app.secrets, stream, live=not flags.verbose, verbose=flags.verbose)


def must_be_asked(verb: str, yes: bool) -> None:
    """A verb that asks needs somebody who answers.

    Raises:
        InputError: there is no terminal, and -y was not given.
    """
    if not yes and not sys.stdin.isatty():
        raise InputError([Problem("", 0, f"{verb} asks before it changes anything", "give -y")])


def new_job(app: App, flags: Flags, verb: Verb, chosen: ChosenSites, **options: Any) -> Job:
    """Return what ``verb`` is to do at the ``chosen`` sites, as a value."""
    return Job(
        verb,
        app.plays,
        chosen,
        _known_hosts(flags),
        flags.accept_new_host_keys,
        **options,
    )


def _known_hosts(flags: Flags) -> Path:
    """Return the file of host keys, which lies beside the first inventory source."""
    return find_folder(flags.inventory[0]) / "known_hosts"


def over(
    app: App,
    flags: Flags,
    report: Report,
    verb: str,
    work: Sequence[Work],
    do: Callable[[Work], Done],
    failed: Callable[[Work, Exception], Done],
) -> list[Done]:
    """Do each of ``work``, which is at one site each; ``failed`` is what comes of one that broke.

    Raises:
        Interrupted: on Ctrl-C, after what came of the finished sites has been told.
    """

    def stopping() -> None:
        report.line(STOPPING, "yellow")
        if app.codes:
            app.codes.stop()

    def meanwhile() -> None:
        if app.codes:
            ask_token.answer(app.codes, report, app.secrets)

    try:
        with report:
            return parallel.over(work, do, flags.forks, stopping, failed, meanwhile)
    except parallel.Interrupted as stop:
        finished = [
            summarise(each) if isinstance(each, SitePlan) else each for each in stop.finished
        ]
        tell(app, flags, report, verb, finished, flags.detail, interrupted=True)
        raise


def broken(selected: Selected, error: Exception) -> SiteResult:
    """Return the result of a site whose work ended in an exception that nobody foresaw."""
    return summarise(broken_plan(selected, "plan", error))


def broken_plan(selected: Selected, verb: Verb, error: Exception) -> SitePlan:
    """Return the plan of a site whose planning ended in an exception that nobody foresaw.

    The text of the exception stays in the log: it may quote what a target has answered.
    """
    name = selected.site.name
    progress.log.debug("unexpected error at %s", name, exc_info=error)
    what = f"error in Banstitch: {type(error).__name__}"
    remedy = "-vvv shows where; what was begun there may be half done: run plan to see"
    host = TargetPlan(name, "linux", "failed", error=f"{what}\n{remedy}")
    left = f"left alone: {name} failed"
    others = (TargetPlan(f.name, "fortios", "skipped", error=left) for f in selected.fortigates)
    return SitePlan(name, verb, (host, *others))


def tell(
    app: App,
    flags: Flags,
    report: Report,
    verb: str,
    results: Sequence[SiteResult],
    detail: Detail,
    interrupted: bool = False,
) -> Exit:
    """Say what came of the run, as lines or as the JSON document, and give its exit code."""
    code = exit_code(results, interrupted)
    if flags.json:
        write_json(sys.stdout.write, verb, code, results, app.secrets)
    else:
        report.sites(results, detail)
        report.summary(results)
    return code


def untouched(chosen: Sequence[Selected]) -> list[SiteResult]:
    """Results of a verb that contacts nobody."""
    return [SiteResult(selected.site.name, ()) for selected in chosen]
