"""Delete what older inventories left on a FortiGate, or bring back what stood there before.

Both come from the ban host's memory, so both are held against what the FortiGate shows and against
the closed lists of `config/owned.py`.
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
from provision.fortios.planning.object_changes import (
    MEMORY,
    ObjectChange,
    diff_context,
    drop_missing_members,
    read_remembered_statements,
    restore_single_object,
    select_attributes,
)
from provision.fortios.planning.policies import restore_remembered_position
from provision.fortios.planning.references import find_foreign_users
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
    """Return the steps for what nobody desires any more; nothing goes while another still uses it."""
    wanted = {each.id for each in desired.objects}
    left = [each for each in reversed(list(record.objects)) if each not in wanted]
    ordered = _users_first(left, observed)
    return _keeping_the_used(
        [_stale_step(one, observed, record, ours) for one in ordered],
        observed,
        wanted | set(record.objects),
    )


def _keeping_the_used(
    steps: list[ObjectChange], observed: Observed, ours: set[str]
) -> list[ObjectChange]:
    """Keep what somebody else refers to, and what that in turn refers to."""
    found: list[ObjectChange] = []
    for step in steps:
        left = set(ours) - {each.id for each in found if each.stays}
        users = list(find_foreign_users(step.id, observed, left)) if step.body is None else []
        found.append(_kept(step.id, f"{', '.join(users)} refers to it") if users else step)
    return found


def _kept(one: str, why: str) -> ObjectChange:
    text = f"{one} stays: {why}"
    return ObjectChange(one, (), "keep", warnings=(text,), stays=text)


def _users_first(left: list[str], observed: Observed) -> list[str]:
    """Return the ids ``left``, each after those that use it; a circle is broken at its first."""
    uses = {each: collect_values(observed.objects.get(each) or ()) for each in left}
    users = Counter(name for each in left for name in uses[each])

    def is_free(one: str) -> bool:
        key = ObjectId.parse(one).key
        return key is None or users[key] <= (key in uses[one])

    ordered = []
    while left:
        one = next(filter(is_free, left), left[0])
        left = [each for each in left if each != one]
        users.subtract(uses[one])
        ordered.append(one)
    return ordered


def _stale_step(one: str, observed: Observed, record: Record, ours: frozenset[str]) -> ObjectChange:
    before = record.objects[one]
    if widen_to_table(one) in observed.missing:
        return ObjectChange(one, (), "restore")
    if before is None:
        return _delete(one, observed)
    if ObjectId.parse(one).key is None:
        found = _restore_single(one, before, observed, record, ours)
    else:
        found = _restore_entry(one, before, observed, record)
    return replace(found, source=MEMORY)


def _delete(one: str, observed: Observed) -> ObjectChange:
    have = observed.objects.get(one)
    if have is None or ObjectId.parse(one).key is None:
        return ObjectChange(one, (), "delete")
    why = explain_foreign(ObjectId.parse(one), have)
    if why:
        return _kept(one, f"{why}; delete it by hand if it is not needed")
    return ObjectChange(one, None, "delete", source=MEMORY)


def _restore_single(
    one: str, before: str, observed: Observed, record: Record, ours: frozenset[str]
) -> ObjectChange:
    target, warnings = restore_single_object(
        one, read_remembered_statements(one, before), observed, ours
    )
    have = select_attributes(observed.objects.get(one) or (), collect_attribute_names(target))
    body = compare_bodies(diff_context(one, _untouched(record)), target, have)
    return ObjectChange(one, body, "restore", warnings=warnings)


def _restore_entry(one: str, before: str, observed: Observed, record: Record) -> ObjectChange:
    was, have = parse_remembered_body(ObjectId.parse(one), before), observed.objects.get(one)
    here = diff_context(one, _untouched(record))
    wrong = find_obstacles(ObjectId.parse(one), was)
    if wrong:
        return _restore_by_hand(
            one, ", ".join(wrong), bool(compare_bodies(here, was, have or ())), have
        )
    target, gone = drop_missing_members(one, select_restorable(ObjectId.parse(one), was), observed)
    if gone:
        return _kept(one, f"{', '.join(gone)}, which it had before, is not there any more")
    body = compare_bodies(here, target, select_touchable(ObjectId.parse(one), have or ()))
    return ObjectChange(
        one, body, "restore", move=restore_remembered_position(one, before, observed)
    )


def _restore_by_hand(one: str, wrong: str, differs: bool, have: Tree | None) -> ObjectChange:
    """Restore nothing: release 0.1 remembered whole objects, and not all of that may be typed."""
    why = f"{wrong} must not come from the ban host's memory"
    if have is None:
        return ObjectChange(one, (), "restore", warnings=(f"{one} is not made anew: {why}",))
    if not differs:
        return ObjectChange(one, (), "restore")
    return _kept(one, f"{why}; put it back or delete it by hand, then run again")


def _untouched(record: Record) -> IsCurrent:
    """A hidden secret is still the operator's own if we never sent one."""
    return lambda name, want: is_secret(want) and name not in record.fingerprints
