"""Of several places where the feed could take effect, the one that suits a unit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from provision.errors import Conflict, Failed
from provision.fortios.config.desired import Desired, DesiredObject, widen_to_table
from provision.fortios.config.diff import get_values, read_attributes
from provision.fortios.config.object_id import ObjectId
from provision.fortios.config.observed import Observed
from provision.fortios.config.schema import IN_USE
from provision.fortios.record.record import Record


def choose_enforcement(
    desired: Desired, observed: Observed, record: Record, attempt: Callable[[DesiredObject], object]
) -> tuple[Desired, tuple[str, ...]]:
    """``desired`` with the objects of one choice only, and a word on which one and why.

    The one that is in place stays; else the first that is in use; else the first that can be.
    ``attempt`` raises Conflict for an object that something foreign is in the way of.

    Raises:
        Failed: none of them suits the unit; with the reason for each.
    """
    if not desired.choices:
        return desired, ()
    against = {
        choice: known or _against(_of(desired, choice), observed, attempt)
        for choice, known in desired.choices.items()
    }
    able = [choice for choice, reason in against.items() if not reason]
    if not able:
        raise Failed(
            "no enforcement suits this unit: " + "; ".join(_each(against)),
            "make one of them possible, or set enforcement to [none] to fetch the feed only",
        )
    choice, why = _best(able, desired, observed, record)
    before = list(against)[: list(against).index(choice)]
    reasons = [*_each({each: against[each] for each in before if against[each]})]
    text = "; ".join([f"enforcement auto takes {choice}: {why}", *reasons])
    kept = tuple(each for each in desired.objects if each.choice in ("", choice))
    return replace(desired, objects=kept, choices={}), (text,)


def _best(able: list[str], desired: Desired, observed: Observed, record: Record) -> tuple[str, str]:
    for choice in able:
        if any(each.id in record.objects for each in _of(desired, choice)):
            return choice, "it is in place"
    for choice in able:
        for each in _of(desired, choice):
            used = _in_use(each, observed)
            if used:
                return choice, used
    return able[0], "the first that this unit can do"


def _of(desired: Desired, choice: str) -> list[DesiredObject]:
    return [each for each in desired.objects if each.choice == choice]


def _in_use(wanted: DesiredObject, observed: Observed) -> str:
    """Why the object is known to do something on this unit; empty if it is not."""
    path = ObjectId.parse(wanted.id).table
    if path not in IN_USE:
        return "its interfaces are set in the inventory"
    held = read_attributes(observed.objects.get(wanted.id) or ())
    if get_values(held.get("status", ())) == ("disable",):
        return ""
    where = get_values(held.get(IN_USE[path], ()))
    return f"'{path}' listens on {', '.join(where)}" if where else ""


def _against(
    objects: list[DesiredObject], observed: Observed, attempt: Callable[[DesiredObject], object]
) -> str:
    """Why the unit cannot have them; empty if it can."""
    for each in objects:
        if widen_to_table(each.id) in observed.missing:
            return f"this unit has no '{ObjectId.parse(each.id).table}'"
        try:
            attempt(each)
        except Conflict as conflict:
            return conflict.what
    return ""


def _each(against: dict[str, str]) -> Iterator[str]:
    return (f"not {choice}: {reason}" for choice, reason in against.items())
