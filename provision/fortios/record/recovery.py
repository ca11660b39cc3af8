"""Recognise our objects on a FortiGate whose record is lost, or is on another ban host.

The comments of our objects name Banstitch. Without this check, `--adopt` would take them for the
operator's own, and a teardown would restore them.
"""

from __future__ import annotations

from dataclasses import replace

from provision.fortios.config.desired import Desired
from provision.fortios.config.diff import collect_values, read_attributes
from provision.fortios.config.object_id import ObjectId
from provision.fortios.config.observed import Observed
from provision.fortios.config.tables import find_table
from provision.fortios.config.tables.table import MARKER
from provision.fortios.config.text import Config, Statement, Tree, Word, serialize
from provision.fortios.record.record import Record


def is_marked(body: Tree) -> bool:
    """Return whether an object has the mark of Banstitch."""
    return any(value.startswith(MARKER) for value in collect_values(body))


def recover_record(
    desired: Desired, observed: Observed, record: Record
) -> tuple[Record, tuple[str, ...]]:
    """Return the record with what an earlier deployment must have made, and a warning about it.

    One object with our mark vouches for the others of our names: a CA, and most objects of FortiOS
    6.4, have no comment.
    """
    relics = find_relics(desired, observed, record)
    if not relics:
        return record, ()
    our_names = _list_names(desired)
    objects = {
        object_id: _guess_earlier_text(object_id, body, our_names)
        for object_id, body in relics.items()
    }
    text = f"made by an earlier deployment, treated as ours: {', '.join(relics)}"
    return replace(record, objects={**record.objects, **objects}), (text,)


def find_relics(desired: Desired, observed: Observed, record: Record) -> dict[str, Tree]:
    """Return what an earlier deployment left outside the record; empty if nothing has our mark."""
    unknown = [one.id for one in desired.objects if one.id not in record.objects]
    our_names = _list_names(desired)
    candidates = {
        object_id: body
        for object_id in unknown
        if (body := observed.objects.get(object_id)) is not None
        and _is_recognizable(object_id, body, our_names)
    }
    return candidates if any(map(is_marked, candidates.values())) else {}


def _list_names(desired: Desired) -> set[str]:
    return {key for one in desired.objects if (key := ObjectId.parse(one.id).key)}


def _is_recognizable(object_id: str, body: Tree, our_names: set[str]) -> bool:
    """Return whether the object alone shows what in it is ours."""
    one = ObjectId.parse(object_id)
    has_deny_list = bool(find_table(one.table).deny_lists)
    return one.key is not None or (has_deny_list and bool(collect_values(body) & our_names))


def _guess_earlier_text(object_id: str, body: Tree, our_names: set[str]) -> str | None:
    """Return None for an entry, which we made; for deny-lists, the members that are not ours."""
    one = ObjectId.parse(object_id)
    if one.key is not None:
        return None
    attributes, statements = read_attributes(body), []
    for name, switch in find_table(one.table).deny_lists:
        foreign = tuple(word for word in attributes.get(name, ()) if word.value not in our_names)
        if foreign:
            statements.append(Statement("set", (Word(name), *foreign)))
        else:
            statements += [Statement("unset", (Word(attribute),)) for attribute in (name, switch)]
    return serialize((Config(one.table, tuple(statements)),))
