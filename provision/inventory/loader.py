"""Load an inventory: its hosts, groups and variables, by Ansible's rules.

Values stay as written until they are used (see :func:`build_scopes`): an existing inventory is full of
variables for other tools, and none of those may cause an error.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from provision.errors import InputError, Problem
from provision.inventory import PLAYBOOK, extra_vars
from provision.inventory.expressions import HostVars, Scope, Tools
from provision.inventory.groups import Tree
from provision.inventory.lookups import Commands
from provision.inventory.sources import files
from provision.inventory.sources.material import ALL, UNGROUPED, Material
from provision.inventory.templates import Templates
from provision.inventory.variables import Variable, Variables, Where
from provision.inventory.vars_files import VarsFolder
from provision.inventory.vault.keyring import Keyring

__all__ = ["ALL", "UNGROUPED", "Host", "Inventory", "build_scopes", "load"]

_MOST_WARNINGS = 50


@dataclass(frozen=True)
class Host:
    """One host with its unresolved variables; ``groups`` from the lowest precedence to the highest."""

    name: str
    where: Where
    variables: Variables
    groups: tuple[str, ...]


@dataclass(frozen=True)
class Inventory:
    """All hosts by name, and for each group (``all`` included) the hosts in it or in its children.

    ``path`` is the first source. ``playbook`` is the folder of the playbook. ``keyring`` decrypts values.
    """

    path: Path
    hosts: Mapping[str, Host]
    groups: Mapping[str, tuple[str, ...]]
    warnings: tuple[str, ...] = ()
    playbook: Path = PLAYBOOK
    keyring: Keyring = field(default_factory=Keyring)

    @property
    def folder(self) -> Path:
        """The folder of group_vars, host_vars and known_hosts."""
        return find_folder(str(self.path))


def find_folder(source: str) -> Path:
    """Return the folder of an inventory source, in which its known_hosts file is."""
    path = Path(source)
    return Path() if files.is_list(source) else path if path.is_dir() else path.parent


def load(
    sources: Path | str | Sequence[str],
    extra: Sequence[str] = (),
    playbook: Path | None = None,
    ours: Sequence[str] = ("ban_hosts", "fortigates"),
    keyring: Keyring | None = None,
) -> Inventory:
    """Read an inventory: a file, a folder, or several of them as ``-i`` names them.

    ``extra`` are the ``-e`` arguments; ``playbook`` is the folder of the playbook. The groups in ``ours``,
    their parents and their children are checked strictly. ``keyring`` opens encrypted files and values.

    Raises:
        InputError: all problems of all files.
    """
    names = _list_sources(sources)
    material = files.read(names, keyring or Keyring())
    extras = _read_extra_vars(material, extra)
    tree = Tree(material)
    groups_by_host = _order_groups(material, tree)
    layers = _Layers(material, _list_folders(names), playbook, ours)
    hosts = {}
    for name, groups in groups_by_host.items():
        variables = layers.merge_for(name, groups) | extras
        hosts[name] = Host(name, material.hosts[name].where, variables, groups)
    related = tree.find_related(ours)
    layers.read_groups(related)
    _report_doubts(material, related, related - tree.find_containing(ours))
    if material.problems:
        raise InputError(material.problems)
    warnings = dict.fromkeys([*material.warnings, *_warn_unread_folders(names, playbook)])
    return Inventory(
        Path(names[0]),
        hosts,
        tree.list_members(groups_by_host),
        _shorten(warnings),
        playbook.resolve() if playbook else PLAYBOOK,
        material.keyring,
    )


def build_scopes(inventory: Inventory, commands: Commands | None = None) -> Mapping[str, Scope]:
    """Return each host's variables, resolved on use, together with Ansible's own variables.

    ``commands`` runs those of ``lookup('pipe', ...)``; without it, placeholders stand for their output.
    """
    templates = Templates()
    tools = Tools(inventory.keyring, commands or Commands(inventory.playbook, allowed=False))
    inventory.keyring.hidden.spare([*inventory.hosts, *inventory.groups])
    result: dict[str, Scope] = {}
    views: dict[str, HostVars] = {}
    shared = {
        "groups": {group: list(names) for group, names in inventory.groups.items()},
        "hostvars": views,
    }
    for host in inventory.hosts.values():
        names = {
            "inventory_hostname": host.name,
            "inventory_hostname_short": host.name.split(".")[0],
            "group_names": sorted(set(host.groups) - {ALL}),
        }
        magic = shared | names | _describe_source(host)
        result[host.name] = Scope(
            host.variables,
            magic,
            templates,
            inventory.folder,
            inventory.playbook,
            tools,
        )
        views[host.name] = HostVars(result[host.name])
    return result


def _read_extra_vars(material: Material, arguments: Sequence[str]) -> dict[str, Variable]:
    try:
        return extra_vars.read(arguments, material.keyring)
    except InputError as error:
        material.problems.extend(error.problems)
        return {}


def _describe_source(host: Host) -> dict[str, object]:
    """Return the variables for the file that names a host first; a list on the command line has none."""
    if host.where.file == files.COMMAND_LINE:
        return {"inventory_dir": None, "inventory_file": None}
    path = Path(host.where.file).absolute()
    return {"inventory_dir": str(path.parent), "inventory_file": str(path)}


def _list_sources(sources: Path | str | Sequence[str]) -> list[str]:
    """Return the paths and the lists of hosts in ``sources``, with ``~`` expanded in paths.

    Raises:
        InputError: there is none.
    """
    given = [str(sources)] if isinstance(sources, Path | str) else sources
    names = [
        source if files.is_list(source) else str(Path(source).expanduser())
        for source in given
        if source
    ]
    if not names:
        raise InputError([Problem("-i", 0, "must name an inventory", "give a file or a directory")])
    return names


def _order_groups(material: Material, tree: Tree) -> dict[str, tuple[str, ...]]:
    """Return the groups of each host, lowest precedence first."""
    direct: dict[str, list[str]] = {name: [] for name in material.hosts}
    for group_name, group in material.groups.items():
        for name in group.hosts:
            direct[name].append(group_name)
    # the hosts of a thousand sites share a few combinations
    ordered: dict[tuple[str, ...], tuple[str, ...]] = {}
    for groups in map(tuple, direct.values()):
        if groups not in ordered:
            ordered[groups] = tree.order_groups(groups)
    return {name: ordered[tuple(groups)] for name, groups in direct.items()}


def _list_folders(sources: Sequence[str]) -> list[Path]:
    """Return the folders of all sources, each once, at its last position."""
    folders = [find_folder(source) for source in reversed(sources) if not files.is_list(source)]
    return list(reversed(dict.fromkeys(folders)))


class _Layers:
    """The layers of a host's variables, lowest precedence first, in Ansible's documented order."""

    def __init__(
        self,
        material: Material,
        folders: Sequence[Path],
        playbook: Path | None,
        ours: Sequence[str],
    ) -> None:
        self._material = material
        self._ours = ours
        locations = [folders, [playbook] if playbook else []]
        self._group_vars, self._host_vars = (
            [[VarsFolder(folder / kind, material) for folder in location] for location in locations]
            for kind in ("group_vars", "host_vars")
        )
        self._known: dict[tuple[str, ...], dict[str, Variable]] = {}

    def merge_for(self, host: str, groups: tuple[str, ...]) -> dict[str, Variable]:
        """Return the merged variables of a host in ``groups``."""
        if groups not in self._known:
            self._known[groups] = _merge(self._yield_group_layers(groups))
        return _merge([self._known[groups], *self._yield_host_layers(host, groups)])

    def read_groups(self, groups: Iterable[str]) -> None:
        """Read the files of ``groups``, so that they are checked even if a group has no host."""
        for location in self._group_vars:
            for folder in location:
                for group in groups:
                    folder.get_variables(group, group)

    def _yield_group_layers(self, groups: tuple[str, ...]) -> Iterator[Mapping[str, Variable]]:
        inner = [group for group in groups if group != ALL]
        yield self._material.groups[ALL].variables
        yield from (self._material.groups[group].variables for group in inner)
        for part in ([ALL], inner):
            for location in self._group_vars:
                for folder in location:
                    yield from (folder.get_variables(group, group) for group in part)

    def _yield_host_layers(
        self, host: str, groups: tuple[str, ...]
    ) -> Iterator[Mapping[str, Variable]]:
        yield self._material.hosts[host].variables
        owner = next((group for group in groups if group in self._ours), UNGROUPED)
        for location in self._host_vars:
            yield from (folder.get_variables(host, owner) for folder in location)


def _merge(layers: Iterable[Mapping[str, Variable]]) -> dict[str, Variable]:
    merged: dict[str, Variable] = {}
    for layer in layers:
        merged.update(layer)
    return merged


def _report_doubts(material: Material, related: set[str], ours: set[str]) -> None:
    """Report doubts about our groups as problems, and all others as warnings, as Ansible does."""
    for doubt in material.doubts:
        if doubt.group in (related if doubt.inherited else ours):
            material.problems.append(doubt.problem)
        else:
            material.warnings.append(str(doubt))


def _shorten(warnings: Iterable[str]) -> tuple[str, ...]:
    """Return the first of many warnings, and the number of the others."""
    listed = list(warnings)
    more = len(listed) - _MOST_WARNINGS
    rest = [f"{more} more warnings about the inventory are not listed"] if more > 0 else []
    return (*listed[:_MOST_WARNINGS], *rest)


def _warn_unread_folders(sources: Sequence[str], playbook: Path | None) -> Iterator[str]:
    """Yield a warning for each folder of variables that is not read, beside an operator's own playbook."""
    read = {folder.resolve() for folder in (*_list_folders(sources), playbook) if folder}
    places = {folder.resolve().parent for folder in _list_folders(sources)} | {Path.cwd()}
    for place in sorted(places - read):
        for kind in ("group_vars", "host_vars"):
            if (place / kind).is_dir():
                yield (
                    f"{place / kind} is not read: it lies neither beside an inventory nor beside "
                    f"site.py; give --playbook-dir {place} if it counts"
                )
