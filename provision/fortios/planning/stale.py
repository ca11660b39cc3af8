"""Plan the deletion of what older inventories left on a FortiGate, or the restore of what stood there before.

Both come from the ban host's memory, so both are checked against what the FortiGate shows and against the
closed lists of `config/tables`.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from provision.fortios.config.desired import Desired, widen_to_table
from provision.fortios.config.diff import (
    IsCurrent,
    collect_attribute_names,
    collect_values,
    compare_bodies,
    is_secret,
)
from provision.fortios.config.object_id import ObjectId
from provision.fortios.config.observed import Observed
from provision.fortios.config.text import Tree
from provision.fortios.planning.object_changes import MEMORY, ObjectChange, diff_context
from provision.fortios.planning.policies import restore_remembered_position
from provision.fortios.planning.references import find_foreign_users
from provision.fortios.planning.single_objects import (
    drop_missing_members,
    read_remembered_statements,
    restore_single_object,
    select_attributes,
)
from provision.fortios.record.record import Record
from provision.fortios.record.restorable import (
    explain_foreign,
    find_obstacles,
    parse_remembered_body,
    select_restorable,
    select_touchable,
)


def plan_stale_objects(
    desired: Desired, observed: Observed, record: Record, ours: frozenset[str]
) -> list[ObjectChange]:
    """Return the changes of recorded objects that are not desired any more.

    An object that others still use stays. ``ours``: the names of our feeds.
    """
    desired_ids = {one.id for one in desired.objects}
    stale_ids = [each for each in reversed(list(record.objects)) if each not in desired_ids]
    changes = [
        _plan_stale_object(object_id, observed, record, ours)
        for object_id in _sort_users_first(stale_ids, observed)
    ]
    return _keep_used(changes, observed, desired_ids | set(record.objects))


def _keep_used(
    changes: list[ObjectChange], observed: Observed, our_ids: set[str]
) -> list[ObjectChange]:
    """Return the changes without deletions of objects that foreign or kept objects refer to."""
    checked: list[ObjectChange] = []
    for change in changes:
        ignored = our_ids - {earlier.id for earlier in checked if earlier.stays}
        is_deleted = change.body is None
        users = list(find_foreign_users(change.id, observed, ignored)) if is_deleted else []
        checked.append(_keep(change.id, f"{', '.join(users)} refers to it") if users else change)
    return checked


def _keep(object_id: str, why: str) -> ObjectChange:
    text = f"{object_id} stays: {why}"
    return ObjectChange(object_id, (), "keep", warnings=(text,), stays=text)


def _sort_users_first(object_ids: list[str], observed: Observed) -> list[str]:
    """Return the ids, each behind those of its users; a cycle is broken at its first id."""
    uses = {each: collect_values(observed.objects.get(each) or ()) for each in object_ids}
    users = Counter(name for each in object_ids for name in uses[each])

    def is_free(object_id: str) -> bool:
        key = ObjectId.parse(object_id).key
        return key is None or users[key] <= (key in uses[object_id])

    ordered, left = [], object_ids
    while left:
        following = next(filter(is_free, left), left[0])
        left = [each for each in left if each != following]
        users.subtract(uses[following])
        ordered.append(following)
    return ordered


def _plan_stale_object(
    object_id: str, observed: Observed, record: Record, ours: frozenset[str]
) -> ObjectChange:
    before = record.objects[object_id]
    if widen_to_table(object_id) in observed.missing:
        return ObjectChange(object_id, (), "restore")
    if before is None:
        return _delete(object_id, observed)
    if ObjectId.parse(object_id).key is None:
        change = _restore_single(object_id, before, observed, record, ours)
    else:
        change = _restore_entry(object_id, before, observed, record)
    return replace(change, source=MEMORY)


def _delete(object_id: str, observed: Observed) -> ObjectChange:
    one, body = ObjectId.parse(object_id), observed.objects.get(object_id)
    if body is None or one.key is None:
        return ObjectChange(object_id, (), "delete")
    why = explain_foreign(one, body)
    if why:
        return _keep(object_id, f"{why}; delete it by hand if it is not needed")
    return ObjectChange(object_id, None, "delete", source=MEMORY)


def _restore_single(
    object_id: str, before: str, observed: Observed, record: Record, ours: frozenset[str]
) -> ObjectChange:
    statements = read_remembered_statements(object_id, before)
    target, warnings = restore_single_object(object_id, statements, observed, ours)
    names = collect_attribute_names(target)
    current = select_attributes(observed.objects.get(object_id) or (), names)
    changes = compare_bodies(
        diff_context(object_id, _make_untouched_check(record)), target, current
    )
    return ObjectChange(object_id, changes, "restore", warnings=warnings)


def _restore_entry(object_id: str, before: str, observed: Observed, record: Record) -> ObjectChange:
    one, body = ObjectId.parse(object_id), observed.objects.get(object_id)
    earlier = parse_remembered_body(one, before)
    context = diff_context(object_id, _make_untouched_check(record))
    obstacles = find_obstacles(one, earlier)
    if obstacles:
        differs = bool(compare_bodies(context, earlier, body or ()))
        return _restore_by_hand(object_id, ", ".join(obstacles), differs, body)
    target, missing = drop_missing_members(object_id, select_restorable(one, earlier), observed)
    if missing:
        return _keep(object_id, f"{', '.join(missing)}, which it had before, no longer exists")
    changes = compare_bodies(context, target, select_touchable(one, body or ()))
    move = restore_remembered_position(object_id, before, observed)
    return ObjectChange(object_id, changes, "restore", move=move)


def _restore_by_hand(
    object_id: str, obstacles: str, differs: bool, body: Tree | None
) -> ObjectChange:
    """Restore nothing: release 0.1 remembered whole objects, and not all of that may be typed."""
    why = f"{obstacles} must not come from the ban host's memory"
    if body is None:
        warning = f"{object_id} is not created again: {why}"
        return ObjectChange(object_id, (), "restore", warnings=(warning,))
    if not differs:
        return ObjectChange(object_id, (), "restore")
    return _keep(object_id, f"{why}; restore it or delete it by hand, then run again")


def _make_untouched_check(record: Record) -> IsCurrent:
    """Return a check that a hidden secret is still the operator's own: we never sent one."""
    return lambda name, words: is_secret(words) and name not in record.fingerprints
