"""Reads what inventory files say about groups and hosts: Ansible's YAML form, file or folder.

The result is raw material: who is in what, which variables stand where. What it means for one host
(depths, precedence) is inventory.py's part.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from provision.errors import Fault, InputError
from provision.inventory import yaml_lines
from provision.inventory.variables import Variable, Vaulted, Where, suggestion
from provision.inventory.yaml_lines import YamlMap

# What Ansible passes over in a folder, by its defaults, and our own file beside the inventory.
_IGNORED = re.compile(r"^\.|(~|\.(pyc|pyo|swp|bak|rpm|md|txt|rst|orig|cfg|retry))$")
_IGNORED_NAMES = ("group_vars", "host_vars", "vars_plugins", "known_hosts", "known_hosts.old")
_YAML = (".yml", ".yaml", ".json")
_SECTIONS = ("children", "hosts", "vars")
_RANGE = re.compile(r"\[(\w+):(\w+)(?::(\d+))?\]")
_WORD = re.compile(r"[^\s/]{1,253}")  # it becomes a file name in group_vars or host_vars
_MOST = 65536
_PORT = re.compile(r"(?P<name>[^:]+):(?P<port>\d{1,5})")


@dataclass
class GroupSource:
    """A group as the files describe it; several files may."""

    variables: dict[str, Variable] = field(default_factory=dict)
    children: dict[str, Where] = field(default_factory=dict)
    hosts: dict[str, Where] = field(default_factory=dict)


@dataclass
class Source:
    """Everything that the files of one inventory say."""

    groups: dict[str, GroupSource] = field(default_factory=dict)
    hosts: dict[str, dict[str, Variable]] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    # files of an inventory folder in a form that is not read
    ignored: list[Path] = field(default_factory=list)
    vaults: list[str] = field(default_factory=list)

    def group(self, name: str) -> GroupSource:
        """The group of this name, new if nobody mentioned it yet."""
        return self.groups.setdefault(name, GroupSource())

    def file(self, path: Path) -> object:
        """The value in a YAML file; faults, or its encryption, are noted and give ``None``."""
        try:
            value = yaml_lines.load(path)
        except InputError as error:
            self.faults.extend(error.faults)
            return None
        if isinstance(value, Vaulted):
            self.vaults.append(str(path))
            return None
        return value

    def listing(self, folder: Path) -> list[Path]:
        """What is in a folder, by name; one that cannot be read is a fault and gives nothing."""
        try:
            return sorted(folder.iterdir())
        except OSError as error:
            self.faults.append(Fault(str(folder), 0, f"cannot be read: {error.strerror or error}"))
            return []

    def map(self, value: object, where: Where, what: str) -> YamlMap:
        """``value`` as a mapping; anything else is a fault and gives an empty one."""
        try:
            return yaml_lines.mapping(value, where, what)
        except InputError as error:
            self.faults.extend(error.faults)
            return YamlMap()


def read(path: Path) -> Source:
    """All inventory files at ``path`` (a file or a folder of them); faults are collected inside."""
    source = Source()
    if path.is_dir():
        _folder(source, path)
        _tell_ignored(source)
    else:
        _inventory_file(source, path)
    return source


def _tell_ignored(source: Source) -> None:
    """A file that is passed over is worth a warning; where nothing else has hosts, it is the fault."""
    for path in source.ignored:
        instead = f"ansible-inventory -i {path} --list --yaml converts it"
        if source.hosts or source.faults:
            what = f"{path} is ignored: an inventory is read in its YAML form only ({instead})"
            source.warnings.append(what)
        else:
            what = "is no YAML inventory, and no other file names a host"
            source.faults.append(Fault(str(path), 0, what, f"{instead}; save that as hosts.yml"))


def _folder(source: Source, folder: Path) -> None:
    for path in source.listing(folder):
        if _IGNORED.search(path.name) or path.name in _IGNORED_NAMES:
            continue
        if path.is_dir():
            _folder(source, path)
        elif path.suffix in _YAML:
            _inventory_file(source, path)
        else:
            source.ignored.append(path)


def _inventory_file(source: Source, path: Path) -> None:
    where = Where(str(path))
    if path.suffix in (".ini", ".cfg", ".toml", ".py", ".sh"):
        instead = f"convert it: ansible-inventory -i {path} --list --yaml > hosts.yml"
        source.faults.append(where.fault("is no YAML inventory", instead))
        return
    top = source.map(source.file(path), where, "an inventory")
    if "plugin" in top and isinstance(top["plugin"], str):
        instead = f"save what it yields: ansible-inventory -i {path} --list --yaml > hosts.yml"
        what = f"configures the inventory plugin {top['plugin']}"
        source.faults.append(Where(str(path), top.lines["plugin"]).fault(what, instead))
        return
    for name, body in top.items():
        _group(source, name, body, Where(str(path), top.lines[name]))


def _name(source: Source, name: object, where: Where, kind: str) -> str:
    """``name`` as a text; YAML makes 10, yes and 1.5 something else, and that is a fault."""
    if isinstance(name, str) and _WORD.fullmatch(name) and name.isprintable():
        return name
    what = f"the {kind} name {name!r} is no single word"
    instead = (
        "write one word without blanks"
        if isinstance(name, str)
        else f'put quotes around it: "{name}"'
    )
    source.faults.append(where.fault(what, instead))
    return ""


def _group(source: Source, name: object, body: object, where: Where) -> None:
    word = _name(source, name, where, "group")
    if not word:
        return
    group = source.group(word)
    sections = source.map(body, where, f"group {word}")
    for key, section in sections.items():
        place = Where(where.file, sections.lines[key])
        if key not in _SECTIONS:
            hint = suggestion(str(key), _SECTIONS)
            known = "a group has children, hosts and vars"
            source.faults.append(place.fault(f"{key} is no part of a group", hint or known))
            continue
        section = _lone_name(section, place)
        found = source.map(section, place, f"{key} of group {word}")
        for item, value in found.items():
            line = Where(where.file, found.lines[item])
            _SECTION_READERS[str(key)](source, group, item, value, line)


def _lone_name(section: object, where: Where) -> object:
    """Ansible takes ``hosts: name`` for ``hosts: {name: }``."""
    if not isinstance(section, str):
        return section
    lone = YamlMap()
    lone[section], lone.lines[section] = None, where.line
    return lone


def _child(source: Source, group: GroupSource, item: object, value: object, where: Where) -> None:
    if isinstance(item, str):
        group.children.setdefault(item, where)
    _group(source, item, value, where)


def _variable(_: Source, group: GroupSource, item: object, value: object, where: Where) -> None:
    if isinstance(item, str):
        group.variables[item] = Variable(value, where)


def _host(source: Source, group: GroupSource, item: object, value: object, where: Where) -> None:
    pattern = _name(source, item, where, "host")
    if not pattern:
        return
    variables = _host_variables(source, pattern, value, where)
    if port := _PORT.fullmatch(pattern):
        pattern = port["name"]
        variables["ansible_port"] = Variable(int(port["port"]), where)
    try:
        names = list(expand(pattern))
    except ValueError as error:
        source.faults.append(where.fault(f"host range {pattern}: {error}", "write name[01:10]"))
        return
    for name in names:
        group.hosts.setdefault(name, where)
        source.hosts.setdefault(name, {}).update(variables)


def _host_variables(source: Source, name: str, value: object, where: Where) -> dict[str, Variable]:
    found = source.map(value, where, f"host {name}")
    return as_variables(found, where.file)


_SECTION_READERS = {"children": _child, "hosts": _host, "vars": _variable}


def as_variables(found: YamlMap, file: str) -> dict[str, Variable]:
    """The variables of a mapping; a key that is no text cannot be anybody's variable."""
    return {
        key: Variable(value, Where(file, found.lines[key]))
        for key, value in found.items()
        if isinstance(key, str)
    }


