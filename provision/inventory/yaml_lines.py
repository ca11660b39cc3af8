"""Read YAML: values with their lines, and problems instead of exceptions.

PyYAML alone drops lines, silently lets the second of two equal keys win, and stops at unknown tags. Here
keys keep their lines, repeated keys are noted, and ``!vault``, ``!unsafe`` and unknown tags become
values of their own, which raise only when they are used. No message quotes a value: it may be a password.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from provision.errors import InputError, Problem
from provision.inventory.variables import Foreign, Unsafe, Vaulted, Where, is_secret_name
from provision.inventory.vault.envelope import HEADER
from provision.inventory.vault.keyring import Keyring

_STANDARD = "tag:yaml.org,2002:"
_MERGE = _STANDARD + "merge"
# libyaml's parser, if PyYAML was built with it: ten times faster on a large inventory
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class YamlMap(dict[object, object]):
    """A mapping with the line of each of its keys; ``sealed``: its file was encrypted."""

    def __init__(self, sealed: bool = False) -> None:
        super().__init__()
        self.lines: dict[object, int] = {}
        self.sealed = sealed


@dataclass(frozen=True)
class Repeat:
    """A key that a mapping has twice: the path of keys that leads to it, and both lines."""

    path: tuple[str, ...]
    line: int
    first: int

    def to_problem(self, file: str) -> Problem:
        """Return the problem for a file in which no key may be repeated."""
        inside = any(map(is_secret_name, self.path[:-1]))
        key = "a key" if inside else self.path[-1]
        message = f"{key} is given twice, first in line {self.first}"
        return Problem(file, self.line, message, "keep one of them")


def load(path: Path, repeats: list[Repeat] | None = None, keyring: Keyring | None = None) -> object:
    """Return the value of a YAML file: ``None`` for an empty one. ``keyring`` opens an encrypted one.

    Repeated keys are added to ``repeats``, and the last one counts; without that list they are errors.

    Raises:
        EncryptedFile: the file cannot be decrypted.
        InputError: the file is missing, unreadable, not UTF-8 or not YAML; with all problems found.
    """
    raw, sealed = open_file(path, keyring or Keyring())
    return parse(decode(raw, str(path)), str(path), repeats, sealed)


def open_file(path: Path, keyring: Keyring) -> tuple[bytes, bool]:
    """Return the decrypted content of a file, and whether it was encrypted.

    Raises:
        EncryptedFile: it cannot be decrypted.
        InputError: it cannot be read.
    """
    raw = read(path)
    sealed = raw.startswith(HEADER.encode())
    return (keyring.decrypt_file(raw, str(path)).encode() if sealed else raw), sealed


def read(path: Path) -> bytes:
    """Return the bytes of a file.

    Raises:
        InputError: it is missing or cannot be read.
    """
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise InputError([Problem(str(path), 0, "no such file")]) from None
    except OSError as error:
        message = f"cannot be read: {error.strerror or error}"
        raise InputError([Problem(str(path), 0, message)]) from error


def decode(raw: bytes, name: str) -> str:
    """Return the text of a UTF-8 file without its byte order mark; ``name`` is the file in errors.

    Raises:
        InputError: the file is not UTF-8.
    """
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        message = f"is not UTF-8 (byte 0x{raw[error.start]:02x})"
        raise InputError([Problem(name, line, message, "save the file as UTF-8")]) from None


def parse(
    text: str, name: str, repeats: list[Repeat] | None = None, sealed: bool = False
) -> object:
    """Return the value of one YAML document; ``name`` is its source in errors.

    ``sealed``: it was encrypted, as its mappings then record.

    Repeated keys are treated as :func:`load` does.

    Raises:
        InputError: all problems found.
    """
    problems: list[Problem] = []
    repeated: list[Repeat] = [] if repeats is None else repeats
    value: object = None
    try:
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
            reader = _Reader(loader, name, problems, repeated, sealed)
            value = None if node is None else reader.read(node)
        finally:
            loader.dispose()
    except yaml.YAMLError as error:
        if text.lstrip().startswith("{"):
            try:
                return _convert_json(json.loads(text), sealed)
            except (ValueError, RecursionError):
                pass
        problems.append(_build_problem(error, text, name))
    except RecursionError:
        problems.append(
            Problem(name, 0, "is nested too deeply, or an alias (*name) contains itself")
        )
    if repeats is None:
        problems.extend(repeat.to_problem(name) for repeat in repeated)
    if problems:
        raise InputError(problems)
    return value


def _convert_json(value: object, sealed: bool) -> object:
    """Return a JSON value as YAML values are, without lines; YAML does not allow all JSON (tabs)."""
    if isinstance(value, list):
        return [_convert_json(item, sealed) for item in value]
    if not isinstance(value, dict):
        return value
    result = YamlMap(sealed)
    for key, item in value.items():
        result[key], result.lines[key] = _convert_json(item, sealed), 0
    return result


def _build_problem(error: yaml.YAMLError, text: str, name: str) -> Problem:
    if isinstance(error, yaml.reader.ReaderError):
        line = text.count("\n", 0, error.position) + 1
        return Problem(name, line, f"is not YAML: character {error.character!r} is not allowed")
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    line = mark.line + 1 if mark else 0
    problem = _strip_quotes(getattr(error, "problem", None) or "it cannot be read")
    lines = text.splitlines()
    written = lines[mark.line] if mark and mark.line < len(lines) else ""
    if "\t" in written[: mark.column + 1 if mark else 0]:
        return Problem(name, line, "is not YAML: indented with a tab", "indent with spaces")
    if "{{" in written:
        remedy = 'put quotes around a value with braces: "{{ ... }}"'
        return Problem(name, line, f"is not YAML: {problem}", remedy)
    if "alias" in problem or "tag" in problem:
        remedy = "put quotes around a value that begins with * or & or !"
        return Problem(name, line, f"is not YAML: {problem}", remedy)
    return Problem(name, line, f"is not YAML: {problem}")


def _strip_quotes(problem: str) -> str:
    """Return PyYAML's message without its quotations from the file; punctuation may stay."""

    def keep(match: re.Match[str]) -> str:
        return "" if re.search(r"\w", match[2]) and not match[2].startswith("<") else match[0]

    return re.sub(r"""\s*(['"])(.*?)\1""", keep, problem)


