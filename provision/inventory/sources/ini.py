"""Read an inventory in Ansible's INI form: sections with hosts, children and variables.

Lines are read as Ansible documents it. Host lines are split as in a shell. A value that is a Python literal
(a number, ``True``, a list) becomes that literal; any other is a string.
"""

from __future__ import annotations

import ast
import re
import shlex
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field

from provision.errors import InputError, Problem
from provision.inventory.sources.material import ALL, UNGROUPED, Material
from provision.inventory.variables import Variable, Where, is_secret_name, suggest_name

_KINDS = ("hosts", "children", "vars")
_SECTION = r"\[(?P<group>[^:\]\s]+)(?::(?P<kind>\w+))?\]\s*(?:#.*)?"
_CHILD = r"(?P<group>[^:\]\s]+)\s*(?:#.*)?"
_COMMENTS = ("#", ";")
# No real line is longer, and splitting one of megabytes would take minutes.
_LONGEST_LINE = 65536


@dataclass
class _IniFile:
    """The content of a file, which is added only if all of it can be read."""

    hosts: list[tuple[str, str, Where, dict[str, Variable]]] = field(default_factory=list)
    children: list[tuple[str, str, Where]] = field(default_factory=list)
    variables: list[tuple[str, str, Variable]] = field(default_factory=list)
    declared: list[str] = field(default_factory=list)
    # sections of variables, and where each begins
    sections: dict[str, Where] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    # the file was encrypted
    sealed: bool = False


def read(material: Material, raw: bytes, file: str, sealed: bool = False) -> None:
    """Add the content of a file; ``sealed``: it was encrypted.

    Raises:
        InputError: lines cannot be read; nothing was added.
    """
    content = _parse(raw, file, sealed)
    if content.problems:
        raise InputError(content.problems)
    _add(material, content)


def can_read(raw: bytes) -> bool:
    """Return whether a file can be read as INI."""
    return not _parse(raw, "").problems


def _parse(raw: bytes, file: str, sealed: bool = False) -> _IniFile:
    content = _IniFile(sealed=sealed)
    group, kind = UNGROUPED, "hosts"
    for where, line in _split_lines(content, raw, file):
        # an address with a port also begins with a bracket
        if re.fullmatch(_SECTION, line) or (line.startswith("[") and line.endswith("]")):
            group, kind = _parse_section(content, line, where) or (group, "")
        elif kind:
            _READERS[kind](content, group, line, where)
    return content


def has_section(raw: bytes) -> bool:
    """Return whether a line of the file begins a section, which no YAML list does."""
    text = raw.decode("utf-8-sig", errors="replace")
    return bool(re.search(r"^\[[\w.-]+(:\w+)?\][ \t]*(#.*)?\r?$", text, re.MULTILINE))


