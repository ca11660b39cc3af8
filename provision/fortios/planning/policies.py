"""Entries of tables whose keys are mere numbers and whose order decides: policies.

An operator moves, renumbers and adds policies as he likes, so ours is found by what it is called, and
its place is a part of its state: nothing that is not ours may stand before it.
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import replace

from provision.fortios.config.desired import Desired, DesiredObject, widen_to_table
from provision.fortios.config.diff import get_values, read_attributes
from provision.fortios.config.object_id import ObjectId
from provision.fortios.config.observed import Observed
from provision.fortios.config.schema import FOUND_BY
from provision.fortios.config.text import Config, Statement, Tree, Word, make_key, parse
from provision.fortios.record.record import Record
from provision.fortios.record.restorable import may_be_called


def is_numbered(object_id: str) -> bool:
    """Whether the object is an entry of such a table."""
    _, path, key = ObjectId.parse(object_id)
    return key is not None and path in FOUND_BY


def policy_name(object_id: str, body: Tree) -> str:
    """What the entry is found by; empty for an object that is found by its key."""
    if not is_numbered(object_id):
        return ""
    return " ".join(
        get_values(read_attributes(body).get(FOUND_BY[ObjectId.parse(object_id).table], ()))
    )


def resolve_numbers(
    desired: Desired, observed: Observed, record: Record
) -> tuple[Desired, Record, tuple[str, ...]]:
    """Return both with the numbers that the entries really have, and warnings.

    An entry that is to be made gets a free number.
    """
    record, warnings = _still_ours(observed, record)
    objects: list[DesiredObject] = []
    for wanted in desired.objects:
        if is_numbered(wanted.id):
            real = _real_id(wanted, observed, record, {each.id for each in objects})
            record = _renumbered(record, real, policy_name(wanted.id, wanted.body), observed)
            wanted = replace(wanted, id=real)
        objects.append(wanted)
    return replace(desired, objects=tuple(objects)), record, warnings


def _still_ours(observed: Observed, record: Record) -> tuple[Record, tuple[str, ...]]:
    """Return the record without entries that are not called as ours are, and a warning on each.

    Only the name that the FortiGate shows makes an entry ours, never a number that is remembered.
    """
    not_ours = {
        each: policy_name(each, body)
        for each in record.objects
        if is_numbered(each)
        and (body := observed.objects.get(each))
        and not may_be_called(ObjectId.parse(each), policy_name(each, body))
    }
    warnings = (
        f"{each} is left alone: it is called {name!r} by now, which is no name of ours"
        for each, name in not_ours.items()
    )
    kept = {each: text for each, text in record.objects.items() if each not in not_ours}
    return replace(record, objects=kept), tuple(warnings)


def _real_id(
    wanted: DesiredObject, observed: Observed, record: Record, taken: Container[str]
) -> str:
    table, name = widen_to_table(wanted.id), policy_name(wanted.id, wanted.body)
    there = [f"{table}:{key}" for key in observed.order(table)]
    same = [
        each
        for each in there
        if each not in taken and policy_name(each, observed.objects.get(each) or ()) == name
    ]
    # if it was deleted: the number that it had
    had = [
        each
        for each in record.objects
        if record.names.get(each) == name and widen_to_table(each) == table
        if each not in taken and each not in there
    ]
    ours = [each for each in same if each in record.objects]
    for each in (*ours, *same, *had):
        return each
    number = int(ObjectId.parse(wanted.id).key or 0)
    while f"{table}:{number}" in there or f"{table}:{number}" in taken:
        number += 1
    return f"{table}:{number}"


def _renumbered(record: Record, real: str, name: str, observed: Observed) -> Record:
    """What is known about an entry goes along with it to the number it has now."""
    gone = (
        each
        for each in record.objects
        if record.names.get(each) == name
        and widen_to_table(each) == widen_to_table(real)
        and observed.objects.get(each) is None
    )
    old = next(gone, real)
    if old == real or real in record.objects:
        return record
    return replace(
        record,
        objects={real if each == old else each: text for each, text in record.objects.items()},
        names={**record.names, real: name},
    )


def move_to_front(object_id: str, observed: Observed, ours: Iterable[str]) -> Tree:
    """The order that brings the entry before all that are not ``ours``; none if it stands there."""
    if not is_numbered(object_id):
        return ()
    table, key = widen_to_table(object_id), ObjectId.parse(object_id).key or ""
    own = set(ours)
    for each in observed.order(table):
        if each == key:
            return ()
        if f"{table}:{each}" not in own:
            return (_move(key, "before", each),)
    return ()


def current_position(object_id: str, observed: Observed) -> Tree:
    """The order that brings the entry back to where it stands now."""
    if not is_numbered(object_id):
        return ()
    return _beside(ObjectId.parse(object_id).key or "", observed.order(widen_to_table(object_id)))


def restore_position(object_id: str, before: tuple[str, ...], now: tuple[str, ...]) -> Tree:
    """The order that gives the entry the place among the others that it had ``before``."""
    key = ObjectId.parse(object_id).key or ""
    now = now if key in now else (*now, key)
    then = tuple(each for each in before if each in now)
    if key not in then or then == tuple(each for each in now if each in then):
        return ()
    return _beside(key, then)


def restore_remembered_position(object_id: str, text: str, observed: Observed) -> Tree:
    """The order in the remembered ``text`` of an entry, unless it is fulfilled or cannot be."""
    keys = observed.order(widen_to_table(object_id))
    for config in parse(text):
        for node in config.body if isinstance(config, Config) else ():
            if isinstance(node, Statement) and node.verb == "move":
                _, where, other = get_values(node.words)
                key = (
                    ObjectId.parse(object_id).key or ""
                )  # the operator may have renumbered it since
                then = (key, other) if where == "before" else (other, key)
                return restore_position(object_id, then, keys) if other in keys else ()
    return ()


def _beside(key: str, keys: tuple[str, ...]) -> Tree:
    """Right behind the one before it: ours is moved to the front, so that is the way back."""
    at = keys.index(key)
    if at:
        return (_move(key, "after", keys[at - 1]),)
    return (_move(key, "before", keys[1]),) if len(keys) > 1 else ()


def _move(key: str, where: str, other: str) -> Statement:
    return Statement("move", (make_key(key), Word(where), make_key(other)))
