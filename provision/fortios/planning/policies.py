"""Find and place policies: entries of tables with mere numbers as keys, in which the order decides.

An operator moves, renumbers and adds policies at will. So our policy is found by its name, and its position
is a part of its state: only policies of ours may stand before it.
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import replace

from provision.fortios.config.desired import Desired, DesiredObject, widen_to_table
from provision.fortios.config.diff import get_values, read_attributes
from provision.fortios.config.object_id import ObjectId
from provision.fortios.config.observed import Observed
from provision.fortios.config.tables import find_table
from provision.fortios.config.text import Config, Statement, Tree, Word, make_key, parse
from provision.fortios.record.record import Record
from provision.fortios.record.restorable import may_be_called


def is_numbered(object_id: str) -> bool:
    """Return whether the object is an entry of such a table."""
    one = ObjectId.parse(object_id)
    return one.key is not None and bool(find_table(one.table).identified_by)


def policy_name(object_id: str, body: Tree) -> str:
    """Return the name by which an entry is found; empty for an object that is found by its key."""
    if not is_numbered(object_id):
        return ""
    attribute = find_table(ObjectId.parse(object_id).table).identified_by
    return " ".join(get_values(read_attributes(body).get(attribute, ())))


def resolve_numbers(
    desired: Desired, observed: Observed, record: Record
) -> tuple[Desired, Record, tuple[str, ...]]:
    """Return both with the numbers that the entries have on the FortiGate, and warnings.

    A new entry gets a free number.
    """
    record, warnings = _drop_renamed(observed, record)
    objects: list[DesiredObject] = []
    for one in desired.objects:
        if is_numbered(one.id):
            real_id = _find_real_id(one, observed, record, {other.id for other in objects})
            record = _renumber(record, real_id, policy_name(one.id, one.body), observed)
            one = replace(one, id=real_id)
        objects.append(one)
    return replace(desired, objects=tuple(objects)), record, warnings


def _drop_renamed(observed: Observed, record: Record) -> tuple[Record, tuple[str, ...]]:
    """Return the record without entries that have no name of ours any more, and warnings.

    Only the name that the FortiGate shows makes an entry ours, never a number in the record.
    """
    renamed = {
        object_id: policy_name(object_id, body)
        for object_id in record.objects
        if is_numbered(object_id)
        and (body := observed.objects.get(object_id))
        and not may_be_called(ObjectId.parse(object_id), policy_name(object_id, body))
    }
    warnings = (
        f"{object_id} is left alone: its name is now {name!r}, which is not one of ours"
        for object_id, name in renamed.items()
    )
    kept = {
        object_id: text for object_id, text in record.objects.items() if object_id not in renamed
    }
    return replace(record, objects=kept), tuple(warnings)


def _find_real_id(
    desired: DesiredObject, observed: Observed, record: Record, taken: Container[str]
) -> str:
    table, name = widen_to_table(desired.id), policy_name(desired.id, desired.body)
    existing = [f"{table}:{key}" for key in observed.order(table)]
    same_name = [
        object_id
        for object_id in existing
        if object_id not in taken
        and policy_name(object_id, observed.objects.get(object_id) or ()) == name
    ]
    # the number of an entry that was deleted
    earlier = [
        object_id
        for object_id in record.objects
        if record.names.get(object_id) == name and widen_to_table(object_id) == table
        if object_id not in taken and object_id not in existing
    ]
    ours = [object_id for object_id in same_name if object_id in record.objects]
    for object_id in (*ours, *same_name, *earlier):
        return object_id
    number = int(ObjectId.parse(desired.id).key or 0)
    while f"{table}:{number}" in existing or f"{table}:{number}" in taken:
        number += 1
    return f"{table}:{number}"


def _renumber(record: Record, real_id: str, name: str, observed: Observed) -> Record:
    """Return the record with what it has about an entry under the number that the entry has now."""
    vanished = (
        object_id
        for object_id in record.objects
        if record.names.get(object_id) == name
        and widen_to_table(object_id) == widen_to_table(real_id)
        and observed.objects.get(object_id) is None
    )
    old_id = next(vanished, real_id)
    if old_id == real_id or real_id in record.objects:
        return record
    return replace(
        record,
        objects={
            real_id if object_id == old_id else object_id: text
            for object_id, text in record.objects.items()
        },
        names={**record.names, real_id: name},
    )


def move_to_front(object_id: str, observed: Observed, ours: Iterable[str]) -> Tree:
    """Return the `move` that brings the entry before all that are not ``ours``; () if it is there."""
    if not is_numbered(object_id):
        return ()
    table, key = widen_to_table(object_id), ObjectId.parse(object_id).key or ""
    our_ids = set(ours)
    for other in observed.order(table):
        if other == key:
            return ()
        if f"{table}:{other}" not in our_ids:
            return (_move(key, "before", other),)
    return ()


def current_position(object_id: str, observed: Observed) -> Tree:
    """Return the `move` that brings the entry back to its current position."""
    if not is_numbered(object_id):
        return ()
    keys = observed.order(widen_to_table(object_id))
    return _move_to_position(ObjectId.parse(object_id).key or "", keys)


def restore_position(object_id: str, before: tuple[str, ...], now: tuple[str, ...]) -> Tree:
    """Return the `move` that gives the entry the position among the others that it had ``before``."""
    key = ObjectId.parse(object_id).key or ""
    now = now if key in now else (*now, key)
    earlier = tuple(other for other in before if other in now)
    if key not in earlier or earlier == tuple(other for other in now if other in earlier):
        return ()
    return _move_to_position(key, earlier)


def restore_remembered_position(object_id: str, text: str, observed: Observed) -> Tree:
    """Return the `move` in the remembered ``text``; () if it is fulfilled or impossible."""
    keys = observed.order(widen_to_table(object_id))
    for config in parse(text):
        for node in config.body if isinstance(config, Config) else ():
            if isinstance(node, Statement) and node.verb == "move":
                _, where, other = get_values(node.words)
                # not the key in the text: the operator may have renumbered the entry since
                key = ObjectId.parse(object_id).key or ""
                earlier = (key, other) if where == "before" else (other, key)
                return restore_position(object_id, earlier, keys) if other in keys else ()
    return ()


def _move_to_position(key: str, keys: tuple[str, ...]) -> Tree:
    """Return the `move` to the position of ``key`` in ``keys``, right behind the one before it.

    Ours is moved to the front, so this is the way back.
    """
    index = keys.index(key)
    if index:
        return (_move(key, "after", keys[index - 1]),)
    return (_move(key, "before", keys[1]),) if len(keys) > 1 else ()


def _move(key: str, where: str, other: str) -> Statement:
    return Statement("move", (make_key(key), Word(where), make_key(other)))