def parse_literal(text: str) -> object:
    """Return the value of ``text`` as a Python literal, or ``text`` if it is not one."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about "1is" and the like
            return _as_data(ast.literal_eval(text))
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return text


def _parse_value(name: str, text: str) -> object:
    """Return the value of a variable; a password of digits stays a string, as Ansible will use it."""
    value = parse_literal(text)
    return text if type(value) in (int, float) and is_secret_name(name) else value


def _as_data(value: object) -> object:
    """Return a literal with only types that YAML has."""
    if isinstance(value, dict):
        return {key: _as_data(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set):
        return [_as_data(item) for item in value]
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="replace")
    if isinstance(value, complex):
        return str(value)
    return "..." if value is ... else value


def _split_lines(content: _IniFile, raw: bytes, file: str) -> Iterator[tuple[Where, str]]:
    """Yield each line that is neither empty nor a comment; comments may have any encoding."""
    for number, line in enumerate(raw.removeprefix(b"\xef\xbb\xbf").splitlines(), start=1):
        where = Where(file, number)
        if not line.strip() or line.lstrip().startswith((b"#", b";")):
            continue
        if len(line) > _LONGEST_LINE:
            content.problems.append(where.problem(f"is longer than {_LONGEST_LINE} bytes"))
            continue
        try:
            text = line.decode("utf-8").strip()
        except UnicodeDecodeError as error:
            message = f"is not UTF-8 (byte 0x{line[error.start]:02x})"
            content.problems.append(where.problem(message, "save the file as UTF-8"))
            continue
        if text and not text.startswith(_COMMENTS):
            yield where, text


def _parse_section(content: _IniFile, line: str, where: Where) -> tuple[str, str] | None:
    match = re.fullmatch(_SECTION, line)
    if not match:
        message = "a section must be [group], [group:children] or [group:vars]"
        content.problems.append(where.problem(message, "write it without blanks"))
        return None
    group, kind = match["group"], match["kind"] or "hosts"
    if kind not in _KINDS:
        remedy = suggest_name(kind, _KINDS) or "write [group], [group:children] or [group:vars]"
        content.problems.append(
            where.problem(f"section [{group}:{kind}] has an unknown kind", remedy)
        )
        return None
    if kind == "vars":
        content.sections.setdefault(group, where)
    else:
        content.declared.append(group)
    return group, kind


def _parse_host(content: _IniFile, group: str, line: str, where: Where) -> None:
    try:
        pattern, *words = shlex.split(line, comments=True)
    except ValueError as error:
        # the line itself stays out of the message: it may hold a password
        content.problems.append(where.problem(f"bad quoting: {error}", "close each quote"))
        return
    problem = ""
    if pattern.endswith(":"):
        problem = "the name of a host ends with a colon without a port"
    elif pattern == "---":
        problem = "--- begins a YAML file, and this file is read as INI"
    elif not all("=" in word for word in words):
        problem = "each word after the name of a host must be key=value"
    if problem:
        content.problems.append(where.problem(problem, "write: name key=value key='two words'"))
        return
    pairs = (word.split("=", 1) for word in words)
    variables = {
        key: Variable(_parse_value(key, value), where, content.sealed) for key, value in pairs
    }
    content.hosts.append((group, pattern, where, variables))


def _parse_variable(content: _IniFile, group: str, line: str, where: Where) -> None:
    key, equals, value = line.partition("=")
    if not equals:
        message = f"a line of [{group}:vars] must be key=value"
        content.problems.append(where.problem(message, "write key=value"))
        return
    variable = Variable(_parse_value(key, value.strip()), where, content.sealed)
    content.variables.append((group, key.strip(), variable))


def _parse_child(content: _IniFile, group: str, line: str, where: Where) -> None:
    match = re.fullmatch(_CHILD, line)
    if not match:
        message = f"a line of [{group}:children] must be the name of a group"
        content.problems.append(where.problem(message, "write one name without blanks"))
        return
    content.children.append((group, match["group"], where))


_READERS = {"hosts": _parse_host, "vars": _parse_variable, "children": _parse_child}


def _add(material: Material, content: _IniFile) -> None:
    """Add the content of a file; a group that no section declares is a doubt."""
    for group in content.declared:
        material.group(group)
    known = {*material.groups, ALL, UNGROUPED}
    for group, where in content.sections.items():
        if group not in known:
            message = f"section [{group}:vars] is for a group that no section declares"
            material.add_doubt(
                group, where.problem(message, f"add a section [{group}]"), "it has no host"
            )
        material.group(group)
    for parent, child, where in content.children:
        if child not in known:
            message = f"section [{parent}:children] names {child}, which no section declares"
            material.add_doubt(
                parent, where.problem(message, f"add a section [{child}]"), "it has no host"
            )
        material.add_child(parent, child, where)
    for group, pattern, where, variables in content.hosts:
        material.add_pattern(group, pattern, where, variables)
    for group, name, variable in content.variables:
        material.set_group(group, {name: variable})
