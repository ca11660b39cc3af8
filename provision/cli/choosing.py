"""Choose the sites of a run: read the inventory, and warn about what it has."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from provision.cli.options import App, Flags
from provision.errors import InputError, Problem
from provision.inventory.loader import find_folder
from provision.inventory.vault.passwords import VaultOptions
from provision.masking import escape
from provision.sites.selection import Choice, ChosenSites, read_sites
from provision.ssh import known_hosts

if TYPE_CHECKING:
    from provision.ssh.login import Login


def choose_sites(app: App, flags: Flags, connect: bool, hosts: tuple[str, ...] = ()) -> ChosenSites:
    """Return the sites within the limit, by name. With ``connect``, every password must be set.

    ``hosts``: the only hosts to choose, if a saved plan names them.

    Raises:
        InputError: everything that is wrong with the inventory, the extra variables and the limit.
    """
    choice = Choice(
        flags.inventory,
        flags.extra_vars,
        flags.limit or "all",
        flags.playbook_dir,
        hosts,
        VaultOptions(flags.vault_ids, flags.vault_password_files, flags.ask_vault_pass),
        runs_commands=connect,
    )
    ask = _ask_for_password if sys.stdin.isatty() else None
    chosen = read_sites(choice, app.plays, app.secrets, ask)
    logins = [fortigate.login for part in chosen.values() for fortigate in part.fortigates]
    logins += [selected.site.ban_host.login for selected in chosen.values()]
    unset = [problem for login in logins for problem in login.unset]
    if unset and connect:
        raise InputError(unset)
    skipped = _find_skipped_lines(flags, logins) if connect else []
    unused = [warning for login in logins for warning in login.warnings]
    unused += [warning for part in chosen.values() for warning in part.site.ban_host.warnings]
    for warning in dict.fromkeys([*chosen.warnings, *unset, *unused, *skipped]):
        click.echo(escape(app.secrets.mask(f"warning: {warning}"), but=""), err=True)
    return chosen


def _ask_for_password(prompt: str) -> str:
    """Return a password from the terminal; an empty one if it was closed."""
    try:
        return getpass.getpass(prompt)
    except EOFError:
        return ""


def _find_skipped_lines(flags: Flags, logins: Sequence[Login]) -> list[Problem]:
    files = (find_known_hosts(flags), *known_hosts.list_openssh_files())
    endpoints = {each.known_as for login in logins for each in (login, *login.way)}
    return known_hosts.list_warnings(files, endpoints)


def find_known_hosts(flags: Flags) -> Path:
    """Return the path of known_hosts, which is beside the first inventory source."""
    return find_folder(flags.inventory[0]) / "known_hosts"
