"""Read an inventory in Ansible's INI form: sections with hosts, children and variables.

A line is read as Ansible documents it. Host lines are split as a shell would; each value that is
a Python literal (a number, ``True``, a list) is that, and a text otherwise.
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
# No line of an inventory is longer; splitting one of megabytes would take minutes.
_LONGEST_LINE = 65536


@dataclass
class _Ini:
    """What a file says, before anything of it is believed."""

    hosts: list[tuple[str, str, Where, dict[str, Variable]]] = field(default_factory=list)
    children: list[tuple[str, str, Where]] = field(default_factory=list)
    variables: list[tuple[str, str, Variable]] = field(default_factory=list)
    declared: list[str] = field(default_factory=list)
    # sections of variables, and where each begins
    sections: dict[str, Where] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


def read(material: Material, raw: bytes, file: str) -> None:
    """Add what a file says.

    Raises:
        InputError: each line that cannot be read; nothing was added.
    """
    found = _parsed(raw, file)
    if found.problems:
        raise InputError(found.problems)
    _add(material, found)


def fits(raw: bytes) -> bool:
    """Return whether a file can be read as INI."""
    return not _parsed(raw, "").problems


def _parsed(raw: bytes, file: str) -> _Ini:
    found = _Ini()
    group, kind = UNGROUPED, "hosts"
    for where, line in _lines(found, raw, file):
        # an address with a port begins with a bracket as well
        if re.fullmatch(_SECTION, line) or (line.startswith("[") and line.endswith("]")):
            group, kind = _section(found, line, where) or (group, "")
        elif kind:
            _READERS[kind](found, group, line, where)
    return found


def has_section(raw: bytes) -> bool:
    """Return whether a file has a line that begins a section, which a YAML list has not."""
    text = raw.decode("utf-8-sig", errors="replace")
    return bool(re.search(r"^\[[\w.-]+(:\w+)?\][ \t]*(#.*)?\r?$", text, re.MULTILINE))


def literal(text: str) -> object:
    """Return the Python literal that ``text`` is, else the text."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of "1is" and other almost-literals
            return _as_data(ast.literal_eval(text))
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return text


def _value(name: str, text: str) -> object:
    """Return the value of a variable; a password of digits is a text, as Ansible will use it."""
    value = literal(text)
    return text if type(value) in (int, float) and is_secret_name(name) else value


def _as_data(value: object) -> object:
    """Return a literal as YAML could have written it."""
    if isinstance(value, dict):
        return {key: _as_data(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set):
        return [_as_data(item) for item in value]
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="replace")
    if isinstance(value, complex):
        return str(value)
    return "..." if value is ... else value


def _lines(found: _Ini, raw: bytes, file: str) -> Iterator[tuple[Where, str]]:
    """Yield each line that says something; a comment may be in any encoding."""
    for number, line in enumerate(raw.removeprefix(b"\xef\xbb\xbf").splitlines(), start=1):
        where = Where(file, number)
        if not line.strip() or line.lstrip().startswith((b"#", b";")):
            continue
        if len(line) > _LONGEST_LINE:
            found.problems.append(where.problem(f"is longer than {_LONGEST_LINE} bytes"))
            continue
        try:
            text = line.decode("utf-8").strip()
        except UnicodeDecodeError as error:
            what = f"is not UTF-8 (byte 0x{line[error.start]:02x})"
            found.problems.append(where.problem(what, "save the file as UTF-8"))
            continue
        if text and not text.startswith(_COMMENTS):
            yield where, text


def _section(found: _Ini, line: str, where: Where) -> tuple[str, str] | None:
    match = re.fullmatch(_SECTION, line)
    if not match:
        what = "a section must be [group], [group:children] or [group:vars]"
        found.problems.append(where.problem(what, "write it without blanks"))
        return None
    group, kind = match["group"], match["kind"] or "hosts"
    if kind not in _KINDS:
        instead = suggest_name(kind, _KINDS) or "write [group], [group:children] or [group:vars]"
        found.problems.append(
            where.problem(f"section [{group}:{kind}] is of no known kind", instead)
        )
        return None
    if kind == "vars":
        found.sections.setdefault(group, where)
    else:
        found.declared.append(group)
    return group, kind


def _host(found: _Ini, group: str, line: str, where: Where) -> None:
    try:
        pattern, *words = shlex.split(line, comments=True)
    except ValueError as error:
        # the line itself stays out of the message: it may hold a password
        found.problems.append(where.problem(f"bad quoting: {error}", "close each quote"))
        return
    problem = ""
    if pattern.endswith(":"):
        problem = "the name of a host ends with a colon, behind which a port belongs"
    elif pattern == "---":
        problem = "--- begins a YAML file, and this one is read as INI"
    elif not all("=" in word for word in words):
        problem = "each word behind the name of a host must be key=value"
    if problem:
        found.problems.append(where.problem(problem, "write: name key=value key='two words'"))
        return
    pairs = (word.split("=", 1) for word in words)
    variables = {key: Variable(_value(key, value), where) for key, value in pairs}
    found.hosts.append((group, pattern, where, variables))


def _variable(found: _Ini, group: str, line: str, where: Where) -> None:
    key, equals, value = line.partition("=")
    if not equals:
        what = f"a line of [{group}:vars] must be key=value"
        found.problems.append(where.problem(what, "write key=value"))
        return
    variable = Variable(_value(key, value.strip()), where)
    found.variables.append((group, key.strip(), variable))


def _child(found: _Ini, group: str, line: str, where: Where) -> None:
    match = re.fullmatch(_CHILD, line)
    if not match:
        what = f"a line of [{group}:children] must be the name of a group"
        found.problems.append(where.problem(what, "write one name without blanks"))
        return
    found.children.append((group, match["group"], where))


_READERS = {"hosts": _host, "vars": _variable, "children": _child}


def _add(material: Material, found: _Ini) -> None:
    """Add all that was found; a group that no section declares is wrong, if it matters."""
    for group in found.declared:
        material.group(group)
    known = {*material.groups, ALL, UNGROUPED}
    for group, where in found.sections.items():
        if group not in known:
            what = f"section [{group}:vars], and no section declares the group {group}"
            material.doubt(group, where.problem(what, f"add a section [{group}]"), "it has no host")
        material.group(group)
    for parent, child, where in found.children:
        if child not in known:
            what = f"section [{parent}:children] names {child}, which no section declares"
            material.doubt(
                parent, where.problem(what, f"add a section [{child}]"), "it has no host"
            )
        material.add_child(parent, child, where)
    for group, pattern, where, variables in found.hosts:
        material.add_pattern(group, pattern, where, variables)
    for group, name, variable in found.variables:
        material.set_group(group, {name: variable})
