"""The one place that knows YAML: values with the lines they stand on, faults instead of exceptions.

PyYAML alone forgets lines, lets the second of two equal keys win in silence, and stops at a tag
that it does not know. Here keys keep their lines, a key given twice is a fault, and ``!vault``,
``!unsafe`` and foreign tags become values that hurt only who uses them.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from provision.errors import Fault, InputError
from provision.inventory.variables import Foreign, Unsafe, Vaulted, Where

VAULT_HEADER = "$ANSIBLE_VAULT;"
_STANDARD = "tag:yaml.org,2002:"
# libyaml's parser where PyYAML was built with it: ten times faster on a large inventory
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class YamlMap(dict[object, object]):
    """A mapping that knows the line of each of its keys."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: dict[object, int] = {}


def load(path: Path) -> object:
    """The value of a YAML file: ``None`` for an empty one, ``Vaulted`` for an encrypted one.

    Raises:
        InputError: missing, unreadable, not UTF-8, not YAML, a key given twice: all that was found.
    """
    name = str(path)
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        raise InputError([Fault(name, 0, "no such file")]) from None
    except OSError as error:
        what = f"cannot be read: {error.strerror or error}"
        raise InputError([Fault(name, 0, what)]) from error
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        what = f"is not UTF-8 (byte 0x{raw[error.start]:02x})"
        raise InputError([Fault(name, line, what, "save the file as UTF-8")]) from None
    return Vaulted() if text.startswith(VAULT_HEADER) else parse(text, name)


def parse(text: str, name: str) -> object:
    """The value of one YAML document; ``name`` is what faults call the place it came from.

    Raises:
        InputError: every fault found.
    """
    faults: list[Fault] = []
    try:
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
            value = None if node is None else _Reader(loader, name, faults).value(node)
        finally:
            loader.dispose()
    except yaml.YAMLError as error:
        faults.append(_yaml_fault(error, text, name))
    except RecursionError:
        faults.append(Fault(name, 0, "is nested too deeply, or an alias (*name) contains itself"))
    if faults:
        raise InputError(faults)
    return value


# A section of Ansible's INI form, a group with or without a suffix; a YAML list has blanks or commas.
_INI_SECTION = re.compile(r"^\[[\w.-]+(:\w+)?\][ \t]*$", re.MULTILINE)


def _yaml_fault(error: yaml.YAMLError, text: str, name: str) -> Fault:
    section = _INI_SECTION.search(text)
    if section:
        line = text.count("\n", 0, section.start()) + 1
        instead = f"convert it: ansible-inventory -i {name} --list --yaml > hosts.yml"
        return Fault(name, line, "is Ansible's INI form", instead)
    if isinstance(error, yaml.reader.ReaderError):
        line = text.count("\n", 0, error.position) + 1
        return Fault(name, line, f"is not YAML: character {error.character!r} is not allowed")
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    line = mark.line + 1 if mark else 0
    problem = getattr(error, "problem", None) or str(error)
    lines = text.splitlines()
    written = lines[mark.line] if mark and mark.line < len(lines) else ""
    if "\t" in written[: mark.column + 1 if mark else 0]:
        return Fault(name, line, "is not YAML: indented with a tab", "indent with spaces")
    if "{{" in written:
        instead = 'put quotes around a value with braces: "{{ ... }}"'
        return Fault(name, line, f"is not YAML: {problem}", instead)
    return Fault(name, line, f"is not YAML: {problem}")


class _Reader:
    """Turns nodes into values, each node once (an alias is the same object)."""

    def __init__(self, loader: Any, name: str, faults: list[Fault]) -> None:
        self.loader = loader
        self.name = name
        self.faults = faults
        self.done: dict[int, object] = {}
        self.open: set[int] = set()

    def value(self, node: yaml.Node) -> object:
        if id(node) in self.open:
            raise RecursionError
        if id(node) not in self.done:
            self.open.add(id(node))
            self.done[id(node)] = self._construct(node)
            self.open.discard(id(node))
        return self.done[id(node)]

    def _construct(self, node: yaml.Node) -> object:
        if node.tag in ("!vault", "!vault-encrypted"):
            return Vaulted()
        if node.tag == "!unsafe" and isinstance(node, yaml.ScalarNode):
            return Unsafe(node.value)
        if not node.tag.startswith(_STANDARD) or node.tag.startswith(_STANDARD + "python"):
            return Foreign(node.tag)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item) for item in node.value]
        return self._scalar(node)

    def _scalar(self, node: yaml.Node) -> object:
        try:
            value: object = self.loader.construct_object(node, deep=True)
        except ValueError:  # looks like a date or a number and is none: 2026-13-45
            return str(node.value)
        return value

    def _mapping(self, node: yaml.MappingNode) -> YamlMap:
        self._check_keys(node)
        self.loader.flatten_mapping(node)  # "<<": merged keys first, so that the mapping's own win
        result = YamlMap()
        for key_node, value_node in node.value:
            if isinstance(key_node, yaml.ScalarNode):
                key = self._scalar(key_node)
                result[key] = self.value(value_node)
                result.lines[key] = key_node.start_mark.line + 1
        return result

    def _check_keys(self, node: yaml.MappingNode) -> None:
        seen: dict[object, int] = {}
        for key_node, _ in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                instead = 'put quotes around a value that starts with braces: "{{ ... }}"'
                what = "a key must be a word, not a list or mapping"
                self.faults.append(Fault(self.name, line, what, instead))
                continue
            key = (key_node.tag, key_node.value)
            if key in seen:
                what = f"{key_node.value} is given twice, first in line {seen[key]}"
                self.faults.append(Fault(self.name, line, what, "keep one of them"))
            seen.setdefault(key, line)


def mapping(value: object, where: Where, what: str) -> YamlMap:
    """``value`` as a mapping; nothing at all is an empty one.

    Raises:
        InputError: it is something else; ``what`` says what should have been a mapping.
    """
    if value is None:
        return YamlMap()
    if isinstance(value, YamlMap):
        return value
    found = {list: "a list", str: "a text", bool: "a yes/no"}.get(type(value), "a single value")
    instead = "write `name: value` lines, without a leading dash"
    raise InputError([where.fault(f"{what} must be a mapping, not {found}", instead)])


def dump(value: object, **options: Any) -> str:
    """Return ``value`` as a YAML document; ``options`` are PyYAML's."""
    return str(yaml.safe_dump(value, allow_unicode=True, **options))
