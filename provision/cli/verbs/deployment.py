"""The verbs that deploy a site and remove it, with their arguments, options and help."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from provision.cli.fleet.run_options import add_run_options
from provision.cli.options import (
    App,
    Flags,
    NamedPath,
    add_common_options,
    add_printing_options,
    add_wave_options,
    adopt_option,
    forget_option,
    fortios_option,
    now_option,
    yes_option,
)
from provision.cli.verbs.executor_options import add_executor_options
from provision.results import Exit

if TYPE_CHECKING:
    from provision.cli.fleet.run_options import RunOptions
    from provision.engine.fleet.waves import Waves
    from provision.fortios.config.versions import Version


@click.command()
@add_common_options
@fortios_option
def check(app: App, flags: Flags, fortios: Version) -> Exit:
    """Check the inventory and render everything. Contacts no host."""
    from provision.cli.offline import checking

    return checking.check(app, flags, fortios)


@click.command()
@add_common_options
@fortios_option
@click.option("--fortimanager", type=NamedPath(), metavar="DIR",
              help="Write scripts for FortiManager to DIR, two for each FortiGate.")  # fmt: skip
@click.argument("directory", type=NamedPath(), required=False, metavar="[DIRECTORY]")
def render(
    app: App, flags: Flags, fortios: Version, directory: Path | None, fortimanager: Path | None
) -> Exit:
    """Write every file and CLI block to DIRECTORY. Contacts no host."""
    from provision.cli.offline import checking

    if not directory and not fortimanager:
        raise click.UsageError("render needs DIRECTORY or --fortimanager DIR")
    return checking.render(app, flags, fortios, directory, fortimanager)


@click.command()
@add_common_options
@add_executor_options
@adopt_option
@forget_option
@add_run_options
@click.option("--out", type=NamedPath(), metavar="FILE",
              help="Save the plan in FILE, for apply FILE.")  # fmt: skip
@click.option("--note-drift", is_flag=True,
              help="Record on the ban host whether anything differs, for its alarms.")  # fmt: skip
def plan(
    app: App,
    flags: Flags,
    adopt: bool,
    forget: tuple[str, ...],
    out: Path | None,
    runs: RunOptions,
    note_drift: bool,
) -> Exit:
    """Show what apply would change. Changes nothing."""
    from provision.cli import deploy

    if out and note_drift:
        raise click.UsageError("--note-drift must not be used with --out")
    if out:
        from provision.cli import saved_plans

        return saved_plans.save_plan(app, flags, out, runs, adopt=adopt, forget=forget)
    return deploy.look(app, flags, "plan", runs, note_drift, adopt=adopt, forget=forget)


@click.command()
@add_common_options
@add_executor_options
@adopt_option
@forget_option
@yes_option
@add_wave_options
@now_option
@add_run_options
@click.option("-C", "--check", is_flag=True, help="Run plan instead.")
@click.option("--expect", metavar="SHA256",
              help="Refuse FILE unless this is its hash, as show FILE prints it.")  # fmt: skip
@click.argument("file", type=NamedPath(), required=False, metavar="[FILE]")
def apply(
    app: App,
    flags: Flags,
    file: Path | None,
    adopt: bool,
    forget: tuple[str, ...],
    yes: bool,
    check: bool,
    expect: str | None,
    runs: RunOptions,
    waves: Waves,
    now: bool,
) -> Exit:
    """Show a plan, ask, and change every target accordingly.

    With FILE, carry out the plan that was saved there, without a question.
    """
    from provision.cli import deploy

    waves = replace(waves, now=now)
    if file:
        from provision.cli import saved_plans

        if adopt or forget or check:
            raise click.UsageError("--adopt, --forget and --check must not be used with FILE")
        return saved_plans.apply_plan(app, flags, file, expect, waves, runs)
    if expect is not None:
        raise click.UsageError("--expect needs FILE")
    if check:
        return deploy.look(app, flags, "plan", runs, preview_of="apply", adopt=adopt, forget=forget)
    return deploy.change(app, flags, "apply", yes, waves, runs, adopt=adopt, forget=forget)


@click.command()
@add_printing_options
@click.argument("file", type=NamedPath())
def show(app: App, flags: Flags, file: Path) -> Exit:
    """Print the plan that plan --out saved in FILE. Contacts no host."""
    from provision.cli import saved_plans

    return saved_plans.show_plan(app, flags, file)


@click.command()
@add_printing_options
@click.argument("files", nargs=-1, required=True, type=NamedPath(), metavar="RUN...")
def merge(app: App, flags: Flags, files: tuple[Path, ...]) -> Exit:
    """Print the run files of all shards as one run. Contacts no host."""
    from provision.cli.fleet import merging

    return merging.merge(app, flags, files)


@click.command()
@add_common_options
@add_executor_options
@add_run_options
@click.option(
    "--wait",
    type=click.IntRange(0, 300),
    default=0,
    metavar="SECONDS",
    help="Wait at most SECONDS until each FortiGate has fetched the feed after the event.",
)
def verify(app: App, flags: Flags, wait: int, runs: RunOptions) -> Exit:
    """Check for drift, and test the loop with a synthetic event."""
    from provision.cli import deploy

    return deploy.look(app, flags, "verify", runs, wait=wait)


@click.command()
@add_common_options
@add_executor_options
@forget_option
@yes_option
@add_wave_options
@now_option
@add_run_options
@click.option("--keep-packages", is_flag=True, help="Keep the packages that were installed.")
@click.option("--purge-data", is_flag=True, help="Remove bans and logs as well.")
def teardown(
    app: App,
    flags: Flags,
    forget: tuple[str, ...],
    yes: bool,
    keep_packages: bool,
    purge_data: bool,
    runs: RunOptions,
    waves: Waves,
    now: bool,
) -> Exit:
    """Remove what was deployed and restore what was there before."""
    from provision.cli import deploy

    waves = replace(waves, now=now)
    options = {"keep_packages": keep_packages, "purge_data": purge_data, "forget": forget}
    return deploy.change(app, flags, "teardown", yes, waves, runs, **options)
