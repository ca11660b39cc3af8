"""The inventory: which hosts there are, in which groups, with which variables, by Ansible's rules.

Values stay as written until somebody asks for one (see :func:`build_scopes`): an existing inventory is
full of variables for other tools, and none of those may hurt.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from provision.errors import InputError, Problem
from provision.inventory import extra_vars
from provision.inventory.expressions import PLAYBOOK, HostVars, Scope
from provision.inventory.groups import Tree
from provision.inventory.sources import files
from provision.inventory.sources.material import ALL, UNGROUPED, Material
from provision.inventory.templates import Templates
from provision.inventory.variables import Variable, Variables, Where
from provision.inventory.vars_files import VarsFolder

__all__ = ["ALL", "UNGROUPED", "Host", "Inventory", "build_scopes", "load"]

_MOST_WARNINGS = 50


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

    ``path`` is the first source. ``warnings`` is what was passed over; ``vaults`` are encrypted
    files, which cannot be read. ``playbook`` is the folder of the playbook.
    """

    path: Path
    hosts: Mapping[str, Host]
    groups: Mapping[str, tuple[str, ...]]
    warnings: tuple[str, ...] = ()
    vaults: tuple[str, ...] = ()
    playbook: Path = PLAYBOOK

    @property
    def folder(self) -> Path:
        """Return where group_vars, host_vars and known_hosts lie."""
        return find_folder(str(self.path))


def find_folder(source: str) -> Path:
    """Return the folder of an inventory source, beside which its known_hosts lies."""
    path = Path(source)
    return Path() if files.is_list(source) else path if path.is_dir() else path.parent


def load(
    sources: Path | str | Sequence[str],
    extra: Sequence[str] = (),
    playbook: Path | None = None,
    ours: Sequence[str] = ("ban_hosts", "fortigates"),
) -> Inventory:
    """Read an inventory: a file, a folder, or several of them as ``-i`` names them.

    ``extra`` are the ``-e`` arguments, ``playbook`` is the folder of the playbook. The structure of
    the groups in ``ours``, of those around them and of those in them is checked strictly.

    Raises:
        InputError: all problems of all files at once.
    """
    given = [str(sources)] if isinstance(sources, Path | str) else sources
    names = [_expanded(source) for source in given if source]
    if not names:
        raise InputError([Problem("-i", 0, "must name an inventory", "give a file or a directory")])
    material = files.read(names)
    extras: dict[str, Variable] = {}
    try:
        extras = extra_vars.read(extra)
    except InputError as error:
        material.problems.extend(error.problems)
    tree = Tree(material)
    groups_of = _groups_of(material, tree)
    layers = _Layers(material, _folders(names), playbook, ours)
    hosts = {
        name: Host(name, source.where, layers.of(name, groups_of[name]) | extras, groups_of[name])
        for name, source in material.hosts.items()
    }
    related = tree.related(ours)
    layers.read_groups(related)
    _judge(material, related, related - tree.around(ours))
    if material.problems:
        raise InputError(material.problems)
    warnings = (*material.warnings, *_unread_folders(names, playbook))
    return Inventory(
        Path(names[0]),
        hosts,
        tree.members(groups_of),
        _shortened(dict.fromkeys(warnings)),
        tuple(material.vaults),
        playbook.resolve() if playbook else PLAYBOOK,
    )


def build_scopes(inventory: Inventory) -> Mapping[str, Scope]:
    """Return each host's variables, resolved when asked for, with Ansible's own names beside them."""
    templates = Templates()
    result: dict[str, Scope] = {}
    views: dict[str, HostVars] = {}
    shared = {
        "groups": {group: list(names) for group, names in inventory.groups.items()},
        "hostvars": views,
    }
    for host in inventory.hosts.values():
        own = {
            "inventory_hostname": host.name,
            "inventory_hostname_short": host.name.split(".")[0],
            "group_names": sorted(set(host.groups) - {ALL}),
        }
        given = shared | own | _source_of(host)
        result[host.name] = Scope(
            host.variables,
            given,
            templates,
            inventory.folder,
            inventory.vaults,
            inventory.playbook,
        )
        views[host.name] = HostVars(result[host.name])
    return result


def _source_of(host: Host) -> dict[str, object]:
    """Return the file that names a host first; a list on the command line is none."""
    if host.where.file == files.COMMAND_LINE:
        return {"inventory_dir": None, "inventory_file": None}
    path = Path(host.where.file).absolute()
    return {"inventory_dir": str(path.parent), "inventory_file": str(path)}


