"""Choose the enforcement method and the objects that suit a FortiGate."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from provision.errors import Conflict, Failed
from provision.fortios.config.desired import Desired, DesiredObject, widen_to_table
from provision.fortios.config.diff import get_values, read_attributes
from provision.fortios.config.object_id import ObjectId
from provision.fortios.config.observed import Observed
from provision.fortios.config.tables import find_table
from provision.fortios.record.record import Record

# Raises Conflict if something foreign is in the way of an object.
Attempt = Callable[[DesiredObject], object]


def choose_enforcement(
    desired: Desired, observed: Observed, record: Record, attempt: Attempt
) -> tuple[Desired, tuple[str, ...]]:
    """Return ``desired`` with the objects of one method only, and a warning with the choice.

    The method in place stays. If it is gone, the method in the record is created again. Otherwise
    the first method in use is chosen, or else the first possible one.

    Raises:
        Failed: no method suits the FortiGate; the message has the reason for each.
    """
    if not desired.choices:
        return desired, ()
    reasons = {
        choice: known
        or _find_obstacle(_list_objects(desired, choice), observed, attempt)
        or _find_manager(_list_objects(desired, choice), observed, record)
        for choice, known in desired.choices.items()
    }
    possible = [choice for choice, reason in reasons.items() if not reason]
    if not possible:
        raise Failed(
            "no enforcement suits this FortiGate: " + "; ".join(_format_reasons(reasons)),
            "make one of them possible"
            + (", or set enforcement to policy anyway" if observed.manager else "")
            + ", or set enforcement to none to fetch the feed only",
        )
    choice, why = _choose_best(possible, desired, observed, record)
    earlier = list(reasons)[: list(reasons).index(choice)]
    against = _format_reasons({name: reasons[name] for name in earlier if reasons[name]})
    text = "; ".join([f"enforcement auto takes {choice}: {why}", *against])
    kept = tuple(one for one in desired.objects if one.choice in ("", choice))
    return replace(desired, objects=kept, choices={}), (text,)


def _choose_best(
    possible: list[str], desired: Desired, observed: Observed, record: Record
) -> tuple[str, str]:
    recorded = {
        choice: [one.id for one in _list_objects(desired, choice) if one.id in record.objects]
        for choice in possible
    }
    for choice in possible:
        if any(observed.objects.get(object_id) is not None for object_id in recorded[choice]):
            return choice, "it is in place"
    for choice in possible:
        if recorded[choice]:
            return choice, "the record of this FortiGate has it"
    for choice in possible:
        for one in _list_objects(desired, choice):
            use = _describe_use(one, observed)
            if use:
                return choice, use
    return possible[0], "the first that this FortiGate supports"


def _list_objects(desired: Desired, choice: str) -> list[DesiredObject]:
    return [one for one in desired.objects if one.choice == choice]


def _describe_use(desired: DesiredObject, observed: Observed) -> str:
    """Return the evidence that the object takes effect on this FortiGate; empty if there is none."""
    table = find_table(ObjectId.parse(desired.id).table)
    if desired.use:
        return desired.use
    if not table.used_if:
        return "its interfaces are set in the inventory"
    interfaces = _list_interfaces(desired.id, observed)
    return f"'{table.path}' listens on {', '.join(interfaces)}" if interfaces else ""


def _find_obstacle(objects: list[DesiredObject], observed: Observed, attempt: Attempt) -> str:
    """Return why the FortiGate cannot have the objects; empty if it can."""
    for one in objects:
        if widen_to_table(one.id) in observed.missing:
            return f"this FortiGate has no '{ObjectId.parse(one.id).table}'"
        try:
            attempt(one)
        except Conflict as conflict:
            return conflict.message
    return ""


def _find_manager(objects: list[DesiredObject], observed: Observed, record: Record) -> str:
    """Return why policies would not last on this FortiGate; empty if they would, or are ours already."""
    if not observed.manager or any(one.id in record.objects for one in objects):
        return ""
    is_policy = any(find_table(ObjectId.parse(one.id).table).identified_by for one in objects)
    return "the next install of a policy package by FortiManager removes it" if is_policy else ""


def _format_reasons(reasons: dict[str, str]) -> Iterator[str]:
    return (f"not {choice}: {reason}" for choice, reason in reasons.items())


def drop_unsupported(desired: Desired, observed: Observed) -> tuple[Desired, tuple[str, ...]]:
    """Return ``desired`` without optional objects that this FortiGate has no use for, and warnings."""
    lacks = {one: _describe_lack(one, observed) for one in desired.objects}
    lacking = [one for one, lack in lacks.items() if lack]
    needed = [one for one in lacking if not one.without]
    if needed:
        tables = ", ".join(dict.fromkeys(f"'{ObjectId.parse(one.id).table}'" for one in needed))
        raise Failed(
            f"this FortiGate has no {tables} ({', '.join(one.source for one in needed)} needs it)",
            "choose another enforcement, or auto, which takes one that this FortiGate has",
        )
    warnings = (f"{lacks[one]}: {one.without}" for one in lacking)
    kept = tuple(one for one in desired.objects if one not in lacking)
    return replace(desired, objects=kept), tuple(dict.fromkeys(warnings))


def _describe_lack(one: DesiredObject, observed: Observed) -> str:
    """Return what a FortiGate lacks for an object; empty if it lacks nothing."""
    for object_id in filter(None, (widen_to_table(one.id), one.needs)):
        if object_id in observed.missing:
            return f"this FortiGate has no '{ObjectId.parse(object_id).table}'"
    if one.needs_use and not _list_interfaces(one.needs, observed):
        return f"'{ObjectId.parse(one.needs).table}' listens nowhere"
    return ""


def _list_interfaces(object_id: str, observed: Observed) -> tuple[str, ...]:
    """Return the interfaces on which a single object takes effect; () if it does nothing."""
    attributes = read_attributes(observed.objects.get(object_id) or ())
    if get_values(attributes.get("status", ())) == ("disable",):
        return ()
    return get_values(attributes.get(find_table(ObjectId.parse(object_id).table).used_if, ()))
