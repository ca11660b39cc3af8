"""Compare the desired with the observed state of a ban host: a pure function that returns a plan.

The plan has every change as a line and a diff for the operator, and as steps for the agent.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from provision.errors import Conflict
from provision.linux import conditions
from provision.linux.agent.protocol.bounds import PATH_KINDS, Owed
from provision.linux.agent.protocol.ids import ResourceId
from provision.linux.agent.protocol.state import Observed
from provision.linux.agent.protocol.steps import (
    Install,
    Owe,
    PutFiles,
    Step,
    StopService,
    TakeBack,
)
from provision.linux.draft import Draft, LinuxPlan
from provision.linux.kinds.file import File
from provision.linux.kinds.jail import Jail
from provision.linux.kinds.resource import Resource
from provision.linux.kinds.service import FAIL2BAN, Service
from provision.linux.removal import find_unit, plan_gone_jails, plan_removal
from provision.plan import Change

# Kinds of objects that are a file.
FILES = frozenset(PATH_KINDS) - {"directory"}
NO_LONGER = "no longer in the inventory"


def with_python(plan: LinuxPlan) -> LinuxPlan:
    """Return the plan for a host that gets python3 first, so that the agent can run."""
    return replace(plan, changes=(Change("package:python3", "install"), *plan.changes))


def plan(
    desired: Sequence[Resource],
    observed: Observed,
    adopt: bool = False,
    now: float | None = None,
) -> LinuxPlan:
    """Return the changes that bring ``observed`` to ``desired``, in the order in which they are made.

    ``now``: the time here, to compare the clock of the host with.

    Raises:
        Conflict: something foreign is in the way, and ``adopt`` was not given.
        Failed: the host does not meet the conditions in conditions.py.
    """
    conditions.check_system(observed)
    manifest = observed.manifest
    owned = frozenset(entry.id for entry in manifest.objects) if manifest else frozenset()
    draft = Draft(observed, owned, adopt, manifest.owed if manifest else {})
    conditions.check_clock(observed, now, draft)
    conditions.check_ports((r for r in desired if isinstance(r, Service)), draft)
    applicable = [resource for resource in desired if _is_applicable(resource, observed)]
    for resource in applicable:
        resource.plan(draft)
    _plan_garbage(applicable, draft)
    # services first: a jail is loaded by its server
    jails = [resource for resource in applicable if isinstance(resource, Jail)]
    services = [resource for resource in applicable if isinstance(resource, Service)]
    for resource in (*services, *jails):
        resource.plan_effects(draft, applicable)
    plan_gone_jails(draft)
    conditions.note_lock(draft)
    conditions.note_shield(draft)
    if draft.conflicts:
        raise Conflict(
            "not ours, and in the way: " + "; ".join(draft.conflicts),
            "move it away, or run with --adopt: a copy is kept and comes back at teardown",
        )
    return LinuxPlan(tuple(draft.changes), tuple(draft.warnings), _list_steps(draft, jails))


def _is_applicable(resource: Resource, observed: Observed) -> bool:
    if not (isinstance(resource, File) and resource.when):
        return True
    return resource.when == "sshd_jail_without_log" and observed.facts.sshd_jail_without_log


def _plan_garbage(applicable: Iterable[Resource], draft: Draft) -> None:
    """Plan the removal of resources that an earlier inventory asked for and this one does not."""
    ids = {resource.id for resource in applicable}
    manifest = draft.observed.manifest
    for entry in reversed(manifest.objects if manifest else ()):
        if entry.id not in ids:
            draft.removes.append(entry.id)
            unit = find_unit(entry.id)
            if unit:
                draft.change(ResourceId("service", unit), "stop")
            if entry.data:
                draft.change(entry.id, "forget", "", f"{NO_LONGER}; the data stay")
            else:
                plan_removal(entry, draft, NO_LONGER)


def _list_steps(draft: Draft, jails: Sequence[Jail]) -> tuple[Step, ...]:
    """Return the agent's steps in the order of their dependencies; none if nothing changes."""
    files = tuple(identity for identity in draft.removes if identity.kind in FILES)
    rest = tuple(identity for identity in draft.removes if identity.kind not in FILES)
    steps: list[Step] = []
    if draft.packages:
        steps.append(Install(tuple(draft.packages)))
    steps += [*draft.makes, *_list_owed(draft), *_list_stops(draft), *_list_puts(draft, files)]
    server: list[Step] = [step for step in draft.services if step.name == FAIL2BAN]
    others = [step for step in draft.services if step.name != FAIL2BAN]
    if steps or draft.services or draft.last:
        # the receiver cannot serve the feed before each jail has its ban file
        server += [jail.make_step() for jail in jails]
    steps += [*server, *others, *draft.last]
    if rest:
        steps.append(TakeBack(rest, purge=False))
    return tuple(steps)


def _list_owed(draft: Draft) -> list[Owe]:
    owed: dict[str, Owed] = {
        step.name: "reload" if step.verb == "reload" else "restart"
        for step in draft.services
        if step.verb != "none"
    }
    return [Owe(owed)] if owed else []


def _list_stops(draft: Draft) -> list[StopService]:
    units = filter(None, map(find_unit, draft.removes))
    return [StopService(name) for name in units]


def _list_puts(draft: Draft, removed: tuple[ResourceId, ...]) -> list[PutFiles]:
    """Put all files into one step, because they are checked together before the first is in place."""
    if not draft.files and not removed:
        return []
    paths = (identity.name for identity in removed if identity.kind == "file")
    checks = any(path.startswith("/etc/fail2ban/") for path in paths)
    return [PutFiles(tuple(draft.files), removed, checks)]