def _expanded(source: str) -> str:
    return source if files.is_list(source) else str(Path(source).expanduser())


def _groups_of(material: Material, tree: Tree) -> dict[str, tuple[str, ...]]:
    """Return the groups of each host; the hosts of a thousand sites share a few combinations."""
    direct: dict[str, list[str]] = {name: [] for name in material.hosts}
    for group_name, group in material.groups.items():
        for name in group.hosts:
            direct[name].append(group_name)
    known: dict[tuple[str, ...], tuple[str, ...]] = {}
    for places in map(tuple, direct.values()):
        if places not in known:
            known[places] = tree.groups_of(places)
    return {name: known[tuple(places)] for name, places in direct.items()}


def _folders(sources: Sequence[str]) -> list[Path]:
    """Return the folders of all sources, each once: where a folder stands twice the last counts."""
    found = {find_folder(source): None for source in reversed(sources) if not files.is_list(source)}
    return list(reversed(found))


class _Layers:
    """What applies to a host, weakest first, in the order of Ansible's documentation."""

    def __init__(
        self,
        material: Material,
        folders: Sequence[Path],
        playbook: Path | None,
        ours: Sequence[str],
    ) -> None:
        self._material = material
        self._ours = ours
        beside = [folders, [playbook] if playbook else []]
        self._group_vars, self._host_vars = (
            [[VarsFolder(folder / kind, material) for folder in each] for each in beside]
            for kind in ("group_vars", "host_vars")
        )
        self._known: dict[tuple[str, ...], dict[str, Variable]] = {}

    def of(self, host: str, groups: tuple[str, ...]) -> dict[str, Variable]:
        """Return the variables of a host in ``groups``, merged."""
        if groups not in self._known:
            self._known[groups] = _merged(self._of_groups(groups))
        return _merged([self._known[groups], *self._of_host(host, groups)])

    def read_groups(self, groups: Iterable[str]) -> None:
        """Read the files of ``groups``, so that they are checked even where a group has no host."""
        for beside in self._group_vars:
            for folder in beside:
                for group in groups:
                    folder.of(group, group)

    def _of_groups(self, groups: tuple[str, ...]) -> Iterator[Mapping[str, Variable]]:
        inner = [group for group in groups if group != ALL]
        yield self._material.groups[ALL].variables
        yield from (self._material.groups[group].variables for group in inner)
        for part in ([ALL], inner):
            for beside in self._group_vars:
                for folder in beside:
                    yield from (folder.of(group, group) for group in part)

    def _of_host(self, host: str, groups: tuple[str, ...]) -> Iterator[Mapping[str, Variable]]:
        yield self._material.hosts[host].variables
        owner = next((group for group in groups if group in self._ours), UNGROUPED)
        for beside in self._host_vars:
            yield from (folder.of(host, owner) for folder in beside)


def _merged(layers: Iterable[Mapping[str, Variable]]) -> dict[str, Variable]:
    merged: dict[str, Variable] = {}
    for layer in layers:
        merged.update(layer)
    return merged


def _judge(material: Material, related: set[str], ours: set[str]) -> None:
    """Make an error of what is odd in a group that concerns us, and a warning elsewhere, as Ansible does."""
    for doubt in material.doubts:
        if doubt.group in (related if doubt.inherited else ours):
            material.problems.append(doubt.problem)
        else:
            material.warnings.append(str(doubt))


def _shortened(warnings: Iterable[str]) -> tuple[str, ...]:
    """Return the first of many warnings, and how many more there are."""
    found = list(warnings)
    more = len(found) - _MOST_WARNINGS
    rest = [f"{more} more oddities of the inventory are not listed"] if more > 0 else []
    return (*found[:_MOST_WARNINGS], *rest)


def _unread_folders(sources: Sequence[str], playbook: Path | None) -> Iterator[str]:
    """Yield a warning for variables that lie where a playbook of the operator's might."""
    read = {folder.resolve() for folder in (*_folders(sources), playbook) if folder}
    places = {folder.resolve().parent for folder in _folders(sources)} | {Path.cwd()}
    for place in sorted(places - read):
        for kind in ("group_vars", "host_vars"):
            if (place / kind).is_dir():
                yield (
                    f"{place / kind} is not read: it lies neither beside an inventory nor beside "
                    f"site.py; give --playbook-dir {place} if it counts"
                )
