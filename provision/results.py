"""The results of a run as data: the source of the report, the JSON document and the exit code."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from enum import IntEnum
from typing import Any, TypedDict

from provision.plan import Change, Kind, SitePlan, State, TargetPlan


class Exit(IntEnum):
    """The exit codes; the first that applies of USAGE, FAILED, UNREACHABLE, DIFFERS, OK.

    A run that a signal stopped has 128 and the number of the signal, as shells do.
    """

    OK = 0
    FAILED = 1
    DIFFERS = 2
    USAGE = 3
    UNREACHABLE = 4
    HUNG_UP = 129
    INTERRUPTED = 130
    TERMINATED = 143


@dataclass(frozen=True)
class TargetResult:
    """The result at one target. ``execs`` and ``exchanges`` count its round trips.

    ``changes`` are those that were made (apply, teardown) or would be made (plan, verify);
    ``notes`` are other information for the operator; ``details`` are a verb's own answer, which the JSON
    document shows beside the other keys and never in place of one. ``new_plan``: the current changes, if
    the target was left alone because they are not those that were shown; ``difference``: the two plans
    compared.
    """

    host: str
    kind: Kind
    state: State
    execs: int = 0
    exchanges: int = 0
    changes: tuple[Change, ...] = ()
    error: str = ""
    notes: tuple[str, ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict)
    new_plan: tuple[Change, ...] | None = None
    difference: str = ""


# A target in the JSON document; a verb's own details are beside the common keys.
TargetDocument = dict[str, Any]


class SiteDocument(TypedDict):
    """A site in the JSON document."""

    name: str
    targets: list[TargetDocument]


class Document(TypedDict):
    """The `--json` document."""

    verb: str
    exit_code: int
    sites: list[SiteDocument]


@dataclass(frozen=True)
class SiteResult:
    """The result at one site: its ban host first, then its FortiGates by name."""

    name: str
    targets: tuple[TargetResult, ...]


def summarize(plan: SitePlan) -> SiteResult:
    """Return ``plan`` as the result of a run that changed nothing."""
    return SiteResult(plan.name, tuple(map(_summarize_target, plan.targets)))


def _summarize_target(plan: TargetPlan) -> TargetResult:
    return TargetResult(
        plan.host,
        plan.kind,
        plan.state,
        plan.execs,
        plan.exchanges,
        plan.changes,
        plan.error,
        plan.notes,
        plan.details,
    )


def exit_code(sites: Iterable[SiteResult]) -> Exit:
    """Return the exit code for the states of all targets."""
    states = {target.state for site in sites for target in site.targets}
    for state, code in (
        ("failed", Exit.FAILED),
        ("unreachable", Exit.UNREACHABLE),
        ("differs", Exit.DIFFERS),
    ):
        if state in states:
            return code
    return Exit.OK


def build_document(verb: str, code: Exit, sites: Sequence[SiteResult]) -> Document:
    """Return the `--json` document; its writer masks it."""
    return {
        "verb": verb,
        "exit_code": int(code),
        "sites": [
            {"name": site.name, "targets": [_describe_target(target) for target in site.targets]}
            for site in sites
        ],
    }


def _describe_target(target: TargetResult) -> TargetDocument:
    shown = asdict(target)
    shown = {**shown.pop("details"), **shown}
    shown["error"] = target.error or None
    shown["notes"] = list(target.notes)
    shown["changes"] = _describe_changes(target.changes)
    shown["new_plan"] = None if target.new_plan is None else _describe_changes(target.new_plan)
    return shown


def _describe_changes(changes: Iterable[Change]) -> list[dict[str, object]]:
    return [asdict(change) for change in changes]


def format_timestamp(seconds: float) -> str:
    """Return epoch seconds as a UTC date and time; a negative number is "for ever".

    Any number is accepted: a date that does not exist is given in seconds.
    """
    if seconds < 0:
        return "for ever"
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    except (ValueError, OverflowError, OSError):
        return f"{seconds} s after 1970"
