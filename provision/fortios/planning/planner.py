"""Plan what to send to one FortiGate, and what its record must keep first.

Pure: no socket, no clock. A teardown is the same machine with nothing desired.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from provision.errors import Conflict
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
from provision.fortios.config.tables.table import SECRET_NAMES
from provision.fortios.config.text import Tree
from provision.fortios.planning.blocks import Block, build_block
from provision.fortios.planning.enforcement_choice import choose_enforcement, drop_unsupported
from provision.fortios.planning.object_changes import (
    ObjectChange,
    Situation,
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
    """The plan for one FortiGate.

    ``blocks`` in the order of sending; ``changes`` show the same to an operator.
    ``record`` must be safe on the ban host before the first line is sent; ``settled`` replaces it once
    all blocks are through. If both equal the old record, nothing needs to be written.
    ``stays``: why an object that should be deleted is kept. ``unmanaged``: what somebody set by hand on our
    objects and stays as it is.
    """

    changes: tuple[Change, ...] = ()
    warnings: tuple[str, ...] = ()
    blocks: tuple[Block, ...] = ()
    record: Record = field(default_factory=Record)
    settled: Record = field(default_factory=Record)
    stays: tuple[str, ...] = ()
    unmanaged: tuple[UnmanagedAttribute, ...] = ()


def object_ids_to_observe(desired: Desired, record: Record) -> tuple[str, ...]:
    """Return the ids of all objects that a plan depends on.

    These are the desired objects and what they need, what older inventories left, what is only read, and
    the members of lists to restore.
    """
    needs = [one.needs for one in desired.objects if one.needs]
    object_ids = [*_list_ids(desired), *needs, *record.objects, *desired.reads]
    return tuple(dict.fromkeys((*map(widen_to_table, object_ids), *_list_member_ids(record))))


def _list_member_ids(record: Record) -> Iterator[str]:
    for object_id, text in record.objects.items():
        one = ObjectId.parse(object_id)
        body = parse_remembered_body(one, text) if text is not None else ()
        for _, places in list_members(one, body):
            yield from map(str, places)


def teardown(observed: Observed, record: Record) -> FortiPlan:
    """Return the plan that removes all that was made, and restores all that stood before."""
    return plan(Desired(), observed, record, key=b"")


def plan(
    desired: Desired, observed: Observed, record: Record, *, key: bytes, adopt: bool = False
) -> FortiPlan:
    """Return the plan from ``observed`` to ``desired``, without what an older inventory left.

    ``key`` makes the fingerprints of secrets. ``adopt`` takes over objects of the same name that are
    not ours; the record keeps them, and a teardown restores them.

    Raises:
        Conflict: objects that are not ours are in the way (the message names all of them).
        Failed: the FortiGate lacks a table that is needed.
    """
    observed = with_table_entries(observed)
    record, warnings = _check_serial(observed, record)
    desired, record, renamed = resolve_numbers(desired, observed, record)
    warnings += renamed
    if adopt:
        record, recovered = recover_record(desired, observed, record)
        warnings += recovered
    feeds = _list_feeds((*_list_ids(desired), *record.objects))
    relics = find_relics(desired, observed, record)
    situation = Situation(observed, record, key, adopt, feeds, _list_ids(desired), relics)
    desired, chosen = choose_enforcement(
        desired, observed, record, lambda one: plan_object(one, situation)
    )
    desired, left_out = drop_unsupported(desired, observed)
    situation = replace(situation, siblings=_list_ids(desired))
    changes = _plan_objects(desired, lambda one: plan_object(one, situation))
    stale = plan_stale_objects(desired, observed, record, feeds)
    fingerprints = _make_fingerprints(desired, observed, key)
    notes = dict.fromkeys(one.note for one in desired.objects if one.note)
    warnings = (*observed.warnings, *warnings, *notes, *chosen, *left_out)
    return _assemble(situation, changes, stale, warnings, fingerprints)


def _list_feeds(object_ids: Iterable[str]) -> frozenset[str]:
    """Return the names of our feeds: no other object of ours can be in a list of addresses."""
    parsed = map(ObjectId.parse, object_ids)
    return frozenset(one.key or "" for one in parsed if one.table == "system external-resource")


def _list_ids(desired: Desired) -> tuple[str, ...]:
    return tuple(one.id for one in desired.objects)


def _plan_objects(
    desired: Desired, plan_one: Callable[[DesiredObject], ObjectChange]
) -> list[ObjectChange]:
    changes, conflicts = [], []
    for one in desired.objects:
        try:
            changes.append(plan_one(one))
        except Conflict as conflict:
            conflicts.append(conflict)
    if conflicts:
        remedies = dict.fromkeys(conflict.remedy for conflict in conflicts)
        raise Conflict("\n".join(conflict.message for conflict in conflicts), "\n".join(remedies))
    return changes


def _check_serial(observed: Observed, record: Record) -> tuple[Record, tuple[str, ...]]:
    """Return the record if it describes this FortiGate or its configuration, else an empty one."""
    if record.serial in ("", observed.serial):
        return replace(record, serial=observed.serial), ()
    if record.serial in observed.members:
        text = (
            f"a failover: FortiGate {observed.serial} is the primary of its cluster now, so it polls and"
            f" posts; it was {record.serial} at the last apply"
        )
        return replace(record, serial=observed.serial), (text,)
    whose = f"the record was made with FortiGate {record.serial}, this is {observed.serial}"
    made = [object_id for object_id, before in record.objects.items() if before is None]
    if any(observed.objects.get(object_id) is not None for object_id in made):
        text = f"{whose}: treated as the same configuration (cluster or restored backup)"
        return replace(record, serial=observed.serial), (text,)
    text = f"{whose} and has no objects of ours: treated as a new FortiGate with an empty record"
    return Record(observed.serial), (text,)


def _assemble(
    situation: Situation,
    planned: list[ObjectChange],
    stale: list[ObjectChange],
    warnings: tuple[str, ...],
    fingerprints: Mapping[str, str],
) -> FortiPlan:
    due = [one for one in (*planned, *stale) if _is_due(one, situation.observed)]
    blocks = tuple(build_block(one.id, one.body, one.move) for one in due)
    changes = (
        Change(one.id, one.action, block.shown, one.reason, one.source)
        for one, block in zip(due, blocks, strict=True)
    )
    before, settled = _update_record(situation.record, planned, stale, fingerprints)
    unmanaged = [list_unmanaged(one.id, one.unmanaged) for one in planned if one.unmanaged]
    more = (text for one in (*planned, *stale) for text in one.warnings)
    return FortiPlan(
        changes=tuple(changes),
        warnings=(*warnings, *more, *map(format_note, unmanaged)),
        unmanaged=tuple(attribute for group in unmanaged for attribute in group),
        blocks=blocks,
        record=before,
        settled=settled,
        stays=tuple(one.stays for one in stale if one.stays),
    )


def _update_record(
    record: Record,
    planned: list[ObjectChange],
    stale: list[ObjectChange],
    fingerprints: Mapping[str, str],
) -> tuple[Record, Record]:
    """Return the record to write before the first line is sent, and the one for afterwards."""
    names = {one.id: one.policy_name for one in planned if one.policy_name}
    before = replace(
        record,
        objects={**record.objects, **{one.id: one.remember for one in planned}},
        fingerprints=_mark_changing(record, fingerprints),
        names={**record.names, **names},
    )
    kept = {one.id: record.objects[one.id] for one in stale if one.stays}
    objects = {**kept, **{one.id: one.settle for one in planned}}
    settled = replace(record, objects=objects, fingerprints=fingerprints, names=before.names)
    return _drop_unused_names(before), _drop_unused_names(settled)


def _drop_unused_names(record: Record) -> Record:
    names = {each: name for each, name in record.names.items() if each in record.objects}
    return replace(record, names=names)


def _is_due(change: ObjectChange, observed: Observed) -> bool:
    is_entry = ObjectId.parse(change.id).key is not None
    is_absent = is_entry and observed.objects.get(change.id) is None
    has_lines = change.body is None or bool(change.body) or bool(change.move)
    return has_lines or (is_absent and change.action == "create")


def _mark_changing(record: Record, fingerprints: Mapping[str, str]) -> dict[str, str]:
    """Return the fingerprints for the time of sending; one that changes is "", as neither holds."""
    earlier = {
        name: digest if fingerprints.get(name, digest) == digest else ""
        for name, digest in record.fingerprints.items()
    }
    return earlier | {name: "" for name in fingerprints if name not in earlier}


def _make_fingerprints(desired: Desired, observed: Observed, key: bytes) -> dict[str, str]:
    fingerprints = {}
    for one in desired.objects:
        hidden = {
            name
            for name, words in walk_attributes(one.id, observed.objects.get(one.id) or ())
            if is_secret(words)
        }
        for name, words in walk_attributes(one.id, one.body):
            if name in hidden or name.rpartition(" ")[2] in SECRET_NAMES:
                fingerprints[name] = fingerprint_words(key, words)
    return fingerprints


def plan_rollback(
    before: Observed, now: Observed, sent: Iterable[Block], *, secrets_kept: bool = False
) -> tuple[Block, ...]:
    """Return the blocks that lead from ``now`` back to ``before`` for the blocks ``sent``, last first.

    A secret that ``sent`` may have overwritten is sent again as the FortiGate showed it, unless
    ``secrets_kept`` says that it is back already.
    """
    before, now = with_table_entries(before), with_table_entries(now)
    undo = (_roll_back_block(block, before, now, secrets_kept) for block in reversed(tuple(sent)))
    return tuple(block for block in undo if block is not None)


def _roll_back_block(
    sent: Block, before: Observed, now: Observed, secrets_kept: bool
) -> Block | None:
    """Return the block that undoes ``sent``; None if there is nothing to undo."""
    earlier, current = before.objects.get(sent.id), now.objects.get(sent.id)
    if earlier is None and ObjectId.parse(sent.id).key is not None:
        return build_block(sent.id, None) if current is not None else None
    context = diff_context(sent.id, _check_untouched(sent, secrets_kept))
    body = compare_bodies(context, earlier or (), current or ())
    move: Tree = ()
    if is_numbered(sent.id):
        table = widen_to_table(sent.id)
        move = restore_position(sent.id, before.order(table), now.order(table))
    is_lost = earlier is not None and current is None
    return build_block(sent.id, body, move) if body or move or is_lost else None


def _check_untouched(sent: Block, secrets_kept: bool) -> IsCurrent:
    """Return a check that ``sent`` cannot have overwritten a secret."""
    names = collect_attribute_names(sent.tree)
    return lambda name, _words: secrets_kept or name.rpartition(" ")[2] not in names
