"""Delete what older inventories left on a FortiGate, or bring back what stood there before.

Both come from the ban host's memory, so both are held against what the FortiGate shows and against
the closed lists of `config/owned.py`.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from provision.fortios.config.desired import Desired, looked_at, split_id
from provision.fortios.config.diff import IsCurrent, difference, is_secret, mentioned, set_names
from provision.fortios.config.observed import Observed
from provision.fortios.config.text import Tree
from provision.fortios.planning.policies import remembered_place
from provision.fortios.planning.references import foreign_users
from provision.fortios.planning.steps import (
    MEMORY,
    Step,
    only,
    place,
    remembered,
    single_back,
    with_members,
)
from provision.fortios.record.record import Record
from provision.fortios.record.restorable import (
    obstacles,
    remembered_body,
    restorable,
    touchable,
    why_not_ours,
)


def stale_steps(
    desired: Desired, observed: Observed, record: Record, ours: frozenset[str]
) -> list[Step]:
    """Return the steps for what nobody desires any more; nothing goes while another still uses it."""
    wanted = {each.id for each in desired.objects}
    left = [each for each in reversed(list(record.objects)) if each not in wanted]
    ordered = _users_first(left, observed)
    return _keeping_the_used(
        [_stale_step(one, observed, record, ours) for one in ordered],
        observed,
        wanted | set(record.objects),
    )


def _keeping_the_used(steps: list[Step], observed: Observed, ours: set[str]) -> list[Step]:
    """Keep what somebody else refers to, and what that in turn refers to."""
    found: list[Step] = []
    for step in steps:
        left = set(ours) - {each.id for each in found if each.stays}
        users = list(foreign_users(step.id, observed, left)) if step.body is None else []
        found.append(_kept(step.id, f"{', '.join(users)} refers to it") if users else step)
    return found


def _kept(one: str, why: str) -> Step:
    text = f"{one} stays: {why}"
    return Step(one, (), "keep", warnings=(text,), stays=text)


def _users_first(left: list[str], observed: Observed) -> list[str]:
    """Return the ids ``left``, each after those that use it; a circle is broken at its first."""
    uses = {each: mentioned(observed.objects.get(each) or ()) for each in left}
    users = Counter(name for each in left for name in uses[each])

    def is_free(one: str) -> bool:
        key = split_id(one).key
        return key is None or users[key] <= (key in uses[one])

    ordered = []
    while left:
        one = next(filter(is_free, left), left[0])
        left = [each for each in left if each != one]
        users.subtract(uses[one])
        ordered.append(one)
    return ordered


def _stale_step(one: str, observed: Observed, record: Record, ours: frozenset[str]) -> Step:
    before = record.objects[one]
    if looked_at(one) in observed.missing:
        return Step(one, (), "restore")
    if before is None:
        return _delete(one, observed)
    if split_id(one).key is None:
        found = _restore_single(one, before, observed, record, ours)
    else:
        found = _restore_entry(one, before, observed, record)
    return replace(found, source=MEMORY)


def _delete(one: str, observed: Observed) -> Step:
    have = observed.objects.get(one)
    if have is None or split_id(one).key is None:
        return Step(one, (), "delete")
    why = why_not_ours(split_id(one), have)
    if why:
        return _kept(one, f"{why}; delete it by hand if it is not needed")
    return Step(one, None, "delete", source=MEMORY)


def _restore_single(
    one: str, before: str, observed: Observed, record: Record, ours: frozenset[str]
) -> Step:
    target, warnings = single_back(one, remembered(one, before), observed, ours)
    have = only(observed.objects.get(one) or (), set_names(target))
    body = difference(place(one, _untouched(record)), target, have)
    return Step(one, body, "restore", warnings=warnings)


def _restore_entry(one: str, before: str, observed: Observed, record: Record) -> Step:
    was, have = remembered_body(split_id(one), before), observed.objects.get(one)
    here = place(one, _untouched(record))
    wrong = obstacles(split_id(one), was)
    if wrong:
        return _restore_by_hand(
            one, ", ".join(wrong), bool(difference(here, was, have or ())), have
        )
    target, gone = with_members(one, restorable(split_id(one), was), observed)
    if gone:
        return _kept(one, f"{', '.join(gone)}, which it had before, is not there any more")
    body = difference(here, target, touchable(split_id(one), have or ()))
    return Step(one, body, "restore", move=remembered_place(one, before, observed))


def _restore_by_hand(one: str, wrong: str, differs: bool, have: Tree | None) -> Step:
    """Restore nothing: release 0.1 remembered whole objects, and not all of that may be typed."""
    why = f"{wrong} must not come from the ban host's memory"
    if have is None:
        return Step(one, (), "restore", warnings=(f"{one} is not made anew: {why}",))
    if not differs:
        return Step(one, (), "restore")
    return _kept(one, f"{why}; put it back or delete it by hand, then run again")


def _untouched(record: Record) -> IsCurrent:
    """A hidden secret is still the operator's own if we never sent one."""
    return lambda name, want: is_secret(want) and name not in record.fingerprints
