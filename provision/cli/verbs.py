"""The verbs of the command line: their arguments, options and help.

The work of a verb, and the packages that it needs, are imported when it is called: `--help` needs none.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from provision.cli.options import (
    App,
    Flags,
    add_common_options,
    adopt_option,
    forget_option,
    fortios_option,
    why_option,
    yes_option,
)
from provision.results import Exit

if TYPE_CHECKING:
    from provision.fortios.config.versions import Version


@click.command()
@add_common_options
@fortios_option
def check(app: App, flags: Flags, fortios: Version) -> Exit:
    """Check the inventory and render everything. Contacts no host."""
    from provision.cli import deploy

    return deploy.check(app, flags, fortios)


@click.command()
@add_common_options
@fortios_option
@click.argument("directory", type=click.Path(path_type=Path))
def render(app: App, flags: Flags, fortios: Version, directory: Path) -> Exit:
    """Write every file and CLI block to DIRECTORY. Contacts no host."""
    from provision.cli import deploy

    return deploy.render(app, flags, fortios, directory)


@click.command()
@add_common_options
@adopt_option
def plan(app: App, flags: Flags, adopt: bool) -> Exit:
    """Show what apply would change. Changes nothing."""
    from provision.cli import deploy

    return deploy.look(app, flags, "plan", adopt=adopt)


@click.command()
@add_common_options
@adopt_option
@forget_option
@yes_option
@click.option("-C", "--check", is_flag=True, help="Run plan instead.")
def apply(
    app: App, flags: Flags, adopt: bool, forget: tuple[str, ...], yes: bool, check: bool
) -> Exit:
    """Change every target to match the inventory. Shows the plan and asks first."""
    from provision.cli import deploy

    if check:
        return deploy.look(app, flags, "plan", adopt=adopt, forget=forget)
    return deploy.change(app, flags, "apply", yes, adopt=adopt, forget=forget)


@click.command()
@add_common_options
@click.option(
    "--wait",
    type=click.IntRange(0, 300),
    default=0,
    metavar="SECONDS",
    help="Wait at most SECONDS until each FortiGate has fetched the feed after the event.",
)
def verify(app: App, flags: Flags, wait: int) -> Exit:
    """Check that nothing differs, and test the loop with an event."""
    from provision.cli import deploy

    return deploy.look(app, flags, "verify", wait=wait)


@click.command()
@add_common_options
@forget_option
@yes_option
@click.option("--keep-packages", is_flag=True, help="Keep the packages that were installed.")
@click.option("--purge-data", is_flag=True, help="Remove bans and logs as well.")
def teardown(
    app: App,
    flags: Flags,
    forget: tuple[str, ...],
    yes: bool,
    keep_packages: bool,
    purge_data: bool,
) -> Exit:
    """Remove what was deployed and restore what was there before."""
    from provision.cli import deploy

    options = {"keep_packages": keep_packages, "purge_data": purge_data, "forget": forget}
    return deploy.change(app, flags, "teardown", yes, **options)


@click.command()
@add_common_options
@click.option(
    "--history",
    is_flag=True,
    help="Show past bans, unbans and expirations instead of current bans.",
)
@click.option("--last", type=click.IntRange(1), default=1000, show_default=True,
              help="Number of history entries to show.")  # fmt: skip
def bans(app: App, flags: Flags, history: bool, last: int) -> Exit:
    """List the current bans of each site: start, end, reason, count."""
    from provision.cli import operate

    return operate.show_history(app, flags, last) if history else operate.show_bans(app, flags)


@click.command()
@add_common_options
@click.argument("address")
@click.option(
    "--for",
    "duration",
    metavar="TIME",
    help="Ban duration, such as 90s, 10m or 7d; -1 means permanent. Default: the detection's ban time.",
)
@click.option(
    "--detection",
    default="",
    help="Detection whose jail bans the address. Default: the first enabled.",
)
@why_option
def ban(
    app: App, flags: Flags, address: str, duration: str | None, detection: str, why: str
) -> Exit:
    """Ban ADDRESS (an address or a network) at every chosen site."""
    from provision.cli import operate

    return operate.ban(app, flags, address, duration, detection, why)


@click.command()
@add_common_options
@click.argument("address")
@why_option
def unban(app: App, flags: Flags, address: str, why: str) -> Exit:
    """Unban ADDRESS at every chosen site, in fail2ban and in the feed."""
    from provision.cli import operate

    return operate.unban(app, flags, address, why)


@click.command()
@add_common_options
@click.argument("address")
@click.option(
    "--for",
    "duration",
    metavar="TIME",
    default="8h",
    show_default=True,
    help="Duration of the allowance, such as 30m, 8h or 7d.",
)
@why_option
def allow(app: App, flags: Flags, address: str, duration: str, why: str) -> Exit:
    """Keep ADDRESS (an address or a network) from being banned for some time, and end its bans."""
    from provision.cli import operate

    return operate.allow(app, flags, address, duration, why)


@click.command()
@add_common_options
@click.argument("address")
@why_option
def unallow(app: App, flags: Flags, address: str, why: str) -> Exit:
    """End the allowance of ADDRESS at every chosen site."""
    from provision.cli import operate

    return operate.unallow(app, flags, address, why)


@click.command()
@add_common_options
@click.argument("state", type=click.Choice(["on", "off"]), metavar="on|off")
@click.option(
    "--for",
    "duration",
    metavar="TIME",
    default="6h",
    show_default=True,
    help="Duration of this order, such as 30m, 6h or 1d.",
)
@why_option
def shield(app: App, flags: Flags, state: str, duration: str, why: str) -> Exit:
    """Keep the shield up or down for some time. While up, it denies all but networks of recent logins."""
    from provision.cli import operate

    return operate.shield(app, flags, state == "on", duration, why)


@click.command()
@add_common_options
@yes_option
def rotate(app: App, flags: Flags, yes: bool) -> Exit:
    """Give the chosen FortiGates new secrets. The old ones stay valid until each has its new ones."""
    from provision.cli import operate

    return operate.rotate(app, flags, yes)


@click.command()
@add_common_options
def status(app: App, flags: Flags) -> Exit:
    """Show the state of each site: drift, receiver, bans, last polls."""
    from provision.cli import operate

    return operate.show_status(app, flags)


@click.command()
@add_common_options
@click.argument("files", nargs=-1, metavar="[FILE...]")
@click.option(
    "--evidence",
    is_flag=True,
    help="Read the events that the ban hosts have recorded, instead of FILE.",
)
@click.option(
    "--poll",
    type=click.IntRange(0, 86400),
    metavar="SECONDS",
    help="Seconds until a FortiGate denies a banned address. Default: feed_refresh_rate.",
)
def replay(
    app: App, flags: Flags, files: tuple[str, ...], evidence: bool, poll: int | None
) -> Exit:
    """Show whom the rules would have banned, by old log lines from FILE... (- is standard input)."""
    from provision.cli import replays

    if bool(files) == evidence:
        raise click.UsageError("FILE... or --evidence must be given, and not both")
    if evidence:
        return replays.replay_ban_hosts(app, flags, poll)
    return replays.replay_files(app, flags, files, poll)


VERBS = (
    check,
    render,
    plan,
    apply,
    verify,
    teardown,
    bans,
    ban,
    unban,
    allow,
    unallow,
    shield,
    rotate,
    status,
    replay,
)
