"""Restore what a single object, such as `vpn ssl settings`, held before."""

from __future__ import annotations

from collections.abc import Container, Mapping

from provision.fortios.config.diff import collect_values, read_attributes
from provision.fortios.config.object_id import ObjectId
from provision.fortios.config.observed import Observed
from provision.fortios.config.tables import find_table
from provision.fortios.config.text import Node, Statement, Tree, Word, serialize
from provision.fortios.planning.shared_lists import keep_operator_members
from provision.fortios.record.restorable import (
    list_members,
    parse_remembered_body,
    select_restorable,
)


def restore_single_object(
    object_id: str, before: Mapping[str, Statement], observed: Observed, ours: frozenset[str]
) -> tuple[Tree, tuple[str, ...]]:
    """Return the statements that restore a single object, and warnings."""
    body = observed.objects.get(object_id) or ()
    restored, warnings = keep_operator_members(object_id, before, body, ours)
    restored, missing = drop_missing_members(object_id, restored, observed)
    more = (f"{object_id}: {name} is not restored: there is no such object" for name in missing)
    return restored, (*warnings, *more)


def drop_missing_members(
    object_id: str, body: Tree, observed: Observed
) -> tuple[Tree, tuple[str, ...]]:
    """Return ``body`` with only those addresses that the FortiGate has, and the other addresses.

    A list that is left with none is unset.
    """
    one = ObjectId.parse(object_id)
    known = collect_values(observed.objects.get(object_id) or ())
    missing = {
        member
        for member, places in list_members(one, body)
        if member not in known and not any(observed.objects.get(str(place)) for place in places)
    }
    lists = find_table(one.table).members
    return tuple(_drop_words(node, lists, missing) for node in body), tuple(sorted(missing))


def _drop_words(node: Node, lists: Container[str], missing: Container[str]) -> Node:
    if not isinstance(node, Statement) or node.name not in lists or node.verb != "set":
        return node
    words = tuple(word for word in node.words[1:] if word.value not in missing)
    return Statement("set" if words else "unset", (node.words[0], *words))


def read_remembered_statements(object_id: str, text: str | None) -> dict[str, Statement]:
    """Return the statements that restore a single object from its remembered ``text``, by attribute."""
    one = ObjectId.parse(object_id)
    allowed = select_restorable(one, parse_remembered_body(one, text or ""))
    return {node.name: node for node in allowed if isinstance(node, Statement)}


def write_remembered_text(object_id: str, statements: Mapping[str, Statement]) -> str:
    """Return ``statements`` as text for a record."""
    config = ObjectId.parse(object_id).wrap_in_config(tuple(statements.values()))
    return serialize((config,))


def read_statement(name: str, body: Tree) -> Statement:
    """Return the `set` or `unset` that gives an attribute the value that it has in ``body``."""
    words = read_attributes(body).get(name)
    return Statement("set", (Word(name), *words)) if words else Statement("unset", (Word(name),))


def select_attributes(body: Tree, names: set[str]) -> Tree:
    """Return the attributes of ``body`` that have one of these ``names``."""
    return tuple(read_statement(name, body) for name in read_attributes(body) if name in names)
