"""What a unit itself tells of an earlier deployment whose record is lost, or lies on another ban host.

Our objects say whose they are in their comments. Without that, `--adopt` would take them for the
operator's own, and a teardown would put them back.
"""

from __future__ import annotations

from dataclasses import replace

from provision.fortios.config.desired import Desired
from provision.fortios.config.diff import collect_values, read_attributes
from provision.fortios.config.object_id import ObjectId
from provision.fortios.config.observed import Observed
from provision.fortios.config.owned import MARKER
from provision.fortios.config.schema import DENY_LISTS
from provision.fortios.config.text import Config, Statement, Tree, Word, serialize
from provision.fortios.record.record import Record


def is_marked(body: Tree) -> bool:
    """Whether an object says that it was made by this toolkit."""
    return any(value.startswith(MARKER) for value in collect_values(body))


def recover_record(
    desired: Desired, observed: Observed, record: Record
) -> tuple[Record, tuple[str, ...]]:
    """The record with what was surely made by an earlier deployment, and a word on it.

    One object with our mark vouches for the others of our names: a CA, and on FortiOS 6.4 most
    objects, have no comment.
    """
    found = find_relics(desired, observed, record)
    if not found:
        return record, ()
    ours = _names(desired)
    objects = {each: _before(each, body, ours) for each, body in found.items()}
    text = f"made by an earlier deployment, taken for ours: {', '.join(found)}"
    return replace(record, objects={**record.objects, **objects}), (text,)


def find_relics(desired: Desired, observed: Observed, record: Record) -> dict[str, Tree]:
    """Return what an earlier deployment left and no record knows; empty if nothing has our mark."""
    unknown = [each.id for each in desired.objects if each.id not in record.objects]
    ours = _names(desired)
    there = {
        each: body
        for each in unknown
        if (body := observed.objects.get(each)) is not None and _is_telling(each, body, ours)
    }
    return there if any(map(is_marked, there.values())) else {}


def _names(desired: Desired) -> set[str]:
    return {key for each in desired.objects if (key := ObjectId.parse(each.id).key)}


def _is_telling(object_id: str, body: Tree, ours: set[str]) -> bool:
    """Whether it can be told from the object alone what in it is ours."""
    _, path, key = ObjectId.parse(object_id)
    return key is not None or (path in DENY_LISTS and bool(collect_values(body) & ours))


def _before(object_id: str, body: Tree, ours: set[str]) -> str | None:
    """None for an entry: we made it. A deny-list held what is not ours, or was not there."""
    _, path, key = ObjectId.parse(object_id)
    if key is not None:
        return None
    held, found = read_attributes(body), []
    for name, switch in DENY_LISTS.get(path, ()):
        theirs = tuple(each for each in held.get(name, ()) if each.value not in ours)
        if theirs:
            found.append(Statement("set", (Word(name), *theirs)))
        else:
            found += [Statement("unset", (Word(each),)) for each in (name, switch)]
    return serialize((Config(path, tuple(found)),))
