"""The triggers of a detection on a FortiGate: one for each kind of its events."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from provision.desired.context import Context
from provision.fortios.config.facts import find_capability
from roles.detection.catalogue import Condition, Detection
from roles.detection.role import Settings

LONGEST_NAME = 35  # of a trigger and of a stitch


@dataclass(frozen=True)
class Trigger:
    """A trigger and the stitch of the same name.

    ``may_ban``: its events may lead to a ban. ``needs``: the FortiOS settings without which it never
    fires; ``without``: the consequence.
    """

    name: str
    description: str
    log_ids: tuple[int, ...]
    conditions: tuple[tuple[str, str], ...] = ()
    note: str = ""
    may_ban: bool = True
    needs: str = ""
    without: str = ""


def list_triggers(context: Context, detection: Detection) -> Iterator[Trigger]:
    """Yield the triggers of a detection: of each kind one, or one for each log id.

    FortiOS before 7.0 takes only one log id.
    """
    for trigger in _list_kinds(context, detection):
        if len(trigger.log_ids) == 1 or context.facts.has("several_log_ids"):
            yield trigger
            continue
        without = find_capability("several_log_ids").without
        note = f"FortiOS {context.facts.version_text}: detection {detection.name} gets {without}"
        for log_id in trigger.log_ids:
            name = _add_ending(trigger.name, f"_{log_id}")
            yield replace(trigger, name=name, log_ids=(log_id,), note=note)


def _list_kinds(context: Context, detection: Detection) -> Iterator[Trigger]:
    name = f"banstitch_{detection.name}"
    trigger = Trigger(
        name,
        detection.description,
        detection.log_ids,
        _list_conditions(detection.where),
        needs=detection.needs or "",
        without=f"{detection.name} has no trigger here" if detection.needs else "",
    )
    yield trigger
    base = name.removesuffix("_failed")
    if detection.lockout_ids:
        yield replace(
            trigger,
            name=_add_ending(base, "_lockout"),
            description=detection.lockout_description,
            log_ids=detection.lockout_ids,
            conditions=(),
        )
    if (
        detection.success_ids
        and context.get_ban_host_settings("detection", Settings).detection_success_events
    ):
        yield replace(
            trigger,
            name=_add_ending(base, "_ok"),
            description=detection.success_description,
            log_ids=detection.success_ids,
            conditions=_list_conditions(detection.success_where),
            may_ban=False,
        )


def _list_conditions(where: Mapping[str, Condition]) -> tuple[tuple[str, str], ...]:
    """Return the conditions that a trigger can have: one field that fits one pattern.

    FortiOS has no "or" between fields. The receiver checks all of them.
    """
    return tuple(
        (name, wanted[0])
        for name, wanted in where.items()
        if not isinstance(wanted, str) and len(wanted) == 1 and "|" not in name
    )


def _add_ending(name: str, ending: str) -> str:
    return name[: LONGEST_NAME - len(ending)] + ending
