"""The command line: Ansible's letters, our verbs, and the exit codes that scripts rely on."""

from __future__ import annotations

import logging
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import click

from provision import desired, engine, fleet, inventory, patterns, ssh
from provision.errors import BanstitchError, Fault, InputError
from provision.render import render as render_to
from provision.report import Report, write_json
from provision.results import Exit, SiteResult, exit_code
from provision.secrets import Secrets
from provision.sites import Play, Selected, Site, limit, sites


@dataclass(frozen=True)
class Flags:
    """The flags that every verb has."""

    inventory: Path
    limit: str
    extra_vars: tuple[str, ...]
    forks: int
    diff: bool
    verbose: int
    json: bool
    accept_new_host_keys: bool


def common(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of :class:`Flags`, and one value for all of them."""

    def wrapped(context: click.Context, **values: Any) -> Any:
        names = Flags.__dataclass_fields__
        flags = Flags(**{name: values.pop(name) for name in names})
        return command(context.obj, flags, **values)

    wrapped.__name__, wrapped.__doc__ = command.__name__, command.__doc__
    wrapped.__click_params__ = getattr(command, "__click_params__", [])  # type: ignore[attr-defined]
    for option in reversed(_COMMON):
        wrapped = option(wrapped)
    return click.pass_context(wrapped)


_COMMON = (
    click.option("-i", "--inventory", type=click.Path(path_type=Path), default=Path("inventory"),
                 show_default=True, help="Inventory file, or directory with hosts.yml."),
    click.option("-l", "--limit", default="", help="Only these hosts: names, groups, globs, a:b, !c."),
    click.option("-e", "--extra-vars", multiple=True, metavar="KEY=VALUE|@FILE",
                 help="A variable that beats all others; repeatable."),
    click.option("-f", "--forks", type=click.IntRange(1, 500), default=5, show_default=True,
                 help="Sites at work at the same time."),
    click.option("-D", "--diff", is_flag=True, help="Show what changes as a diff."),
    click.option("-v", "--verbose", count=True, help="Say more; -vvv also the SSH libraries' logs."),
    click.option("--json", is_flag=True, help="One JSON document on standard output."),
    click.option("--accept-new-host-keys", is_flag=True,
                 help="Add unknown host keys to known_hosts; changed keys are always refused."),
)  # fmt: skip

adopt = click.option(
    "--adopt",
    is_flag=True,
    help="Take over objects that exist and are not ours; teardown restores them.",
)
yes = click.option("-y", "--yes", is_flag=True, help="Do not ask before changing.")


@dataclass(frozen=True)
class App:
    """What the process gives to every verb."""

    plays: tuple[Play, ...]
    secrets: Secrets


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """Deploy, verify and remove the loop FortiGate -> webhook -> fail2ban -> threat feed."""


@cli.command()
@common
def check(app: App, flags: Flags) -> Exit:
    """Check the inventory and all it renders; contacts nobody."""
    chosen = _chosen(app, flags, connect=False)
    for selected in chosen:
        desired.everything(selected, app.plays)
    if flags.json:
        write_json(sys.stdout.write, "check", Exit.OK, _untouched(chosen), app.secrets)
    else:
        units = sum(len(selected.fortigates) for selected in chosen)
        click.echo(f"ok: {len(chosen)} sites, {units} FortiGates")
    return Exit.OK


@cli.command()
@common
@click.argument("directory", type=click.Path(path_type=Path))
def render(app: App, flags: Flags, directory: Path) -> Exit:
    """Write every file and CLI block into DIRECTORY, as it would be deployed; contacts nobody."""
    chosen = _chosen(app, flags, connect=False)
    written = [path for selected in chosen for path in render_to(selected, app.plays, directory)]
    if flags.json:
        write_json(sys.stdout.write, "render", Exit.OK, _untouched(chosen), app.secrets)
    else:
        click.echo("\n".join(str(path) for path in written))
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
@yes
@click.option("-C", "--check", is_flag=True, help="The same as plan.")
def apply(app: App, flags: Flags, adopt: bool, yes: bool, check: bool) -> Exit:
    """Bring every target to what the inventory says."""
    if check:
        return _look(app, flags, "plan", adopt=adopt)
    return _change(app, flags, "apply", yes, adopt=adopt)


@cli.command()
@common
def verify(app: App, flags: Flags) -> Exit:
    """Check that nothing differs and that the loop works, with a synthetic event."""
    return _look(app, flags, "verify")


@cli.command()
@common
@yes
@click.option("--keep-packages", is_flag=True, help="Leave the packages that were installed.")
@click.option("--purge-data", is_flag=True, help="Remove bans and logs as well.")
def teardown(app: App, flags: Flags, yes: bool, keep_packages: bool, purge_data: bool) -> Exit:
    """Remove what was deployed and bring back what was there before."""
    return _change(app, flags, "teardown", yes, keep_packages=keep_packages, purge_data=purge_data)


def _chosen(app: App, flags: Flags, connect: bool) -> tuple[Selected, ...]:
    """The sites of the inventory that the limit leaves; ``connect``: every password must be there.

    Raises:
        InputError: everything that is wrong with the inventory, the extra variables and the limit.
    """
    loaded = inventory.load(flags.inventory, flags.extra_vars)
    found: tuple[Site, ...] = sites(loaded, app.plays, app.secrets)
    hosts = patterns.select(loaded, flags.limit or "all")
    chosen = limit(found, hosts)
    if not chosen:
        what = f"--limit {flags.limit}: no ban host and no FortiGate is among these hosts"
        raise InputError([Fault("", 0, what, "see ban_hosts and fortigates in the inventory")])
    logins = [t.login for s in chosen for t in s.fortigates]
    logins += [selected.site.ban_host.login for selected in chosen]
    unset = [fault for login in logins for fault in login.unset]
    if unset and connect:
        raise InputError(unset)
    for warning in dict.fromkeys([*loaded.warnings, *unset]):
        click.echo(app.secrets.mask(f"warning: {warning}"), err=True)
    return chosen


def _run(app: App, flags: Flags, verb: engine.Verb, report: Report, **options: bool) -> engine.Run:
    folder = flags.inventory if flags.inventory.is_dir() else flags.inventory.parent
    policy = ssh.HostKeyPolicy(folder / "known_hosts", flags.accept_new_host_keys)
    return engine.Run(verb, app.plays, policy, app.secrets, report, **options)


def _look(app: App, flags: Flags, verb: engine.Verb, **options: bool) -> Exit:
    chosen = _chosen(app, flags, connect=True)
    report = _report(app, flags)
    run = _run(app, flags, verb, report, **options)
    runs = [engine.SiteRun(run, selected) for selected in chosen]
    with report:
        found = fleet.over(runs, lambda one: _looked(one, verb), flags.forks)
    return _tell(app, flags, report, verb, found, diffs=True)


def _looked(one: engine.SiteRun, verb: engine.Verb) -> SiteResult:
    found = one.plan()
    return one.drill() if verb == "verify" else found


def _change(app: App, flags: Flags, verb: engine.Verb, yes: bool, **options: bool) -> Exit:
    if not yes and not sys.stdin.isatty():
        raise InputError([Fault("", 0, f"{verb} asks before it changes anything", "give -y")])
    chosen = _chosen(app, flags, connect=True)
    report = _report(app, flags)
    run = _run(app, flags, verb, report, **options)
    runs = [engine.SiteRun(run, selected) for selected in chosen]
    with report:
        planned = fleet.over(runs, engine.SiteRun.plan, flags.forks)
    if not yes and any(target.changes for site in planned for target in site.targets):
        report.sites(planned, diffs=True)
        if not click.confirm(f"\n{verb}?", err=True):
            click.echo("nothing was changed", err=True)
            return Exit.OK
    with report:
        changed = fleet.over(runs, engine.SiteRun.carry_out, flags.forks)
    return _tell(app, flags, report, verb, changed, flags.diff)


def _report(app: App, flags: Flags) -> Report:
    stream = sys.stderr if flags.json else sys.stdout
    return Report(app.secrets, stream, live=not flags.verbose, verbose=flags.verbose)


def _tell(
    app: App, flags: Flags, report: Report, verb: str, found: Sequence[SiteResult], diffs: bool
) -> Exit:
    code = exit_code(found)
    if flags.json:
        write_json(sys.stdout.write, verb, code, found, app.secrets)
    else:
        report.sites(found, diffs)
        report.summary(found)
    return code


def _untouched(chosen: Sequence[Selected]) -> list[SiteResult]:
    return [SiteResult(selected.site.name, ()) for selected in chosen]


def _log(secrets: Secrets, verbose: int) -> None:
    """The libraries' logs go to standard error with -vvv, masked, and nowhere otherwise."""

    class Masked(logging.Formatter):
        def format(self, record: logging.LogRecord) -> str:
            return secrets.mask(super().format(record))

    handler = logging.StreamHandler()
    handler.setFormatter(Masked("%(name)s: %(message)s"))
    level = logging.DEBUG if verbose >= 3 else logging.CRITICAL + 1
    logging.basicConfig(level=level, handlers=[handler], force=True)


def main(plays: Sequence[Play], argv: Sequence[str] | None = None) -> int:
    """Run the command line and give the exit code. Nothing but a line per fault reaches the operator."""
    secrets = Secrets()
    arguments = list(sys.argv[1:] if argv is None else argv)
    verbose = sum(a.count("v") for a in arguments if a[:1] == "-" and set(a[1:]) == {"v"})
    _log(secrets, verbose)
    say = secrets.masking(lambda text: click.echo(text, err=True))
    try:
        return int(
            cast(
                Exit,
                cli.main(arguments, obj=App(tuple(plays), secrets), standalone_mode=False) or 0,
            )
        )
    except InputError as error:
        say(str(error))
        return Exit.USAGE
    except click.ClickException as error:
        say(f"{error.format_message()}; see --help")
        return Exit.USAGE
    except (fleet.Interrupted, KeyboardInterrupt, click.Abort):
        say("interrupted; run again to finish what was begun")
        return Exit.INTERRUPTED
    except BanstitchError as error:
        say(str(error))
        return Exit.FAILED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.FAILED
    except Exception as error:  # noqa: BLE001 - no traceback reaches an operator unasked
        say(f"fault in banstitch: {type(error).__name__}: {error}; -vvv shows where")
        if verbose >= 3:
            say(traceback.format_exc())
        return Exit.FAILED
