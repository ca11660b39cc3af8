"""Compare what a ban host should hold with what it holds: a pure function from the two to a plan.

The plan says every change in words and as a diff for the operator, and as steps for the agent.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from provision.errors import Conflict
from provision.linux import certificates, conditions
from provision.linux.draft import Draft, LinuxPlan, Observed, Step
from provision.linux.files import plan_digests, plan_directory, plan_file, plan_tokens
from provision.linux.removal import removal, unit_of
from provision.linux.resources import (
    Authority,
    Certificate,
    Digests,
    Directory,
    File,
    Jail,
    Package,
    Resource,
    Service,
    Tokens,
    User,
)
from provision.linux.services import as_loaded, plan_gone_jails, plan_jail, plan_service
from provision.plan import Change

# Kinds of objects that are a file.
FILES = ("file:", "tokens:", "digests:", "authority:", "certificate:")
NO_LONGER = "no longer in the inventory"


def with_python(plan: LinuxPlan) -> LinuxPlan:
    """The plan for a host that gets python3 first, so that the agent can run."""
    return replace(plan, changes=(Change("package:python3", "install"), *plan.changes))


def plan(
    desired: Sequence[Resource],
    observed: Observed,
    adopt: bool = False,
    now: float | None = None,
) -> LinuxPlan:
    """Return the changes that bring ``observed`` to ``desired``, in the order in which they are made.

    ``now``: the time here, with which the clock of the host is compared.

    Raises:
        Conflict: something that is not ours stands where ours should, and ``adopt`` was not given.
        Failed: the host is not fit, see conditions.py.
    """
    conditions.check_system(observed)
    manifest = observed["manifest"] or {}
    draft = Draft(observed, frozenset(o["id"] for o in manifest.get("objects", ())), adopt)
    conditions.check_clock(observed, now, draft)
    conditions.check_ports((r for r in desired if isinstance(r, Service)), draft)
    wanted = [r for r in desired if not (isinstance(r, File) and r.when) or _holds(r, observed)]
    for resource in wanted:
        _PLAN[type(resource)](resource, draft)
    _garbage(wanted, manifest, draft)
    for service in (r for r in wanted if isinstance(r, Service)):
        plan_service(service, draft, manifest.get("owed", {}))
    jails = [r for r in wanted if isinstance(r, Jail)]
    for jail in jails:
        plan_jail(jail, draft, [r for r in wanted if isinstance(r, Service)])
    plan_gone_jails(draft)
    conditions.note_lock(draft)
    if draft.conflicts:
        raise Conflict(
            "not ours, and in the way: " + "; ".join(draft.conflicts),
            "move it away, or run with --adopt: a copy is kept and comes back at teardown",
        )
    return LinuxPlan(tuple(draft.changes), tuple(draft.warnings), _steps(draft, jails))


def _holds(resource: File, observed: Observed) -> bool:
    return bool(observed["facts"].get(resource.when))


def _package(resource: Package, draft: Draft) -> None:
    if not draft.observed["packages"].get(resource.name):
        draft.packages.append(resource.name)
        draft.change(resource.id, "install")


def _user(resource: User, draft: Draft) -> None:
    if draft.observed["users"].get(resource.name):
        if resource.id in draft.owned:
            return
        draft.claim(resource.id, f"user {resource.name}", "exists")
        draft.change(resource.id, "take over")
    else:
        draft.change(resource.id, "create")
    draft.makes.append({"do": "user", "name": resource.name, "home": resource.home})


def _garbage(wanted: Iterable[Resource], manifest: Mapping[str, Any], draft: Draft) -> None:
    """Plan the removal of what an earlier inventory asked for and this one does not."""
    ids = {resource.id for resource in wanted}
    for entry in reversed(manifest.get("objects", ())):
        if entry["id"] not in ids:
            draft.removes.append(entry["id"])
            if unit_of(entry["id"]):
                draft.change(f"service:{unit_of(entry['id'])}", "stop")
            if entry["data"]:
                draft.change(entry["id"], "forget", "", f"{NO_LONGER}; the data stay")
            else:
                removal(entry, draft, NO_LONGER)


def _steps(draft: Draft, jails: Sequence[Jail]) -> tuple[Step, ...]:
    """The agent's steps: what is needed first comes first, nothing where nothing changes."""
    files = [identity for identity in draft.removes if identity.startswith(FILES)]
    rest = [identity for identity in draft.removes if identity not in files]
    steps: list[Step] = []
    if draft.packages:
        steps.append({"do": "install", "packages": draft.packages})
    steps += [*draft.makes, *_owe(draft), *_stops(draft), *_puts(draft, files), *draft.services]
    steps += draft.last
    if steps:
        steps += [{"do": "jail", "name": jail.name, **as_loaded(jail)} for jail in jails]
    if rest:
        steps.append({"do": "take-back", "ids": rest, "purge": False})
    return tuple(steps)


def _owe(draft: Draft) -> list[Step]:
    owed = {
        step["name"]: "restart" if step["verb"] == "start" else step["verb"]
        for step in draft.services
        if step["verb"] != "none"
    }
    return [{"do": "owe", "services": owed}] if owed else []


def _stops(draft: Draft) -> list[Step]:
    units = filter(None, map(unit_of, draft.removes))
    return [{"do": "stop-service", "name": name} for name in units]


def _puts(draft: Draft, removed: list[str]) -> list[Step]:
    """All files in one step: they are checked together before the first is in place."""
    if not draft.files and not removed:
        return []
    checks = any(identity.startswith("file:/etc/fail2ban/") for identity in removed)
    step = {"do": "files", "files": draft.files, "remove": removed, "fail2ban_check": checks}
    return [step]


def _later(resource: Service | Jail, draft: Draft) -> None:
    """Planned once all changes that services depend on are known."""


_PLAN: dict[type, Any] = {
    Package: _package,
    User: _user,
    Directory: plan_directory,
    File: plan_file,
    Tokens: plan_tokens,
    Digests: plan_digests,
    Authority: certificates.plan_authority,
    Certificate: certificates.plan_certificate,
    Service: _later,
    Jail: _later,
}
