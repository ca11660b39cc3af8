"""`--list-hosts` and `--list-sites`: what a verb would contact. Nothing is contacted."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, cast

import click

from provision.cli.choosing import choose_sites
from provision.cli.fleet.run_options import take_run_options
from provision.cli.options import App, Flags
from provision.masking import escape
from provision.plan import Verb
from provision.results import Exit
from provision.sites.site import Selected

# They contact nobody, so that a ban host outside the limit does not belong to them.
_OFFLINE = ("check", "render")
# They contact ban hosts only.
_AT_BAN_HOSTS = ("bans", "ban", "unban", "allow", "unallow", "shield", "alarms", "replay")


def list_chosen(app: App, flags: Flags, verb: str, values: Mapping[str, Any]) -> Exit:
    """Print the hosts, or the sites, that ``verb`` would contact, one on each line.

    ``values``: its own options and arguments.
    """
    if flags.list_hosts and flags.list_sites:
        raise click.UsageError("--list-hosts and --list-sites must not be used together")
    sites = [
        each for each in _choose(app, flags, verb, values) if verb != "rotate" or each.fortigates
    ]
    if flags.list_sites:
        names = [selected.site.name for selected in sites]
    else:
        at_ban_hosts = verb in _AT_BAN_HOSTS or bool(values.get("stale"))
        names = [host for site in sites for host in _list_contacted(site, verb, at_ban_hosts)]
    shown = list(map(app.secrets.mask, names))
    if flags.json:
        click.echo(json.dumps({"sites" if flags.list_sites else "hosts": shown}, indent=2))
    else:
        click.echo("".join(f"{escape(name, but='')}\n" for name in shown), nl=False)
    return Exit.OK


def _choose(app: App, flags: Flags, verb: str, values: Mapping[str, Any]) -> list[Selected]:
    """Return the chosen part of each site; of a saved plan, only sites at which it changes something."""
    hosts: tuple[str, ...] = ()
    due = None
    if values.get("file"):
        from provision.engine.fleet.saved_plans import read_saved

        plan = read_saved(values["file"])
        hosts = plan.hosts
        due = {site.name for site in plan.sites if any(target.is_due for target in site.targets)}
    chosen = choose_sites(app, flags, connect=False, hosts=hosts)
    runs = take_run_options(values)
    if runs.earlier or runs.shard:
        from provision.cli.fleet.run_files import describe_run, narrow_sites

        head = describe_run(flags, cast(Verb, verb), values)
        chosen = narrow_sites(app, flags, runs, head, chosen, is_limited=bool(hosts)).sites
    return [selected for name, selected in chosen.items() if due is None or name in due]


def _list_contacted(selected: Selected, verb: str, at_ban_hosts: bool) -> Iterator[str]:
    """Yield the hosts of a site that are contacted: its ban host, too, if only a FortiGate was chosen."""
    if selected.linux or verb not in _OFFLINE:
        yield selected.site.ban_host.name
    if not at_ban_hosts:
        yield from (fortigate.name for fortigate in selected.fortigates)
