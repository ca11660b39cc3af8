"""Carry out a saved plan at one site, or nothing there if anything has changed since it was made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from provision.engine.progress import Target, capture_errors
from provision.engine.run import ALONE, Job, Process
from provision.engine.site import apply_site, plan_site
from provision.errors import Failed, Unreachable
from provision.plan import SitePlan, TargetPlan, format_approved
from provision.results import SiteResult
from provision.sites.site import Selected


def narrow_plan(saved: SitePlan, selected: Selected) -> SitePlan:
    """Return the part of ``saved`` for the ``selected`` targets of its site."""
    hosts = {fortigate.name for fortigate in selected.fortigates}
    hosts |= {selected.site.ban_host.name} if selected.linux else set()
    return replace(saved, targets=tuple(each for each in saved.targets if each.host in hosts))


def apply_saved_site(name: str, job: Job, saved: SitePlan, process: Process = ALONE) -> SiteResult:
    """Carry out the plan ``saved`` of a site if a new one equals it; otherwise change nothing there.

    A site at which the plan changes nothing is not contacted.
    """
    saved = replace(saved, targets=tuple(map(_note_unplanned, saved.targets)))
    if any(target.is_due for target in saved.targets):
        now = plan_site(name, job, process)
        current = {target.host: target for target in now.targets}
        saved = replace(saved, targets=tuple(_take_news(each, current) for each in saved.targets))
        refused = _find_news(job, saved, current)
        if refused:
            return refused
    return apply_site(name, job, saved, process)


def _note_unplanned(saved: TargetPlan) -> TargetPlan:
    """Return ``saved`` with a note if it is no plan, because its error is not of this run."""
    note = "left alone: there was no plan for it when the plan was saved"
    return saved if saved.is_known else replace(saved, notes=(*saved.notes, note))


def _take_news(saved: TargetPlan, current: Mapping[str, TargetPlan]) -> TargetPlan:
    """Return ``saved`` with the part of the new plan that is only for the report, or saves a round trip."""
    now = current.get(saved.host, saved)
    cost = replace(saved, execs=now.execs, exchanges=now.exchanges)
    if not (saved.is_known and now.is_known):
        return cost
    return replace(cost, seen=now.seen, notes=now.notes, details=now.details)


def _find_news(job: Job, saved: SitePlan, current: Mapping[str, TargetPlan]) -> SiteResult | None:
    """Return the result of a site that is left alone, with the differences; None if there are none."""
    targets = [Target.from_approved(each) for each in saved.targets]
    changed = []
    for target, approved in zip(targets, saved.targets, strict=True):
        if approved.is_known:
            with capture_errors(target):
                _check_target(target, approved, current.get(approved.host))
            changed += [target.host] if target.error or target.skipped else []
    for target in targets:
        if target.is_due and target.host not in changed:
            target.skipped = f"left alone: {', '.join(changed)} is not as it was planned"
    result = SiteResult(saved.name, tuple(target.to_result(job.verb) for target in targets))
    return result if changed else None


def _check_target(target: Target, approved: TargetPlan, now: TargetPlan | None) -> None:
    if now is None or now.state == "skipped":
        target.skipped = now.error if now else "left alone: it has no new plan"
    elif not now.is_known:
        raise (Unreachable if now.state == "unreachable" else Failed)(now.error)
    elif _list_approved(approved) != _list_approved(now):
        target.new_plan = now
        message = f"{target.host} changed after its plan was saved; nothing was sent to its site"
        raise Failed(message, "read the new plan, and save it with plan --out")


def _list_approved(plan: TargetPlan) -> tuple[object, ...]:
    """Return everything of ``plan`` that may not differ."""
    return format_approved(plan), plan.remembers, plan.forgets
