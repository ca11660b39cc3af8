"""Decide what a ban host's memory may restore on a FortiGate, and what it may have deleted.

The closed lists of `config/tables` decide; nothing in a record widens them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from provision.fortios.config.diff import get_values, is_secret, read_attributes
from provision.fortios.config.object_id import GLOBAL, ObjectId, is_scope
from provision.fortios.config.tables import find_table
from provision.fortios.config.tables.table import EVERYBODY, MARKER, Patterns, Table
from provision.fortios.config.text import (
    Config,
    Edit,
    Node,
    Statement,
    Tree,
    Word,
    forti_quote,
    parse,
)

_BARE = re.compile(r"[A-Za-z0-9_.:/@+-]+")
_ROW = re.compile(r"[0-9]{1,10}")


def is_owned(object_id: ObjectId) -> bool:
    """Return whether a template of this or an earlier release can make such an object."""
    keys = find_table(object_id.table).keys
    if keys is None or not _is_in_its_scope(object_id):
        return False
    if not keys:
        return object_id.key is None
    return object_id.key is not None and bool(re.fullmatch(keys, object_id.key, re.ASCII))


def _is_in_its_scope(object_id: ObjectId) -> bool:
    scope = find_table(object_id.table).scope
    if object_id.scope in ("", GLOBAL) or not is_scope(object_id.scope):
        return object_id.scope == "" or (object_id.scope == GLOBAL and scope != "vdom")
    return scope != "global"


def find_obstacles(object_id: ObjectId, body: Tree) -> tuple[str, ...]:
    """Return the parts of an object's ``body`` that memory may not restore, in words; () if none."""
    table = find_table(object_id.table)
    obstacles = [*_find_bad_statements(table, table.restores, body)]
    for node in body:
        if isinstance(node, Config):
            obstacles += _find_bad_rows(node, table.restorable_tables.get(node.path))
    name = table.identified_by
    if name and name not in read_attributes(body):
        obstacles.append(f"no '{name}'")
    return tuple(dict.fromkeys(obstacles))


def _find_bad_statements(table: Table, restores: Patterns, body: Tree) -> Iterator[str]:
    for node in body:
        if isinstance(node, Statement) and not table.is_automatic(node.name):
            yield from () if _may_be_typed(restores, node) else (f"'{node.name}'",)


def _may_be_typed(restores: Patterns, node: Statement) -> bool:
    pattern = restores.get(node.name)
    words = node.words[1:]
    if pattern is None or node.verb not in ("set", "unset") or is_secret(words):
        return False
    return all(word.value.isprintable() and re.fullmatch(pattern, word.value) for word in words)


def _find_bad_rows(table: Config, restores: Patterns | None) -> Iterator[str]:
    if restores is None:
        yield f"the table '{table.path}'"
        return
    for row in table.body:
        if not isinstance(row, Edit) or not _ROW.fullmatch(row.key.value):
            yield f"an entry of '{table.path}'"
        elif any(isinstance(node, Config | Edit) for node in row.body):
            yield f"a table in '{table.path}'"
        else:
            yield from _find_bad_statements(Table(table.path), restores, row.body)


def select_restorable(object_id: ObjectId, body: Tree) -> Tree:
    """Return the part of a remembered ``body`` that may be typed, in the plainest spelling."""
    table = find_table(object_id.table)
    nodes: list[Node] = list(_select_statements(table.restores, body))
    for node in body:
        if isinstance(node, Config) and node.path in table.restorable_tables:
            nodes.append(Config(node.path, _select_rows(node, table.restorable_tables[node.path])))
    return tuple(nodes)


def _select_rows(table: Config, restores: Patterns) -> Tree:
    rows = (node for node in table.body if isinstance(node, Edit))
    return tuple(
        Edit(Word(row.key.value), tuple(_select_statements(restores, row.body)))
        for row in rows
        if _ROW.fullmatch(row.key.value)
    )


def _select_statements(restores: Patterns, body: Tree) -> Iterator[Statement]:
    for node in body:
        if isinstance(node, Statement) and _may_be_typed(restores, node):
            yield Statement(node.verb, (Word(node.name), *map(_simplify, node.words[1:])))


def _simplify(word: Word) -> Word:
    """Return a bare word as it is, and any other in quotes as `show` writes it."""
    return word if _BARE.fullmatch(word.raw) else Word(forti_quote(word.value))


def parse_remembered_body(object_id: ObjectId, text: str) -> Tree:
    """Return the body in the remembered ``text`` of an object, whether it may be typed or not."""
    body = tuple(
        node for config in parse(text)[:1] if isinstance(config, Config) for node in config.body
    )
    if object_id.key is None:
        return body
    return next((node.body for node in body if isinstance(node, Edit)), ())


def select_touchable(object_id: ObjectId, body: Tree) -> Tree:
    """Return the part of an observed ``body`` that a restore may change or unset."""
    table = find_table(object_id.table)
    names = table.restores.keys() | table.clears
    return tuple(
        node
        for node in body
        if (isinstance(node, Statement) and node.name in names)
        or (isinstance(node, Config) and node.path in table.restorable_tables)
    )


def list_members(object_id: ObjectId, body: Tree) -> Iterator[tuple[str, tuple[ObjectId, ...]]]:
    """Yield each member of a remembered list of addresses, with the objects that it can be."""
    tables_of = find_table(object_id.table).members
    for name, words in read_attributes(select_restorable(object_id, body)).items():
        for value in get_values(words):
            if name in tables_of and value not in EVERYBODY:
                yield value, tuple(_list_places(object_id.scope, tables_of[name], value))


def _list_places(scope: str, tables: tuple[str, ...], key: str) -> Iterator[ObjectId]:
    for table in tables:
        yield ObjectId(scope, table, key)
    if scope and key.startswith("g-"):
        yield ObjectId(GLOBAL, "system external-resource", key)


def explain_foreign(object_id: ObjectId, body: Tree) -> str:
    """Return why an observed object cannot be one of ours; empty if it can be.

    Automation tables of FortiOS 6.4 have no `description`, so objects made there carry no mark.
    """
    if not is_owned(object_id):
        return "it is not an object that Banstitch makes"
    table = find_table(object_id.table)
    values = {name: " ".join(get_values(words)) for name, words in read_attributes(body).items()}
    name = table.identified_by
    if name and not may_be_called(object_id, values.get(name, "")):
        return f"its '{name}' is not ours"
    mark = values.get(table.mark, "")
    may_lack_mark = table.mark in ("", "description")
    if not mark.startswith(MARKER) and (mark or not may_lack_mark):
        return f"its '{table.mark}' does not begin with '{MARKER}'"
    return ""


def may_be_called(object_id: ObjectId, name: str) -> bool:
    """Return whether an entry of ours can have ``name``, in a table that is found by names."""
    table = find_table(object_id.table)
    pattern = table.restores.get(table.identified_by)
    return pattern is not None and name.isprintable() and bool(re.fullmatch(pattern, name))
