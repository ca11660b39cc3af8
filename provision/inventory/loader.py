"""The inventory: which hosts there are, in which groups, with which variables, by Ansible's rules.

Values stay as written until somebody asks for one (see :func:`scopes`): an existing inventory is
full of variables for other tools, and none of those may hurt.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from provision.errors import InputError
from provision.inventory import extra_vars
from provision.inventory.expressions import HostVars, Scope
from provision.inventory.sources import yaml as inventory_source
from provision.inventory.sources.yaml import Source
from provision.inventory.templates import Templates
from provision.inventory.variables import Variable, Variables, Where

ALL, UNGROUPED = "all", "ungrouped"
_PRIORITY = "ansible_group_priority"


@dataclass(frozen=True)
class Host:
    """One host and all that applies to it, unresolved; ``groups`` from farthest to nearest."""

    name: str
    where: Where
    variables: Variables
    groups: tuple[str, ...]


@dataclass(frozen=True)
class Inventory:
    """All hosts by name, and for each group (``all`` included) the names in it or in its children.

    ``warnings`` is what was passed over; ``vaults`` are encrypted files, which cannot be read.
    """

    path: Path
    hosts: Mapping[str, Host]
    groups: Mapping[str, tuple[str, ...]]
    warnings: tuple[str, ...] = ()
    vaults: tuple[str, ...] = ()

    @property
    def folder(self) -> Path:
        """Where group_vars, host_vars and known_hosts lie."""
        return self.path if self.path.is_dir() else self.path.parent


def load(path: Path, extra: Sequence[str] = ()) -> Inventory:
    """Read the inventory at ``path`` (a file or a folder), and ``extra``, the ``-e`` arguments.

    Raises:
        InputError: all faults of all files at once.
    """
    source = inventory_source.read(path)
    extras: dict[str, Variable] = {}
    try:
        extras = extra_vars.read(extra)
    except InputError as error:
        source.faults.extend(error.faults)
    tree = _Tree(source)
    folder = path if path.is_dir() else path.parent
    hosts = _hosts(source, tree, folder, extras)
    if source.faults:
        raise InputError(source.faults)
    warnings = tuple(dict.fromkeys(source.warnings))
    return Inventory(path, hosts, tree.members(hosts), warnings, tuple(source.vaults))


def scopes(inventory: Inventory) -> Mapping[str, Scope]:
    """Each host's variables, resolved when asked for, with Ansible's own names beside them."""
    templates = Templates()
    result: dict[str, Scope] = {}
    views: dict[str, HostVars] = {}
    shared = {
        "groups": {group: list(names) for group, names in inventory.groups.items()},
        "hostvars": views,
        "inventory_dir": str(inventory.folder.resolve()),
        "inventory_file": str(inventory.path.resolve()),
    }
    for host in inventory.hosts.values():
        own = {
            "inventory_hostname": host.name,
            "inventory_hostname_short": host.name.split(".")[0],
            "group_names": sorted(set(host.groups) - {ALL}),
        }
        given = shared | own
        result[host.name] = Scope(
            host.variables, given, templates, inventory.folder, inventory.vaults
        )
        views[host.name] = HostVars(result[host.name])
    return result


class _Tree:
    """Groups and how they contain one another: parents, depths, order of precedence."""

    def __init__(self, source: Source) -> None:
        self.source = source
        for name in (ALL, UNGROUPED):
            source.group(name)
        self.parents: dict[str, dict[str, Where]] = {name: {} for name in source.groups}
        for name, group in source.groups.items():
            for child, where in group.children.items():
                self.parents.setdefault(child, {})[name] = where
        self._depths: dict[str, int] = {ALL: 0}
        for name in sorted(self.parents):
            self._depth(name, ())
        self.ranked = sorted(self.parents, key=self._rank)

    def _depth(self, name: str, below: tuple[str, ...]) -> int:
        """Steps from ``all``, along the longest way; a group that contains itself is a fault."""
        if name in below:
            loop = " > ".join([name, *reversed(below[below.index(name) :])])
            where = self.parents[below[-1]][name]
            self.source.faults.append(
                where.fault(f"group {name} contains itself: {loop}", "take one of them out")
            )
            return 0
        if name == ALL and self.parents[ALL]:
            parent, where = next(iter(self.parents[ALL].items()))
            self.source.faults.append(where.fault(f"group all cannot be a child of {parent}"))
            self.parents[ALL] = {}
        if name not in self._depths:
            ups = [self._depth(parent, (*below, name)) for parent in self.parents[name]]
            self._depths[name] = 1 + max(ups, default=0)
        return self._depths[name]

    def _rank(self, name: str) -> tuple[int, int, str]:
        """Ansible's order among groups: depth, then priority, then name; the last one wins."""
        variable = self.source.groups[name].variables.get(_PRIORITY)
        if variable is None:
            return (self._depths[name], 1, name)
        try:
            return (self._depths[name], int(str(variable.value)), name)
        except ValueError:
            self.source.faults.append(
                variable.where.fault(f"{_PRIORITY} is no whole number", "write one such as 10")
            )
            return (self._depths[name], 1, name)

    def ancestors(self, names: Iterable[str]) -> set[str]:
        """``names`` and every group around them."""
        found: set[str] = set()
        waiting = list(names)
        while waiting:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                waiting.extend(self.parents[name])
        return found

    def groups_of(self, direct: Iterable[str]) -> tuple[str, ...]:
        """The groups of a host in order of precedence, lowest first."""
        named = set(direct) - {ALL, UNGROUPED} or {UNGROUPED}
        wanted = self.ancestors(named) | {ALL}
        return tuple(name for name in self.ranked if name in wanted)

    def members(self, hosts: Mapping[str, Host]) -> dict[str, tuple[str, ...]]:
        """The hosts of each group, children's included, in the order of the inventory."""
        found: dict[str, list[str]] = {name: [] for name in self.ranked}
        for host in hosts.values():
            for group in host.groups:
                found[group].append(host.name)
        return {name: tuple(names) for name, names in found.items()}


def _hosts(
    source: Source, tree: _Tree, folder: Path, extras: Mapping[str, Variable]
) -> dict[str, Host]:
    direct: dict[str, dict[str, Where]] = {name: {} for name in source.hosts}
    for group_name, group in source.groups.items():
        for name, where in group.hosts.items():
            direct[name][group_name] = where
    group_files = {name: _vars(source, folder / "group_vars", name) for name in tree.ranked}
    result = {}
    for name, places in direct.items():
        groups = tree.groups_of(places)
        merged: dict[str, Variable] = {}
        for layer in (
            *(source.groups[group].variables for group in groups),
            *(group_files[group] for group in groups),
            source.hosts[name],
            _vars(source, folder / "host_vars", name),
            extras,
        ):
            merged.update(layer)
        result[name] = Host(name, next(iter(places.values())), merged, groups)
    return result


def _vars(source: Source, folder: Path, name: str) -> dict[str, Variable]:
    """The variables of ``name`` in group_vars or host_vars; a later file of a folder wins."""
    merged: dict[str, Variable] = {}
    for path in inventory_source.vars_files(source, folder, name):
        found = source.map(source.file(path), Where(str(path)), "a file of variables")
        merged.update(inventory_source.as_variables(found, str(path)))
    return merged
