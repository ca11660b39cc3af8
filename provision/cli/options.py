"""The options of the command line, and the values that every verb receives."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast, get_args

import click

from provision.cli import ask_token
from provision.cli.report.outputs import Form, Reports, Wanted
from provision.engine.fleet.executors.workers import THIS_PROCESS, Workers
from provision.engine.fleet.waves import ALL, Waves, parse_share, parse_waves
from provision.errors import InputError, Problem
from provision.fortios.config.versions import (
    NEWEST,
    Version,
    explain_refusal,
    format_version,
    read_version,
)
from provision.inventory import PLAYBOOK
from provision.ssh.routing.hops import Hops

if TYPE_CHECKING:
    from provision.cli.report.console import Detail
    from provision.cli.streams import Output, Stop
    from provision.masking import Secrets
    from provision.sites.site import Play
    from provision.ssh.prompts import Codes


@dataclass(frozen=True)
class App:
    """The parts of the process that every verb uses."""

    load_plays: Callable[[], tuple[Play, ...]]
    secrets: Secrets
    output: Output
    reports: Reports
    stop: Stop
    codes: Codes | None = None
    hops: Hops | None = None
    workers: Workers = THIS_PROCESS

    @cached_property
    def plays(self) -> tuple[Play, ...]:
        """Return the plays of ``site.py``; import their roles at the first use.

        Raises:
            InputError: ``site.py`` names a role that does not exist.
        """
        try:
            return self.load_plays()
        except ImportError as error:
            remedy = "correct the roles in load_plays()"
            raise InputError([Problem("site.py", 0, str(error), remedy)]) from error


@dataclass(frozen=True)
class Flags:
    """The options that nearly every verb has."""

    inventory: tuple[str, ...] = ("inventory",)
    playbook_dir: Path = PLAYBOOK
    limit: str = ""
    extra_vars: tuple[str, ...] = ()
    vault_ids: tuple[str, ...] = ()
    vault_password_files: tuple[str, ...] = ()
    ask_vault_pass: bool = False
    forks: int = 5
    diff: bool = False
    verbose: int = 0
    json: bool = False
    accept_new_host_keys: bool = False
    ask_token: bool = False
    report: tuple[Wanted, ...] = ()
    list_hosts: bool = False
    list_sites: bool = False

    @property
    def detail(self) -> Detail:
        """Return how much to print of the changes that were made."""
        return "everything" if self.diff else "names"

    @property
    def plan_detail(self) -> Detail:
        """Return how much to print of a plan."""
        return "everything" if self.diff else "plan"


def add_common_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of :class:`Flags` to a verb, and pass them as one value."""
    return _add_options(command, _COMMON)


def add_printing_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of :class:`Flags` that concern only the output, and pass them as one value."""
    names = ("diff", "json", "report")
    return _add_options(command, [option for option in _COMMON if option.name in names])


def add_options_without_report(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of a verb that has no results of targets to report."""
    return _add_options(command, [option for option in _COMMON if option.name != "report"])


def _add_options(
    command: Callable[..., Any], options: Sequence[click.Option]
) -> Callable[..., Any]:
    """Add ``options``, which all verbs share, because to build them anew would take `--help` a while."""

    def call(context: click.Context, **values: Any) -> Any:
        flags = Flags(**{name: values.pop(name) for name in (str(each.name) for each in options)})
        if flags.verbose >= 3:
            logging.getLogger().setLevel(logging.DEBUG)
        if flags.list_hosts or flags.list_sites:
            from provision.cli.offline.listing import list_chosen

            return list_chosen(context.obj, flags, context.info_name or "", values)
        context.obj.reports.open(context.info_name, flags.report, _list_files(flags, values))
        with Hops() as hops, ask_token.open_codes(flags.ask_token) as codes:
            return command(replace(context.obj, codes=codes, hops=hops), flags, **values)

    call.__name__, call.__doc__ = command.__name__, command.__doc__
    own = getattr(command, "__click_params__", [])
    call.__click_params__ = [*own, *reversed(options)]  # type: ignore[attr-defined]
    return click.pass_context(call)


# Options that name a run file, and can be given without a name.
_RUN_FILES = ("resume", "retry_failed")


def _list_files(flags: Flags, values: Mapping[str, Any]) -> Iterator[Path]:
    """Yield the files that the options of a verb name, apart from reports."""
    yield from map(Path, [*flags.inventory, *flags.vault_password_files])
    for name, value in values.items():
        for each in value if isinstance(value, tuple) else (value,):
            if isinstance(each, Path) or (name in _RUN_FILES and each is not None):
                yield Path(each)


class _ReportType(click.ParamType[Wanted]):
    """``FORM:PATH``, the form and the file of a report."""

    name = "report"

    def convert(self, value: Any, param: click.Parameter | None, context: Any) -> Wanted:
        form, _, path = str(value).partition(":")
        if form not in get_args(Form) or not path:
            self.fail(
                f"must be junit:PATH, markdown:PATH or json:PATH (got {value})", param, context
            )
        return Wanted(cast(Form, form), Path(path))


_DEFAULTS = Flags()


