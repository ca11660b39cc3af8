"""Decide what of an object a ban host's memory may restore, and what may be deleted because it says so.

All of it is read from :data:`OWNED`: nothing that a record holds widens it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from provision.fortios.config.diff import get_values, is_secret, read_attributes
from provision.fortios.config.object_id import GLOBAL, ObjectId, is_scope
from provision.fortios.config.owned import MARKER, MEMBERS, OWNED, Owned, Values
from provision.fortios.config.schema import (
    AUTOMATIC,
    AUTOMATIC_IN,
    EVERYBODY,
    FOUND_BY,
    GLOBAL_TABLES,
)
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
_NOTHING = Owned(keys="")


def is_owned(one: ObjectId) -> bool:
    """Return whether one of our templates, of any release, can make such an object."""
    owned = OWNED.get(one.table)
    if owned is None or not _belongs(one):
        return False
    if not owned.keys:
        return one.key is None
    return one.key is not None and bool(re.fullmatch(owned.keys, one.key, re.ASCII))


def _belongs(one: ObjectId) -> bool:
    """Return whether the table is in such a scope; only a feed can be in both kinds."""
    if one.scope in ("", GLOBAL) or not is_scope(one.scope):
        in_global = one.table in GLOBAL_TABLES or one.table == "system external-resource"
        return one.scope == "" or (one.scope == GLOBAL and in_global)
    return one.table not in GLOBAL_TABLES


def find_obstacles(one: ObjectId, body: Tree) -> tuple[str, ...]:
    """Return what in the ``body`` of an object memory may not restore, in words; () if all of it may."""
    owned = OWNED.get(one.table, _NOTHING)
    found = [*_in_statements(one.table, owned.restores, body)]
    for node in body:
        if isinstance(node, Config):
            found += _in_table(node, owned.nested.get(node.path))
    name = FOUND_BY.get(one.table)
    if name and name not in read_attributes(body):
        found.append(f"no '{name}'")
    return tuple(dict.fromkeys(found))


def _in_statements(table: str, restores: Values, body: Tree) -> Iterator[str]:
    for node in body:
        if isinstance(node, Statement) and not is_automatic(table, node):
            yield from () if _may_be_typed(restores, node) else (f"'{node.name}'",)


def is_automatic(table: str, node: Node) -> bool:
    """Return whether the FortiGate itself sets what ``node`` says."""
    automatic = AUTOMATIC | AUTOMATIC_IN.get(table, frozenset())
    return isinstance(node, Statement) and node.name in automatic


def _may_be_typed(restores: Values, node: Statement) -> bool:
    form = restores.get(node.name)
    words = node.words[1:]
    if form is None or node.verb not in ("set", "unset") or is_secret(words):
        return False
    return all(each.value.isprintable() and re.fullmatch(form, each.value) for each in words)


def _in_table(table: Config, restores: Values | None) -> Iterator[str]:
    if restores is None:
        yield f"the table '{table.path}'"
        return
    for row in table.body:
        if not isinstance(row, Edit) or not _ROW.fullmatch(row.key.value):
            yield f"an entry of '{table.path}'"
        elif any(isinstance(node, Config | Edit) for node in row.body):
            yield f"a table in '{table.path}'"
        else:
            yield from _in_statements(f"/{table.path}", restores, row.body)


def select_restorable(one: ObjectId, body: Tree) -> Tree:
    """Return the part of a remembered ``body`` that may be typed, each word in its plainest spelling."""
    owned = OWNED.get(one.table, _NOTHING)
    found: list[Node] = list(_restorable_statements(owned.restores, body))
    for node in body:
        if isinstance(node, Config) and node.path in owned.nested:
            rows = (each for each in node.body if isinstance(each, Edit))
            forms = owned.nested[node.path]
            found.append(
                Config(
                    node.path,
                    tuple(
                        Edit(Word(row.key.value), tuple(_restorable_statements(forms, row.body)))
                        for row in rows
                        if _ROW.fullmatch(row.key.value)
                    ),
                )
            )
    return tuple(found)


def _restorable_statements(restores: Values, body: Tree) -> Iterator[Statement]:
    for node in body:
        if isinstance(node, Statement) and _may_be_typed(restores, node):
            yield Statement(node.verb, (Word(node.name), *map(_plain, node.words[1:])))


def _plain(given: Word) -> Word:
    """Return a word as it was spelt where that is bare, else in quotes as `show` writes it."""
    return given if _BARE.fullmatch(given.raw) else Word(forti_quote(given.value))


def parse_remembered_body(one: ObjectId, text: str) -> Tree:
    """Return the statements in the remembered ``text`` of an object, whether they may be typed or not."""
    body = tuple(
        node for config in parse(text)[:1] if isinstance(config, Config) for node in config.body
    )
    if one.key is None:
        return body
    return next((node.body for node in body if isinstance(node, Edit)), ())


def select_touchable(one: ObjectId, body: Tree) -> Tree:
    """Return the part of what a FortiGate shows that a restore may change or unset."""
    owned = OWNED.get(one.table, _NOTHING)
    names = owned.restores.keys() | owned.clears
    return tuple(
        node
        for node in body
        if (isinstance(node, Statement) and node.name in names)
        or (isinstance(node, Config) and node.path in owned.nested)
    )


def list_members(one: ObjectId, body: Tree) -> Iterator[tuple[str, tuple[ObjectId, ...]]]:
    """Return each member of a remembered list of addresses, and the objects that it can be."""
    for name, words in read_attributes(select_restorable(one, body)).items():
        for each in get_values(words):
            if name in MEMBERS and each not in EVERYBODY:
                yield each, tuple(_places(one.scope, MEMBERS[name], each))


def _places(scope: str, tables: tuple[str, ...], key: str) -> Iterator[ObjectId]:
    for table in tables:
        yield ObjectId(scope, table, key)
    if scope and key.startswith("g-"):
        yield ObjectId(GLOBAL, "system external-resource", key)


def explain_foreign(one: ObjectId, body: Tree) -> str:
    """Return why an object on a FortiGate cannot be one that we made; empty if it can.

    FortiOS 6.4 has no `description` in automation tables: what was made there carries none.
    """
    owned = OWNED.get(one.table)
    if owned is None or not is_owned(one):
        return "it is no object that Banstitch makes"
    held = {name: " ".join(get_values(words)) for name, words in read_attributes(body).items()}
    name = FOUND_BY.get(one.table, "")
    if name and not may_be_called(one, held.get(name, "")):
        return f"its '{name}' is not ours"
    unmarked = owned.mark == "description" and not held.get(owned.mark)
    if owned.mark and not unmarked and not held.get(owned.mark, "").startswith(MARKER):
        return f"its '{owned.mark}' does not begin with '{MARKER}'"
    return ""


def may_be_called(one: ObjectId, name: str) -> bool:
    """Return whether ``name`` is what an entry of ours is found by in a table of mere numbers."""
    attribute = FOUND_BY.get(one.table, "")
    form = OWNED[one.table].restores.get(attribute) if one.table in OWNED else None
    return form is not None and name.isprintable() and bool(re.fullmatch(form, name))
