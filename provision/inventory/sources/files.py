"""Find the files of each inventory source, and read each in its own form.

The forms are tried in Ansible's order: a list of hosts, an executable script, YAML, INI. Configurations of
plugins and TOML are read with ``ansible-inventory``.
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
from provision.inventory.variables import Where
from provision.inventory.vault.keyring import EncryptedFile, Keyring
from provision.inventory.yaml_lines import Repeat, YamlMap

# The place of hosts in a list on the command line.
COMMAND_LINE = "-i"
# Files in a folder that Ansible ignores by default, and our own file beside the inventory.
_IGNORED = r"^\.|(~|\.(pyc|pyo|swp|bak|rpm|md|txt|rst|orig|cfg|retry))$"
_IGNORED_NAMES = ("group_vars", "host_vars", "vars_plugins", "known_hosts", "known_hosts.old")
# Endings of YAML files, JSON included.
YAML = (".yml", ".yaml", ".json")
# A file with another ending in a folder may not be an inventory at all.
_OURS = (*YAML, ".ini", ".toml")


def read(sources: Sequence[str], keyring: Keyring) -> Material:
    """Return the content of all sources, in their order; it includes the problems found."""
    reader = _Reader(keyring)
    for source in sources:
        if is_list(source):
            reader.add_list(source)
        elif Path(source).is_dir():
            reader.add_folder(Path(source))
        else:
            reader.add_file(Path(source), named=True)
    reader.report_unread()
    return reader.material


def is_list(source: str) -> bool:
    """Return whether a source is a list of hosts, such as ``host1,host2,``, and not a path."""
    return "," in source and not Path(source).exists()


class _Reader:
    """A reader of one file after another into the same material."""

    def __init__(self, keyring: Keyring) -> None:
        self.material = Material(keyring=keyring)
        # the sources read so far, on which some plugins build
        self.before: list[str] = []
        # files in folders that could not be read, and may not be inventories
        self.unread: list[Problem] = []

    def add_list(self, source: str) -> None:
        for part in filter(None, map(str.strip, source.split(","))):
            name, port = split_port(part)
            if name not in self.material.hosts:
                self.material.add_host(name, UNGROUPED, Where(COMMAND_LINE), port)
        self.before.append(source)

    def add_folder(self, folder: Path, above: frozenset[Path] = frozenset()) -> None:
        """Add the files of a folder by name; a link to one of the folders ``above`` is skipped."""
        open_folders = above | {folder.resolve()}
        for path in list_folder(self.material, folder):
            if re.search(_IGNORED, path.name) or path.name in _IGNORED_NAMES:
                continue
            if path.is_dir():
                if path.resolve() not in open_folders:
                    self.add_folder(path, open_folders)
            elif path.is_file():
                self.add_file(path, named=False)
            else:  # a pipe might never end, and a link may be broken
                self.unread.append(Problem(str(path), 0, "must be a regular file"))

    def add_file(self, path: Path, named: bool) -> None:
        """Add one file, which the command line has ``named`` or a folder holds."""
        try:
            self._add(path)
            self.before.append(str(path))
        except InputError as error:
            if named or path.suffix in _OURS or ini.has_section(_read_content(path)):
                self.material.problems.extend(error.problems)
            else:
                self.unread.append(error.problems[0])

    def _add(self, path: Path) -> None:
        if os.access(path, os.X_OK) and path.is_file() and script.read(self.material, path):
            return
        if path.suffix == ".toml":
            ansible.read_toml(self.material, path)
            return
        raw, sealed = yaml_lines.open_file(path, self.material.keyring)
        if path.suffix in ("", *YAML):
            try:
                if self._add_yaml(path, raw, sealed):
                    return
            except InputError:
                if not ini.has_section(raw) and (path.suffix or not ini.can_read(raw)):
                    raise
        ini.read(self.material, raw, str(path), sealed)

    def _add_yaml(self, path: Path, raw: bytes, sealed: bool) -> bool:
        """Add a file if it is YAML; return False for a single string, which may be a line of INI."""
        repeats: list[Repeat] = []
        text = yaml_lines.decode(raw, str(path))
        top = yaml_lines.parse(text, str(path), repeats, sealed)
        if isinstance(top, str):
            return False
        document = yaml_lines.as_mapping(top, Where(str(path)), "an inventory")
        if document.get("plugin"):
            self._add_plugin(path, document)
        else:
            yaml.read(self.material, document, str(path), repeats)
        return True

    def _add_plugin(self, path: Path, document: YamlMap) -> None:
        plugin = str(document["plugin"])
        # this plugin sorts the hosts of earlier sources into groups
        before = self.before if plugin.rpartition(".")[2] == "constructed" else []
        message = f"configures the inventory plugin {plugin}"
        ansible.read(
            self.material,
            path,
            message,
            before,
            not document.get("use_vars_plugins"),
            sealed=document.sealed,
        )

    def report_unread(self) -> None:
        """Report unreadable files as warnings, or as problems if no other file has a host."""
        if self.material.hosts or self.material.problems:
            self.material.warnings.extend(
                f"{problem}; the file is ignored" for problem in self.unread
            )
        else:
            self.material.problems.extend(self.unread)


def list_folder(material: Material, folder: Path) -> list[Path]:
    """Return the content of a folder by name; add a problem if it cannot be read."""
    try:
        return sorted(folder.iterdir())
    except OSError as error:
        message = f"cannot be read: {error.strerror or error}"
        material.problems.append(Problem(str(folder), 0, message))
        return []


def read_variables(material: Material, path: Path, group: str) -> YamlMap:
    """Return the mapping in a file of variables.

    Repeated keys, and a file that cannot be decrypted, are doubts about ``group``.
    """
    repeats: list[Repeat] = []
    try:
        value = yaml_lines.load(path, repeats, material.keyring)
    except EncryptedFile as error:
        for problem in error.problems:
            material.add_doubt(group, problem, f"{problem.remedy}; the file is ignored")
        return YamlMap()
    except InputError as error:
        material.problems.extend(error.problems)
        return YamlMap()
    for repeat in repeats:
        material.add_doubt(group, repeat.to_problem(str(path)), "the last one counts")
    try:
        return yaml_lines.as_mapping(value or None, Where(str(path)), "a file of variables")
    except InputError as error:
        material.problems.extend(error.problems)
        return YamlMap()


def _read_content(path: Path) -> bytes:
    try:
        return yaml_lines.read(path)
    except InputError:
        return b""
