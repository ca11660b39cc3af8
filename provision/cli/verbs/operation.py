"""The verbs of daily operation, with their arguments, options and help."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from provision.cli.fleet.run_options import add_run_options
from provision.cli.options import (
    App,
    Flags,
    add_common_options,
    add_options_without_report,
    add_wave_options,
    why_option,
    yes_option,
)
from provision.results import Exit

if TYPE_CHECKING:
    from provision.cli.fleet.run_options import RunOptions
    from provision.engine.fleet.waves import Waves

Verb = TypeVar("Verb", bound=Callable[..., Any])


def add_time_option(text: str, default: str | None = None) -> Callable[[Verb], Verb]:
    """Return a decorator that gives a verb the option ``--for`` with this help."""
    return click.option(
        "--for",
        "duration",
        metavar="TIME",
        default=default,
        show_default=default is not None,
        help=text,
    )


@click.command()
@add_common_options
@click.option(
    "--history",
    is_flag=True,
    help="Show past bans, unbans and expirations instead of current bans.",
)
@click.option("--last", type=click.IntRange(1), metavar="N", default=1000, show_default=True,
              help="Number of history entries to show.")  # fmt: skip
def bans(app: App, flags: Flags, history: bool, last: int) -> Exit:
    """List who is banned at each site, why and until when."""
    from provision.cli import operate

    return operate.show_history(app, flags, last) if history else operate.show_bans(app, flags)


@click.command()
@add_common_options
@click.argument("address")
@add_time_option(
    "Ban duration, such as 90s, 10m or 7d; -1 means permanent. Default: the detection's ban time."
)
@click.option(
    "--detection",
    metavar="NAME",
    default="",
    help="Detection whose jail bans the address. Default: the first enabled.",
)
@why_option
def ban(
    app: App, flags: Flags, address: str, duration: str | None, detection: str, why: str
) -> Exit:
    """Ban ADDRESS, an address or a network."""
    from provision.cli import operate

    return operate.ban(app, flags, address, duration, detection, why)


@click.command()
@add_common_options
@click.argument("address")
@why_option
def unban(app: App, flags: Flags, address: str, why: str) -> Exit:
    """Unban ADDRESS, in fail2ban and in the feed."""
    from provision.cli import operate

    return operate.unban(app, flags, address, why)


@click.command()
@add_common_options
@click.argument("address")
@add_time_option("Duration of the allowance, such as 30m, 8h or 7d.", "8h")
@why_option
def allow(app: App, flags: Flags, address: str, duration: str, why: str) -> Exit:
    """Do not ban ADDRESS for some time, and end its bans.

    ADDRESS is an address or a network.
    """
    from provision.cli import operate

    return operate.allow(app, flags, address, duration, why)


@click.command()
@add_common_options
@click.argument("address")
@why_option
def unallow(app: App, flags: Flags, address: str, why: str) -> Exit:
    """End the allowance of ADDRESS."""
    from provision.cli import operate

    return operate.unallow(app, flags, address, why)


@click.command()
@add_common_options
@click.argument("state", type=click.Choice(["on", "off"]), metavar="on|off")
@add_time_option("How long to keep the shield in this state, such as 30m, 6h or 1d.", "6h")
@why_option
def shield(app: App, flags: Flags, state: str, duration: str, why: str) -> Exit:
    """Raise or lower the shield for some time.

    While it is up, all networks but those of recent logins are denied.
    """
    from provision.cli import operate

    return operate.shield(app, flags, state == "on", duration, why)


@click.command()
@add_common_options
@yes_option
@add_wave_options
@add_run_options
def rotate(app: App, flags: Flags, yes: bool, runs: RunOptions, waves: Waves) -> Exit:
    """Give the FortiGates new secrets.

    The old ones stay valid until each FortiGate has its new ones.
    """
    from provision.cli import operate

    return operate.rotate(app, flags, yes, waves, runs)


@click.command()
@add_common_options
@click.option(
    "--stale",
    metavar="TIME",
    help="Only print FortiGates that have not polled for TIME, such as 1h. Exit with 1 if there are any.",
)
def status(app: App, flags: Flags, stale: str | None) -> Exit:
    """Show drift, receiver, bans and last polls of each site."""
    from provision.cli import operate

    return operate.show_stale(app, flags, stale) if stale else operate.show_status(app, flags)


@click.command()
@add_common_options
@click.option(
    "--test", is_flag=True, help="Send a test message through every channel and print the answers."
)
def alarms(app: App, flags: Flags, test: bool) -> Exit:
    """List the active alarms, and the channels that fail."""
    from provision.cli import operate

    return operate.test_channels(app, flags) if test else operate.show_alarms(app, flags)


@click.command()
@add_options_without_report
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
    """Show whom the rules would have banned in old logs.

    FILE holds log lines; - is standard input.
    """
    from provision.cli.offline import replays

    if bool(files) == evidence:
        raise click.UsageError("give either FILE... or --evidence")
    if evidence:
        return replays.replay_ban_hosts(app, flags, poll)
    return replays.replay_files(app, flags, files, poll)