class NamedPath(click.Path):
    """A path that must not be empty: an empty one would be the current folder."""

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if value == "":
            self.fail("must not be empty; name a file or a folder", param, ctx)
        return super().convert(value, param, ctx)


_COMMON = (
    click.Option(["-i", "--inventory"], multiple=True, metavar="SOURCE", default=_DEFAULTS.inventory,
                 show_default=True,
                 help="Inventory file, directory or script, or hosts with commas: host1,host2 or host1,."
                      " May be repeated."),
    click.Option(["--playbook-dir"], type=NamedPath(), default=PLAYBOOK, metavar="DIR",
                 help="Directory with the playbook's group_vars/ and host_vars/. Default: that of site.py."),
    click.Option(["-l", "--limit"], default="", metavar="PATTERN",
                 help="Only these hosts: names, groups or globs; a:b for both, !c to exclude."),
    click.Option(["--list-hosts"], is_flag=True, help="Only print the hosts that would be contacted."),
    click.Option(["--list-sites"], is_flag=True, help="Only print the sites that would be contacted."),
    click.Option(["-e", "--extra-vars"], multiple=True, metavar="KEY=VALUE|@FILE",
                 help="Set a variable with the highest precedence. May be repeated."),
    click.Option(["--vault-id", "vault_ids"], multiple=True, metavar="[ID@]FILE|[ID@]prompt",
                 help="Where to get a vault password: a file, a program, or prompt. May be repeated."),
    click.Option(["--vault-password-file", "--vault-pass-file", "vault_password_files"], multiple=True,
                 metavar="FILE",
                 help="File that holds a vault password, or a program that prints it. May be repeated."),
    click.Option(["-J", "--ask-vault-pass", "--ask-vault-password", "ask_vault_pass"], is_flag=True,
                 help="Ask for a vault password on the terminal."),
    click.Option(["-f", "--forks"], type=click.IntRange(1, 500), default=_DEFAULTS.forks,
                 metavar="N", show_default=True, help="Number of sites to process in parallel."),
    click.Option(["-D", "--diff"], is_flag=True, help="Print each change with its complete diff."),
    click.Option(["-v", "--verbose"], count=True,
                 help="Print more; -vvv adds the logs of the SSH libraries."),
    click.Option(["--report"], multiple=True, type=_ReportType(), metavar="FORM:PATH",
                 help="Write a report to PATH as well: junit, markdown or json. May be repeated."),
    click.Option(["--json"], is_flag=True, help="Print one JSON document to standard output."),
    click.Option(["--accept-new-host-keys"], is_flag=True,
                 help="Add unknown host keys to known_hosts. Changed keys are always refused."),
    click.Option(["--ask-token"], is_flag=True,
                 help="Ask on the terminal for one-time codes, once for each host that requires one."),
)  # fmt: skip

adopt_option = click.option(
    "--adopt",
    is_flag=True,
    help="Take over existing objects that Banstitch did not create; teardown restores them.",
)


def _read_version(_: click.Context, __: click.Parameter, text: str) -> Version:
    try:
        version = read_version(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None
    if explain_refusal(version):
        raise click.BadParameter(explain_refusal(version))
    return version


fortios_option = click.option(
    "--fortios",
    default=format_version(NEWEST),
    show_default=True,
    metavar="VERSION",
    callback=_read_version,
    help="FortiOS version to assume.",
)
forget_option = click.option(
    "--forget", multiple=True, metavar="FORTIGATE",
    help="Drop the record of a FortiGate that no longer exists. May be repeated.",
)  # fmt: skip
why_option = click.option(
    "--why", default="by hand", show_default=True, help="Reason to record in the audit."
)


class ParsedType(click.ParamType[Any]):
    """An option that ``parse`` reads; its ValueError is an error of the command line."""

    def __init__(self, name: str, parse: Callable[[str], Any]) -> None:
        self.name, self._parse = name, parse

    def convert(self, value: Any, param: click.Parameter | None, context: Any) -> Any:
        try:
            return self._parse(value) if isinstance(value, str) else value
        except ValueError as error:
            self.fail(str(error), param, context)


_WAVES = (
    click.option(
        "--waves", type=ParsedType("waves", parse_waves), metavar="SHARES",
        help="Change the sites in waves, such as 1,10%,100%; a wave that fails stops the next.",
    ),
    click.option(
        "--max-fail", type=ParsedType("share", parse_share), metavar="N|P%",
        help="Begin no other site once more than N sites, or P% of all, have failed in the run.",
    ),
)  # fmt: skip


def add_wave_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of a rollout, which become the argument ``waves``."""

    @wraps(command)
    def call(*arguments: Any, waves: Any, max_fail: Any, **values: Any) -> Any:
        chosen = Waves(waves or (ALL,), max_fail, is_default=waves is None)
        return command(*arguments, waves=chosen, **values)

    for option in reversed(_WAVES):
        call = option(call)
    return call


now_option = click.option(
    "--now", is_flag=True, help="Change sites outside of their site_window, too."
)
yes_option = click.option("-y", "--yes", is_flag=True, help="Do not ask before making changes.")
