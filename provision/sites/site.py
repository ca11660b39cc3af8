"""A site as a value: its ban host, its FortiGates, and the part of it that a run touches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from types import ModuleType
from typing import cast

from provision.errors import Problem
from provision.inventory.variables import Where
from provision.sites import rollout_settings
from provision.sites.settings import Peer, Role, RoleSettings
from provision.ssh.login import Login

BAN_HOSTS, FORTIGATES = "ban_hosts", "fortigates"

Settings = Mapping[str, RoleSettings]


@dataclass(frozen=True)
class Play:
    """The roles that a group of the inventory gets, in this order."""

    group: str
    roles: tuple[Role, ...]

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle the roles by their modules' names: a module itself cannot be pickled."""
        return _restore_play, (
            self.group,
            *(cast(ModuleType, role).__name__ for role in self.roles),
        )


def _restore_play(group: str, *modules: str) -> Play:
    return Play(group, tuple(cast(Role, import_module(name)) for name in modules))


def list_roles(plays: Sequence[Play], group: str = "") -> Iterator[Role]:
    """Yield the roles of a group of the inventory, or of all groups, in the order of the playbook."""
    return (role for play in plays if group in ("", play.group) for role in play.roles)


@dataclass(frozen=True)
class BanHost:
    """The Linux host of a site; ``settings`` by role name, ``warnings`` about them.

    ``where``: where each variable was written.
    """

    name: str
    login: Login
    settings: Settings
    warnings: tuple[Problem, ...] = ()
    where: Mapping[str, Where] = field(default_factory=dict)


@dataclass(frozen=True)
class FortiGate:
    """One firewall of a site; ``settings`` by role name, ``where`` each variable was written."""

    name: str
    login: Login
    settings: Settings
    where: Mapping[str, Where] = field(default_factory=dict)


@dataclass(frozen=True)
class Site:
    """A ban host, whose name is the site's, and the FortiGates that report to it, by name.

    ``inventory_addresses``: addresses of all hosts of the inventory, without those known by name only.
    ``place``: that of the ban host in the inventory. ``peers``: the members of each group it belongs to.
    """

    name: str
    ban_host: BanHost
    fortigates: tuple[FortiGate, ...]
    inventory_addresses: tuple[str, ...] = field(default=(), repr=False)
    place: int = 0
    rollout: rollout_settings.Settings = field(default_factory=rollout_settings.Settings)
    peers: Mapping[str, tuple[Peer, ...]] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Selected:
    """A site of which a run touches the ban host, some FortiGates, or both."""

    site: Site
    linux: bool
    fortigates: tuple[FortiGate, ...]

    @property
    def hosts(self) -> tuple[str, ...]:
        """The names of its targets."""
        names = tuple(fortigate.name for fortigate in self.fortigates)
        return (self.site.name, *names) if self.linux else names


def limit_sites(all_sites: Sequence[Site], hosts: frozenset[str]) -> tuple[Selected, ...]:
    """Return the sites that have any of ``hosts``, with the selected part of each."""
    chosen = (
        Selected(
            site,
            site.ban_host.name in hosts,
            tuple(fortigate for fortigate in site.fortigates if fortigate.name in hosts),
        )
        for site in all_sites
    )
    return tuple(one for one in chosen if one.linux or one.fortigates)
