"""Read the files of group_vars and host_vars, each once even if many hosts share it."""

from __future__ import annotations

from pathlib import Path

from provision.inventory.sources import files
from provision.inventory.sources.material import Material
from provision.inventory.sources.yaml import as_variables
from provision.inventory.variables import Variable


class VarsFolder:
    """A folder ``group_vars`` or ``host_vars``, beside an inventory or beside the playbook."""

    def __init__(self, folder: Path, material: Material) -> None:
        self._material = material
        self._folder = folder
        # one listing is faster than four look-ups for each of a thousand hosts
        self._names = frozenset(_list_names(folder))
        self._known: dict[str, dict[str, Variable]] = {}

    def get_variables(self, name: str, owner: str) -> dict[str, Variable]:
        """Return the variables of the group or host ``name``; a later file of a folder wins.

        As in Ansible, the first of ``NAME``, ``NAME.yml``, ``NAME.yaml`` and ``NAME.json`` that exists is
        read; of a folder, all files are, sorted by name. A warning names the others that exist. Doubts
        about the files concern the group ``owner``.
        """
        if name not in self._known:
            self._known[name] = self._read(name, owner)
        return self._known[name]

    def _read(self, name: str, owner: str) -> dict[str, Variable]:
        names = [name + ending for ending in ("", *files.YAML) if name + ending in self._names]
        candidates = [self._folder / file_name for file_name in names]
        for ignored in candidates[1:]:
            message = f"{ignored} is ignored because {candidates[0]} exists, as in Ansible"
            self._material.warnings.append(message)
        merged: dict[str, Variable] = {}
        for path in self._list_files(candidates[0]) if candidates else []:
            mapping = files.read_variables(self._material, path, owner)
            merged.update(as_variables(mapping, str(path)))
        return merged

    def _list_files(self, path: Path) -> list[Path]:
        if not path.is_dir():
            return [path]
        paths: list[Path] = []
        for inner in files.list_folder(self._material, path):
            if inner.name.startswith(".") or inner.name.endswith("~"):
                continue
            if inner.is_dir() and not inner.suffix:
                paths.extend(self._list_files(inner))
            elif not inner.is_dir() and inner.suffix in ("", *files.YAML):
                paths.append(inner)
        return paths


def _list_names(folder: Path) -> list[str]:
    try:
        return [path.name for path in folder.iterdir()]
    except (FileNotFoundError, NotADirectoryError):
        return []
