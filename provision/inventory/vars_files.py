"""Find and read the files of group_vars and host_vars, each once however many hosts share it."""

from __future__ import annotations

from pathlib import Path

from provision.inventory.sources import files
from provision.inventory.sources.material import Material
from provision.inventory.sources.yaml import as_variables
from provision.inventory.variables import Variable


class VarsFolder:
    """The folder ``group_vars`` or ``host_vars`` beside an inventory or beside the playbook."""

    def __init__(self, folder: Path, material: Material) -> None:
        self._material = material
        self._folder = folder
        # one listing instead of four questions for each of a thousand hosts
        self._names = frozenset(_names(folder))
        self._known: dict[str, dict[str, Variable]] = {}

    def of(self, name: str, owner: str) -> dict[str, Variable]:
        """Return the variables of the group or host ``name``; a later file of a folder wins.

        As in Ansible the first of ``NAME``, ``NAME.yml``, ``NAME.yaml``, ``NAME.json`` that exists
        is the one; a folder gives its files, sorted. Others that exist besides are named in a
        warning. ``owner`` is the group that odd things in them concern.
        """
        if name not in self._known:
            self._known[name] = self._read(name, owner)
        return self._known[name]

    def _read(self, name: str, owner: str) -> dict[str, Variable]:
        there = [self._folder / (name + e) for e in ("", *files.YAML) if name + e in self._names]
        for loser in there[1:]:
            what = f"{loser} is ignored because {there[0]} exists, as in Ansible"
            self._material.warnings.append(what)
        merged: dict[str, Variable] = {}
        for path in self._files(there[0]) if there else []:
            found = files.read_variables(self._material, path, owner)
            merged.update(as_variables(found, str(path)))
        return merged

    def _files(self, path: Path) -> list[Path]:
        if not path.is_dir():
            return [path]
        found: list[Path] = []
        for inner in files.listing(self._material, path):
            if inner.name.startswith(".") or inner.name.endswith("~"):
                continue
            if inner.is_dir() and not inner.suffix:
                found.extend(self._files(inner))
            elif not inner.is_dir() and inner.suffix in ("", *files.YAML):
                found.append(inner)
        return found


def _names(folder: Path) -> list[str]:
    try:
        return [path.name for path in folder.iterdir()]
    except (FileNotFoundError, NotADirectoryError):
        return []
