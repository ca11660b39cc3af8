"""The sites of a run: named on the command line, read from the inventory in each process.

Another process gets the names only. It reads the inventory, and with it the secrets, by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from provision.errors import InputError, Problem
from provision.inventory import PLAYBOOK, loader, patterns
from provision.inventory.lookups import Commands
from provision.inventory.vault.hidden import Hidden
from provision.inventory.vault.keyring import Keyring
from provision.inventory.vault.passwords import NO_PASSWORDS, Ask, VaultOptions
from provision.masking import Secrets
from provision.sites.builder import build_sites
from provision.sites.site import Play, Selected, Site, limit_sites


@dataclass(frozen=True)
class Choice:
    """The options that choose sites, and what reads their secrets.

    ``hosts``: the hosts of a saved plan or a run file, outside which nothing is chosen; empty without one.
    ``runs_commands``: those of ``lookup('pipe', ...)``, as verbs that connect do.
    """

    inventory: tuple[str, ...]
    extra_vars: tuple[str, ...] = ()
    limit: str = "all"
    playbook: Path = PLAYBOOK
    hosts: tuple[str, ...] = ()
    vault: VaultOptions = NO_PASSWORDS
    runs_commands: bool = False


class ChosenSites(Mapping[str, Selected]):
    """The selected part of each site, by site name; pickled, only the choice and the playbook.

    ``warnings``: the ignored parts of the inventory. ``hidden``: its secrets, to be masked.
    """

    def __init__(
        self,
        choice: Choice,
        plays: tuple[Play, ...],
        selected: Iterable[Selected],
        warnings: tuple[str, ...] = (),
        hidden: tuple[str, ...] = (),
    ) -> None:
        self._choice = choice
        self._plays = plays
        self._selected = {part.site.name: part for part in selected}
        self.warnings = warnings
        self.hidden = hidden

    def __getitem__(self, name: str) -> Selected:
        return self._selected[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._selected)

    def __len__(self) -> int:
        return len(self._selected)

    def narrow(self, hosts: Iterable[str]) -> ChosenSites:
        """Return the part of these sites that has one of the ``hosts``."""
        kept = frozenset(hosts)
        selected = (
            Selected(
                part.site,
                part.linux and part.site.name in kept,
                tuple(each for each in part.fortigates if each.name in kept),
            )
            for part in self.values()
        )
        return ChosenSites(
            replace(self._choice, hosts=tuple(sorted(kept))),
            self._plays,
            [part for part in selected if part.linux or part.fortigates],
            self.warnings,
            self.hidden,
        )

    def __reduce__(self) -> tuple[object, ...]:
        return read_again, (self._choice, self._plays)


def read_sites(
    choice: Choice, plays: tuple[Play, ...], secrets: Secrets, ask: Ask | None = None
) -> ChosenSites:
    """Return the sites within the limit; add the secrets of the inventory to ``secrets``.

    ``ask`` asks for vault passwords; another process has no terminal for that.

    Raises:
        InputError: everything that is wrong with the inventory, the extra variables and the limit.
    """
    groups = [play.group for play in plays]
    hidden = Hidden(secrets)
    keyring = Keyring(choice.vault, hidden, ask)
    loaded = loader.load(choice.inventory, choice.extra_vars, choice.playbook, groups, keyring)
    commands = Commands(loaded.playbook, choice.runs_commands)
    all_sites = build_sites(loaded, plays, secrets, commands)
    hosts = patterns.select(loaded, choice.limit)
    if choice.hosts:
        _check_known(all_sites, choice.hosts)
        hosts &= {*choice.hosts}
    selected = limit_sites(all_sites, hosts)
    if not selected:
        message = f"--limit {choice.limit}: no ban host and no FortiGate is among these hosts"
        raise InputError([Problem("", 0, message, "see ban_hosts and fortigates in the inventory")])
    warnings = (*loaded.warnings, *hidden.warnings)
    return ChosenSites(choice, plays, selected, warnings, secrets.values())


def _check_known(all_sites: Sequence[Site], hosts: Iterable[str]) -> None:
    """Check that each of ``hosts``, which a saved plan names, is a target of the inventory.

    Raises:
        InputError: the names that are not.
    """
    known = {site.name for site in all_sites}
    known |= {fortigate.name for site in all_sites for fortigate in site.fortigates}
    remedy = "use the -i of that plan, or make a new plan"
    unknown = [
        Problem("", 0, f"{host} is in the saved plan and not in the inventory", remedy)
        for host in hosts
        if host not in known
    ]
    if unknown:
        raise InputError(unknown)


def read_again(choice: Choice, plays: tuple[Play, ...]) -> ChosenSites:
    """Return the sites as :func:`read_sites` does, in a process that was given a job.

    Raises:
        InputError: as :func:`read_sites`, with all secrets masked that were known by then.
    """
    if not choice.playbook.is_dir():  # its group_vars would be missed without a word
        remedy = "install Banstitch at the same path on each machine, or give --playbook-dir"
        raise InputError([Problem("", 0, f"there is no folder {choice.playbook}", remedy)])
    secrets = Secrets()
    try:
        return read_sites(choice, plays, secrets)
    except InputError as error:
        masked = [
            replace(each, message=secrets.mask(each.message), remedy=secrets.mask(each.remedy))
            for each in error.problems
        ]
        raise InputError(masked) from None