class _Reader:
    """A reader that turns nodes into values, each node once: an alias is the same object."""

    def __init__(
        self,
        loader: Any,
        name: str,
        problems: list[Problem],
        repeats: list[Repeat],
        sealed: bool,
    ) -> None:
        self.loader = loader
        self.name = name
        self.problems = problems
        self.repeats = repeats
        self.sealed = sealed
        self.done: dict[tuple[int, bool], object] = {}
        self.open: set[int] = set()
        self.path: list[str] = []
        self.unsafe = False

    def read(self, node: yaml.Node) -> object:
        if id(node) in self.open:
            raise RecursionError
        key = (id(node), self.unsafe)
        if key not in self.done:
            self.open.add(id(node))
            self.done[key] = self._read_node(node)
            self.open.discard(id(node))
        return self.done[key]

    def _read_node(self, node: yaml.Node) -> object:
        if node.tag in ("!vault", "!vault-encrypted"):
            text = node.value if isinstance(node, yaml.ScalarNode) else ""
            return Vaulted(text, node.start_mark.line + 1)
        if node.tag == "!unsafe":
            return self._read_unsafe(node)
        if not node.tag.startswith(_STANDARD) or node.tag.startswith(_STANDARD + "python"):
            return Foreign(node.tag)
        if isinstance(node, yaml.MappingNode):
            return self._read_mapping(node)
        if isinstance(node, yaml.SequenceNode):
            return [self.read(item) for item in node.value]
        return self._read_scalar(node)

    def _read_unsafe(self, node: yaml.Node) -> object:
        """Return the value without its tag; braces anywhere in it do not make a template."""
        node.tag = self.loader.resolve(type(node), node.value, (True, False))
        before, self.unsafe = self.unsafe, True
        try:
            return self._read_node(node)
        finally:
            self.unsafe = before

    def _read_scalar(self, node: yaml.Node) -> object:
        try:
            value: object = self.loader.construct_object(node, deep=True)
        # it only looks like a date or a number: 2026-13-45, !!timestamp x
        except (ValueError, AttributeError, KeyError, TypeError):
            value = str(node.value)
        return Unsafe(value) if self.unsafe and isinstance(value, str) else value

    def _read_mapping(self, node: yaml.MappingNode) -> YamlMap:
        self._check_keys(node)
        self.loader.flatten_mapping(
            node
        )  # "<<": merged keys come first, so that the mapping's own keys win
        result = YamlMap(self.sealed)
        for key_node, value_node in node.value:
            if isinstance(key_node, yaml.ScalarNode):
                key = self._read_scalar(key_node)
                self.path.append(str(key_node.value))
                result[key] = self.read(value_node)
                self.path.pop()
                result.lines[key] = key_node.start_mark.line + 1
        return result

    def _check_keys(self, node: yaml.MappingNode) -> None:
        seen: dict[object, int] = {}
        for key_node, _ in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                remedy = 'put quotes around a value that starts with braces: "{{ ... }}"'
                message = "a key must be a word, not a list or mapping"
                self.problems.append(Problem(self.name, line, message, remedy))
                continue
            key = (key_node.tag, key_node.value)
            if key in seen and key_node.tag != _MERGE:
                path = (*self.path, str(key_node.value))
                self.repeats.append(Repeat(path, line, seen[key]))
            seen.setdefault(key, line)


def as_mapping(value: object, where: Where, name: str) -> YamlMap:
    """Return ``value`` as a mapping; ``None`` becomes an empty one. Errors call it ``name``.

    Raises:
        InputError: it is not a mapping.
    """
    if value is None:
        return YamlMap()
    if isinstance(value, YamlMap):
        return value
    kind = {list: "a list", str: "a text", bool: "a yes/no"}.get(type(value), "a single value")
    remedy = "write `name: value` lines, without a leading dash"
    raise InputError([where.problem(f"{name} must be a mapping, not {kind}", remedy)])


def dump(value: object, **options: Any) -> str:
    """Return ``value`` as a YAML document; ``options`` are those of PyYAML."""
    return str(yaml.safe_dump(value, allow_unicode=True, **options))
