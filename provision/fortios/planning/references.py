"""Find other users of an object of ours that is to be deleted: an object in use stays.

A FortiGate would refuse the deletion late, and only with the number of users (`The entry is used by other 2
entries`, code -23). The tables that may refer to the object are read only when a deletion is planned.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator

from provision.fortios.config.diff import get_values
from provision.fortios.config.object_id import GLOBAL, ObjectId
from provision.fortios.config.observed import Observed
from provision.fortios.config.tables import find_table
from provision.fortios.config.tables.table import PLAIN_TEXTS
from provision.fortios.config.text import Config, Edit, Statement, Tree


def find_referring_tables(
    deleted: Iterable[str], observed: Observed, vdoms: tuple[str, ...] = ()
) -> tuple[str, ...]:
    """Return the ids of the tables to observe before the objects ``deleted`` may go."""
    tables = [
        str(ObjectId(scope, table, None))
        for one in map(ObjectId.parse, deleted)
        for table in find_table(one.table).referrers
        for scope in _list_scopes(one.scope, table, vdoms)
    ]
    return tuple(table for table in dict.fromkeys(tables) if table not in observed.objects)


def _list_scopes(scope: str, table: str, vdoms: tuple[str, ...]) -> tuple[str, ...]:
    """Return the scopes in which entries of ``table`` may refer to an object in ``scope``."""
    if scope != GLOBAL or find_table(table).scope == "global":
        return (scope,)
    return vdoms


def find_foreign_users(object_id: str, observed: Observed, ours: Container[str]) -> Iterator[str]:
    """Yield the ids of objects that refer to ``object_id`` and are not ``ours``."""
    used = ObjectId.parse(object_id)
    referrers = find_table(used.table).referrers
    for user_id, body in observed.objects.items():
        user = ObjectId.parse(user_id)
        is_table = user.key is None and any(isinstance(node, Edit) for node in body or ())
        is_visible = used.scope in ("", GLOBAL, user.scope)
        may_refer = user.table in referrers and is_visible and not is_table and user_id not in ours
        if may_refer and used.key is not None and has_reference(body or (), used.key):
            yield user_id


def has_reference(body: Tree, name: str) -> bool:
    """Return whether a value in ``body``, other than a plain text, is ``name``."""
    for node in body:
        if isinstance(node, Config | Edit) and has_reference(node.body, name):
            return True
        if isinstance(node, Statement) and _is_reference(node, name):
            return True
    return False


def _is_reference(statement: Statement, name: str) -> bool:
    return statement.name not in PLAIN_TEXTS and name in get_values(statement.words[1:])
