"""Find values that a FortiGate would refuse or change, before they are sent."""

from __future__ import annotations

import re
from collections.abc import Iterator

from provision.errors import Problem
from provision.fortios.config.tables import find_table
from provision.fortios.config.text import Config, Edit, Statement, Tree, Word

# Refused in names (FortiOS CLI reference, "reserved characters").
_RESERVED = re.compile(r"""[<>()#'"]""")
# Replaced by the CLI wherever they stand (Fortinet CLI references, "variables").
_EXPANDED = re.compile(r"\$(?:USERFROM|USERNAME|SerialNum)")
# A terminal of 4,096 characters must hold a whole line, and what is typed before `?`.
LONGEST_LINE = 2000


def find_problems(
    source: str, path: str, body: Tree, key: Word | None = None, line: int = 0
) -> Iterator[Problem]:
    """Yield a problem for every value in ``body`` that a FortiGate would not take as it is.

    ``source`` and ``line`` locate the object of the table ``path``. No value is quoted, as it may be a
    secret.
    """
    if key is not None:
        yield from _check_key(source, path, key, line)
    for node in body:
        if isinstance(node, Statement):
            yield from _check_statement(source, path, node)
        elif isinstance(node, Config):
            inner_path = f"{path}/{node.path}"
            for row in node.body:
                if isinstance(row, Edit):
                    yield from find_problems(source, inner_path, row.body, row.key, row.line)


def _check_key(source: str, path: str, key: Word, line: int) -> Iterator[Problem]:
    reserved = _RESERVED.search(key.value)
    if reserved:
        what = f"a name on a FortiGate must not contain {reserved[0]!r}"
        yield Problem(source, line, what, "choose another name")
    yield from _check_size(source, path, "", key, line)
    yield from _check_variables(source, "name", key, line)


def _check_statement(source: str, path: str, node: Statement) -> Iterator[Problem]:
    for word in node.words[1:]:
        yield from _check_size(source, path, node.name, word, node.line)
        yield from _check_variables(source, node.name, word, node.line)
    size = len(" ".join(word.raw for word in node.words).encode())
    if size > LONGEST_LINE:
        what = f"the line of '{node.name}' must have at most {LONGEST_LINE} bytes (got {size})"
        yield Problem(source, node.line, what, "shorten it")
    if node.name == "name" and any(_RESERVED.search(word.value) for word in node.words[1:]):
        what = "a name on a FortiGate must not contain any of < > ( ) # ' \""
        yield Problem(source, node.line, what, "choose another name")


def _check_variables(source: str, attribute: str, word: Word, line: int) -> Iterator[Problem]:
    variable = _EXPANDED.search(word.value)
    if variable:
        what = f"'{attribute}' contains {variable[0]}, which the CLI of a FortiGate replaces"
        yield Problem(source, line, what, "leave it out")


def _check_size(source: str, path: str, attribute: str, word: Word, line: int) -> Iterator[Problem]:
    limit, size = find_table(path).sizes.get(attribute), len(word.value.encode())
    if limit is not None and size > limit:
        what = f"'{attribute or 'name'}' of {path} must have at most {limit} bytes (got {size})"
        yield Problem(source, line, what, "shorten it")