def expand(pattern: str) -> Iterator[str]:
    """The names that a range stands for: ``web[01:10]``, ``db-[a:f]``, ``n[0:8:2]``; ends included.

    Raises:
        ValueError: the range is not one.
    """
    match = _RANGE.search(pattern)
    if not match:
        if "[" in pattern or "]" in pattern:
            raise ValueError("is not a range")
        yield pattern
        return
    head, tail = pattern[: match.start()], pattern[match.end() :]
    for middle in _steps(match[1], match[2], int(match[3] or 1)):
        for rest in expand(tail):
            yield head + middle + rest


def _steps(first: str, last: str, step: int) -> list[str]:
    if step < 1:
        raise ValueError("the step is 0")
    if first.isdecimal() and last.isdecimal():
        # a leading zero asks for a fixed width, and then both ends must have it
        width = len(first) if first.startswith("0") and len(first) > 1 else 0
        if width and len(last) != width:
            raise ValueError(f"{first} and {last} have different widths")
        numbers = range(int(first), int(last) + 1, step)
        if len(numbers) > _MOST:
            raise ValueError(f"stands for more than {_MOST} names")
        found = [str(n).zfill(width) for n in numbers]
    elif len(first) == len(last) == 1 and first.isalpha() and last.isalpha():
        found = [chr(n) for n in range(ord(first), ord(last) + 1, step)]
    else:
        raise ValueError(f"{first} and {last} are neither two numbers nor two letters")
    if not found:
        raise ValueError(f"{first} comes after {last}")
    return found


def vars_files(source: Source, folder: Path, name: str) -> list[Path]:
    """The files with variables of ``name`` in group_vars or host_vars, in the order they apply.

    As in Ansible the first of ``NAME``, ``NAME.yml``, ``NAME.yaml``, ``NAME.json`` that exists is
    the one; a folder gives its files, sorted. Others that exist besides are named in a warning.
    """
    there = [path for ending in ("", *_YAML) if (path := folder / (name + ending)).exists()]
    for loser in there[1:]:
        source.warnings.append(f"{loser} is ignored because {there[0]} exists, as in Ansible")
    return _vars_in(source, there[0]) if there else []


def _vars_in(source: Source, path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    found: list[Path] = []
    for inner in source.listing(path):
        if inner.name.startswith(".") or inner.name.endswith("~"):
            continue
        if inner.suffix in ("", *_YAML):
            found.extend(
                _vars_in(source, inner) if inner.is_dir() and not inner.suffix else [inner]
            )
    return [file for file in found if not file.is_dir()]
