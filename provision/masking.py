"""Plans and results without secrets: they are masked where they arise, before they go anywhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, overload

from provision.plan import Change, SitePlan, TargetPlan
from provision.results import SiteResult, TargetResult
from provision.secrets import Secrets


@overload
def masked(whole: SitePlan, secrets: Secrets) -> SitePlan: ...


@overload
def masked(whole: SiteResult, secrets: Secrets) -> SiteResult: ...


def masked(whole: SitePlan | SiteResult, secrets: Secrets) -> SitePlan | SiteResult:
    """Return ``whole`` with every secret masked that is not there by name anyway.

    The steps of a plan, and the CLI of a FortiGate, hold secrets by name only. They are left as they
    are: a value that a ban host chose must not hide a word of them.
    """
    if isinstance(whole, SitePlan):
        return replace(whole, targets=tuple(_plan(each, secrets) for each in whole.targets))
    return replace(whole, targets=tuple(_result(each, secrets) for each in whole.targets))


def _plan(plan: TargetPlan, secrets: Secrets) -> TargetPlan:
    return replace(
        plan,
        changes=_changes(plan.changes, secrets, plan.kind == "fortios"),
        error=secrets.mask(plan.error),
        notes=tuple(map(secrets.mask, plan.notes)),
        details=_details(plan.details, secrets),
    )


def _result(result: TargetResult, secrets: Secrets) -> TargetResult:
    by_name = result.kind == "fortios"
    new = result.new_plan
    return replace(
        result,
        changes=_changes(result.changes, secrets, by_name),
        error=secrets.mask(result.error),
        notes=tuple(map(secrets.mask, result.notes)),
        details=_details(result.details, secrets),
        new_plan=new if new is None else _changes(new, secrets, by_name),
        difference=result.difference if by_name else secrets.mask(result.difference),
    )


def _changes(changes: tuple[Change, ...], secrets: Secrets, by_name: bool) -> tuple[Change, ...]:
    return tuple(
        replace(
            each,
            diff=each.diff if by_name else secrets.mask(each.diff),
            reason=secrets.mask(each.reason),
        )
        for each in changes
    )


def _details(value: Mapping[str, Any], secrets: Secrets) -> dict[str, Any]:
    return {key: _masked(each, secrets) for key, each in value.items()}


def _masked(value: Any, secrets: Secrets) -> Any:
    if isinstance(value, str):
        return secrets.mask(value)
    if isinstance(value, dict):
        return {key: _masked(each, secrets) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_masked(each, secrets) for each in value]
    return value
