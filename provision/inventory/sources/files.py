"""Find the files of each inventory source, and read each in the form that it has.

The forms are tried in Ansible's order: a list of hosts, an executable script, YAML, INI. What none
of them can read goes to ``ansible-inventory``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from provision.errors import InputError, Problem
from provision.inventory import yaml_lines
from provision.inventory.sources import ansible, ini, script, yaml
from provision.inventory.sources.material import UNGROUPED, Material
from provision.inventory.sources.names import split_port
from provision.inventory.variables import Vaulted, Where
from provision.inventory.yaml_lines import Repeat, YamlMap

# Where hosts of a list on the command line come from.
COMMAND_LINE = "-i"
# What Ansible passes over in a folder, by its defaults, and our own file beside the inventory.
_IGNORED = r"^\.|(~|\.(pyc|pyo|swp|bak|rpm|md|txt|rst|orig|cfg|retry))$"
_IGNORED_NAMES = ("group_vars", "host_vars", "vars_plugins", "known_hosts", "known_hosts.old")
# Endings of files in YAML, of which JSON is a part.
YAML = (".yml", ".yaml", ".json")
# A file of a folder with another ending may be no inventory at all.
_OURS = (*YAML, ".ini", ".toml")


def read(sources: Sequence[str]) -> Material:
    """Return what all sources say, in their order; errors are collected inside."""
    reader = _Reader()
    for source in sources:
        if is_list(source):
            reader.add_list(source)
        elif Path(source).is_dir():
            reader.add_folder(Path(source))
        else:
            reader.add_file(Path(source), named=True)
    reader.judge_unread()
    return reader.material


def is_list(source: str) -> bool:
    """Return whether a source is a list of hosts, such as ``host1,host2,``, and no path."""
    return "," in source and not Path(source).exists()


class _Reader:
    """Reads one file after another into the same material."""

    def __init__(self) -> None:
        self.material = Material()
        # what has been read so far: some plugins build on it
        self.before: list[str] = []
        # files of folders that no form fits, and that may be no inventories
        self.unread: list[Problem] = []

    def add_list(self, source: str) -> None:
        for part in filter(None, map(str.strip, source.split(","))):
            name, port = split_port(part)
            if name not in self.material.hosts:
                self.material.add_host(name, UNGROUPED, Where(COMMAND_LINE), port)
        self.before.append(source)

    def add_folder(self, folder: Path, above: frozenset[Path] = frozenset()) -> None:
        """Add the files of a folder by name; a link to one of the folders ``above`` is skipped."""
        around = above | {folder.resolve()}
        for path in listing(self.material, folder):
            if re.search(_IGNORED, path.name) or path.name in _IGNORED_NAMES:
                continue
            if path.is_dir():
                if path.resolve() not in around:
                    self.add_folder(path, around)
            elif path.is_file():
                self.add_file(path, named=False)
            else:  # a pipe would never end, and a link may lead nowhere
                self.unread.append(Problem(str(path), 0, "must be a regular file"))

    def add_file(self, path: Path, named: bool) -> None:
        """Add one file, which the command line has ``named`` or a folder holds."""
        try:
            self._add(path)
            self.before.append(str(path))
        except InputError as error:
            if named or path.suffix in _OURS or ini.has_section(_content(path)):
                self.material.problems.extend(error.problems)
            else:
                self.unread.append(error.problems[0])

    def _add(self, path: Path) -> None:
        if os.access(path, os.X_OK) and path.is_file() and script.read(self.material, path):
            return
        if path.suffix == ".toml":
            ansible.read_toml(self.material, path)
            return
        raw = yaml_lines.read(path)
        if raw.startswith(yaml_lines.VAULT_HEADER.encode()):
            self.material.vaults.append(str(path))
            what = f"{path} is encrypted with ansible-vault and was not read"
            self.material.warnings.append(what)
            return
        if path.suffix in ("", *YAML):
            try:
                if self._add_yaml(path, raw):
                    return
            except InputError:
                if not ini.has_section(raw) and (path.suffix or not ini.fits(raw)):
                    raise
        ini.read(self.material, raw, str(path))

    def _add_yaml(self, path: Path, raw: bytes) -> bool:
        """Add a file if it is YAML and no mere text, which may be a line of INI."""
        repeats: list[Repeat] = []
        top = yaml_lines.parse(yaml_lines.decode(raw, str(path)), str(path), repeats)
        if isinstance(top, str):
            return False
        found = yaml_lines.mapping(top, Where(str(path)), "an inventory")
        if found.get("plugin"):
            self._add_plugin(path, found)
        else:
            yaml.read(self.material, found, str(path), repeats)
        return True

    def _add_plugin(self, path: Path, found: YamlMap) -> None:
        plugin = str(found["plugin"])
        # this one sorts the hosts of the sources before it into groups
        before = self.before if plugin.rpartition(".")[2] == "constructed" else []
        what = f"configures the inventory plugin {plugin}"
        ansible.read(self.material, path, what, before, not found.get("use_vars_plugins"))

    def judge_unread(self) -> None:
        """Warn of the files that were passed over; where nothing else has hosts, they are errors."""
        if self.material.hosts or self.material.problems:
            self.material.warnings.extend(
                f"{problem}; the file is ignored" for problem in self.unread
            )
        else:
            self.material.problems.extend(self.unread)


def listing(material: Material, folder: Path) -> list[Path]:
    """Return what is in a folder, by name; one that cannot be read is an error and gives nothing."""
    try:
        return sorted(folder.iterdir())
    except OSError as error:
        what = f"cannot be read: {error.strerror or error}"
        material.problems.append(Problem(str(folder), 0, what))
        return []


def read_variables(material: Material, path: Path, group: str) -> YamlMap:
    """Return the mapping in a file of variables; keys given twice concern ``group``."""
    repeats: list[Repeat] = []
    try:
        value = yaml_lines.load(path, repeats)
    except InputError as error:
        material.problems.extend(error.problems)
        return YamlMap()
    for repeat in repeats:
        material.doubt(group, repeat.problem(str(path)), "the last one counts")
    if isinstance(value, Vaulted):
        material.vaults.append(str(path))
        return YamlMap()
    try:
        return yaml_lines.mapping(value or None, Where(str(path)), "a file of variables")
    except InputError as error:
        material.problems.extend(error.problems)
        return YamlMap()


def _content(path: Path) -> bytes:
    try:
        return yaml_lines.read(path)
    except InputError:
        return b""
