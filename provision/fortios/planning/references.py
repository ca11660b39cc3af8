"""Who else uses an object of ours that is to be deleted: what is in use stays, and its users are named.

A unit would refuse the deletion late and only say how many they are (`The entry is used by other 2
entries`, code -23). The tables that may refer to it are read only when a deletion is planned.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator

from provision.fortios.config.diff import get_values
from provision.fortios.config.object_id import ObjectId
from provision.fortios.config.observed import Observed
from provision.fortios.config.schema import PLAIN_TEXTS, REFERRERS
from provision.fortios.config.text import Config, Edit, Statement, Tree


def find_referring_tables(
    deleted: Iterable[str], observed: Observed, vdoms: tuple[str, ...] = ()
) -> tuple[str, ...]:
    """The tables that have to be looked at before the objects ``deleted`` may go."""
    found = [
        f"{scope}/{table}" if scope else table
        for each in deleted
        for table in REFERRERS.get(ObjectId.parse(each).table, ())
        for scope in _scopes(ObjectId.parse(each).scope, table, vdoms)
    ]
    return tuple(each for each in dict.fromkeys(found) if each not in observed.objects)


def _scopes(scope: str, table: str, vdoms: tuple[str, ...]) -> tuple[str, ...]:
    """Where entries of ``table`` may refer to something in ``scope``."""
    if scope != "global" or table.startswith("system automation"):
        return (scope,)
    return vdoms


def find_foreign_users(one: str, observed: Observed, ours: Container[str]) -> Iterator[str]:
    """The objects that refer to ``one`` and are not ``ours``."""
    scope, path, name = ObjectId.parse(one)
    for each, body in observed.objects.items():
        where, table, key = ObjectId.parse(each)
        whole = key is None and any(isinstance(node, Edit) for node in body or ())
        visible = scope in ("", "global", where)
        may = table in REFERRERS.get(path, ()) and visible and not whole and each not in ours
        if may and name is not None and has_reference(body or (), name):
            yield each


def has_reference(body: Tree, name: str) -> bool:
    """Whether anything in ``body`` but a plain text is ``name``."""
    for node in body:
        if isinstance(node, Config | Edit) and has_reference(node.body, name):
            return True
        if isinstance(node, Statement) and _names(node, name):
            return True
    return False


def _names(statement: Statement, name: str) -> bool:
    return statement.name not in PLAIN_TEXTS and name in get_values(statement.words[1:])
