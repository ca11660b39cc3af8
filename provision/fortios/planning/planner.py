"""From desired and observed to what is sent to one FortiGate, and what must be remembered first.

Pure: no socket, no clock. Teardown is the same machine with nothing desired.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from provision.errors import Conflict, Failed
from provision.fortios.config.desired import Desired, DesiredObject, widen_to_table
from provision.fortios.config.diff import (
    IsCurrent,
    collect_attribute_names,
    compare_bodies,
    is_secret,
    walk_attributes,
)
from provision.fortios.config.object_id import ObjectId
from provision.fortios.config.observed import Observed, with_table_entries
from provision.fortios.config.schema import SECRET_NAMES
from provision.fortios.config.text import Tree
from provision.fortios.planning.enforcement_choice import choose_enforcement
from provision.fortios.planning.object_changes import (
    Block,
    ObjectChange,
    build_block,
    diff_context,
    fingerprint_words,
    plan_object,
)
from provision.fortios.planning.policies import is_numbered, resolve_numbers, restore_position
from provision.fortios.planning.stale import plan_stale_objects
from provision.fortios.planning.unmanaged import UnmanagedAttribute, format_note, list_unmanaged
from provision.fortios.record.record import Record
from provision.fortios.record.recovery import find_relics, recover_record
from provision.fortios.record.restorable import list_members, parse_remembered_body
from provision.plan import Change


@dataclass(frozen=True)
class FortiPlan:
    """``blocks`` in the order of sending; ``changes`` tells the same to an operator.

    ``record`` must be safe on the ban host before the first line is sent, ``settled`` replaces it
    once every block has gone through. Where both equal the old record nothing needs to be written.
    ``stays``: why something that should be deleted is not. ``left``: what was set by hand on our
    objects and stays as it is.
    """

    changes: tuple[Change, ...] = ()
    warnings: tuple[str, ...] = ()
    blocks: tuple[Block, ...] = ()
    record: Record = field(default_factory=Record)
    settled: Record = field(default_factory=Record)
    stays: tuple[str, ...] = ()
    left: tuple[UnmanagedAttribute, ...] = ()


def object_ids_to_observe(desired: Desired, record: Record) -> tuple[str, ...]:
    """Return every object that must be looked at.

    That is what is desired, what older inventories left, and what a list that stood there before
    refers to.
    """
    found = [*_ids(desired), *record.objects]
    return tuple(dict.fromkeys((*map(widen_to_table, found), *_members(record))))


def _members(record: Record) -> Iterator[str]:
    for each, text in record.objects.items():
        one = ObjectId.parse(each)
        body = parse_remembered_body(one, text) if text is not None else ()
        for _, places in list_members(one, body):
            yield from map(str, places)


def teardown(observed: Observed, record: Record) -> FortiPlan:
    """What removes all that was made and brings back all that stood before."""
    return plan(Desired(), observed, record, key=b"")


def plan(
    desired: Desired, observed: Observed, record: Record, *, key: bytes, adopt: bool = False
) -> FortiPlan:
    """What makes ``observed`` hold ``desired`` and nothing that an older inventory left.

    ``key`` makes the fingerprints of secrets. ``adopt`` takes over objects of the same name that
    are not ours; what they were is remembered and comes back at teardown.

    Raises:
        Conflict: something that is not ours is in the way (all such objects are named).
        Failed: the unit lacks a table that is needed.
    """
    observed = with_table_entries(observed)
    record, warnings = _of_this_unit(observed, record)
    desired, record, renamed = resolve_numbers(desired, observed, record)
    warnings += renamed
    if adopt:
        record, recognised = recover_record(desired, observed, record)
        warnings += recognised
    ours = _feeds((*_ids(desired), *record.objects))
    left = find_relics(desired, observed, record)

    def step(wanted: DesiredObject) -> ObjectChange:
        return plan_object(wanted, observed, record, key, adopt, ours, _ids(desired), left)

    desired, said = choose_enforcement(desired, observed, record, step)
    desired, lacked = _with_tables(desired, observed)
    steps = _all_steps(desired, step)
    stale = plan_stale_objects(desired, observed, record, ours)
    prints = _fingerprints(desired, observed, key)
    notes = dict.fromkeys(each.note for each in desired.objects if each.note)
    warnings = (*observed.warnings, *warnings, *notes, *said, *lacked)
    return _assemble(observed, record, steps, stale, warnings, prints)


def _feeds(objects: Iterable[str]) -> frozenset[str]:
    """Return the names of our feeds: nothing else of ours can stand in a list of addresses."""
    found = map(ObjectId.parse, objects)
    return frozenset(each.key or "" for each in found if each.table == "system external-resource")


def _ids(desired: Desired) -> tuple[str, ...]:
    return tuple(each.id for each in desired.objects)


def _all_steps(
    desired: Desired, step: Callable[[DesiredObject], ObjectChange]
) -> list[ObjectChange]:
    steps, conflicts = [], []
    for wanted in desired.objects:
        try:
            steps.append(step(wanted))
        except Conflict as conflict:
            conflicts.append(conflict)
    if conflicts:
        remedies = dict.fromkeys(each.remedy for each in conflicts)
        raise Conflict("\n".join(each.what for each in conflicts), "\n".join(remedies))
    return steps


def _with_tables(desired: Desired, observed: Observed) -> tuple[Desired, tuple[str, ...]]:
    """``desired`` without what can be left out where the unit has no table for it, and a word on it."""
    lacking = [each for each in desired.objects if widen_to_table(each.id) in observed.missing]
    needed = [each for each in lacking if not each.without]
    if needed:
        tables = ", ".join(dict.fromkeys(f"'{ObjectId.parse(each.id).table}'" for each in needed))
        raise Failed(
            f"this unit has no {tables} ({', '.join(each.source for each in needed)} needs it)",
            "choose another enforcement, or auto, which takes one that this unit has",
        )
    said = (
        f"this unit has no '{ObjectId.parse(each.id).table}': {each.without}" for each in lacking
    )
    kept = tuple(each for each in desired.objects if each not in lacking)
    return replace(desired, objects=kept), tuple(dict.fromkeys(said))


def _of_this_unit(observed: Observed, record: Record) -> tuple[Record, tuple[str, ...]]:
    """The record, if it speaks of this unit or of one whose configuration this unit took over."""
    if record.serial in ("", observed.serial):
        return replace(record, serial=observed.serial), ()
    whose = f"the record was made with unit {record.serial}, this is {observed.serial}"
    made = [each for each, before in record.objects.items() if before is None]
    if any(observed.objects.get(each) is not None for each in made):
        text = f"{whose}: taken for the same configuration (cluster or restored backup)"
        return replace(record, serial=observed.serial), (text,)
    text = f"{whose} and it holds nothing of ours: taken for a new unit, the record starts afresh"
    return Record(observed.serial), (text,)


def _assemble(
    observed: Observed,
    record: Record,
    steps: list[ObjectChange],
    stale: list[ObjectChange],
    warnings: tuple[str, ...],
    prints: Mapping[str, str],
) -> FortiPlan:
    due = [each for each in (*steps, *stale) if _is_due(each, observed)]
    blocks = tuple(build_block(each.id, each.body, each.move) for each in due)
    changes = (
        Change(step.id, step.action, sent.shown, step.reason, step.source)
        for step, sent in zip(due, blocks, strict=True)
    )
    before, after = _records(record, steps, stale, prints)
    left = [found for each in steps if (found := list_unmanaged(each.id, each.left))]
    said = (text for each in (*steps, *stale) for text in each.warnings)
    return FortiPlan(
        changes=tuple(changes),
        warnings=(*warnings, *said, *map(format_note, left)),
        left=tuple(each for found in left for each in found),
        blocks=blocks,
        record=before,
        settled=after,
        stays=tuple(each.stays for each in stale if each.stays),
    )


def _records(
    record: Record, steps: list[ObjectChange], stale: list[ObjectChange], prints: Mapping[str, str]
) -> tuple[Record, Record]:
    """What has to be remembered before the first line is sent, and once all are through."""
    names = {each.id: each.policy_name for each in steps if each.policy_name}
    before = replace(
        record,
        objects={**record.objects, **{each.id: each.remember for each in steps}},
        fingerprints=_under_way(record, prints),
        names={**record.names, **names},
    )
    kept = {each.id: record.objects[each.id] for each in stale if each.stays}
    objects = {**kept, **{each.id: each.settle for each in steps}}
    settled = replace(record, objects=objects, fingerprints=prints, names=before.names)
    return _names_of_objects(before), _names_of_objects(settled)


def _names_of_objects(record: Record) -> Record:
    names = {each: name for each, name in record.names.items() if each in record.objects}
    return replace(record, names=names)


def _is_due(step: ObjectChange, observed: Observed) -> bool:
    absent = ObjectId.parse(step.id).key is not None and observed.objects.get(step.id) is None
    needs = bool(step.body) or bool(step.move)
    return step.body is None or needs or (absent and step.action == "create")


def _under_way(record: Record, prints: Mapping[str, str]) -> dict[str, str]:
    """The fingerprints while lines are being sent: one that changes is known to be neither."""
    old = {
        name: each if prints.get(name, each) == each else ""
        for name, each in record.fingerprints.items()
    }
    return old | {name: "" for name in prints if name not in old}


def _fingerprints(desired: Desired, observed: Observed, key: bytes) -> dict[str, str]:
    found = {}
    for each in desired.objects:
        hidden = {
            name
            for name, words in walk_attributes(each.id, observed.objects.get(each.id) or ())
            if is_secret(words)
        }
        for name, words in walk_attributes(each.id, each.body):
            if name in hidden or name.rpartition(" ")[2] in SECRET_NAMES:
                found[name] = fingerprint_words(key, words)
    return found


def plan_rollback(
    before: Observed, now: Observed, sent: Iterable[Block], *, secrets_kept: bool = False
) -> tuple[Block, ...]:
    """The blocks that lead from ``now`` back to ``before`` for what was ``sent``, last first.

    A secret that ``sent`` may have overwritten is sent again as the unit showed it, unless it is
    known to be back (``secrets_kept``).
    """
    found: list[Block] = []
    before, now = with_table_entries(before), with_table_entries(now)
    for each in reversed(tuple(sent)):
        then, have = before.objects.get(each.id), now.objects.get(each.id)
        body: Tree | None
        move: Tree = ()
        if then is None and ObjectId.parse(each.id).key is not None:
            body = None if have is not None else ()
        else:
            kept = _kept(each, secrets_kept)
            body = compare_bodies(diff_context(each.id, kept), then or (), have or ())
            if is_numbered(each.id):
                table = widen_to_table(each.id)
                move = restore_position(each.id, before.order(table), now.order(table))
        if body or move or body is None or (then is not None and have is None):
            found.append(build_block(each.id, body, move))
    return tuple(found)


def _kept(sent: Block, secrets_kept: bool) -> IsCurrent:
    names = collect_attribute_names(sent.tree)
    return lambda name, _want: secrets_kept or name.rpartition(" ")[2] not in names
