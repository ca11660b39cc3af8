"""One target while its site is being worked on, and when a change of it is believed."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from provision.desired.host_paths import LOG_DIRECTORY
from provision.errors import Failed, TargetError, Unreachable, spell_count
from provision.plan import Change, Kind, Plan, State, TargetPlan, Verb, agreed, as_text, unified
from provision.results import TargetResult

log = logging.getLogger("banstitch")


class Listener(Protocol):
    """What the engine tells while it works; called from several threads."""

    def doing(self, site: str, host: str, what: str) -> None:
        """``host`` is being observed, changed, ..."""

    def done(self, site: str, result: TargetResult) -> None:
        """The engine has finished with a target in this phase."""

    def line(self, text: str) -> None:
        """The operator is to read this at once."""


@dataclass
class Target:
    """One target while its site is being worked on.

    ``approved``: its plan, once that is carried out. ``new_plan``: the plan of now, if it is another.
    """

    host: str
    kind: Kind
    plan: Plan | None = None
    execs: int = 0
    exchanges: int = 0
    error: TargetError | None = None
    notes: list[str] = field(default_factory=list)
    made: tuple[Change, ...] = ()
    skipped: str = ""
    # posts of FortiGates could not be read: `verify` must not call that well
    loses_events: bool = False
    details: Mapping[str, Any] = field(default_factory=dict)
    approved: TargetPlan | None = None
    new_plan: TargetPlan | None = None

    @staticmethod
    def begun(approved: TargetPlan) -> Target:
        """Return the target whose plan was ``approved``; where there is no plan, it stays as it was found."""
        found = Target(approved.host, approved.kind, approved=approved)
        found.execs, found.exchanges = approved.execs, approved.exchanges
        found.notes, found.details = list(approved.notes), approved.details
        if approved.state == "skipped":
            found.skipped = approved.error
        elif not approved.is_known:
            error = Unreachable if approved.state == "unreachable" else Failed
            found.error = error(approved.error)
        return found

    @property
    def is_due(self) -> bool:
        """Whether its plan was approved and has something to do."""
        return self.approved is not None and self.approved.is_due

    def result(self, verb: Verb) -> TargetResult:
        """What came of it, with the state in the words of the report."""
        changing = verb in ("apply", "teardown")
        changes = self.made if changing else self.plan.changes if self.plan else ()
        return TargetResult(
            self.host,
            self.kind,
            self._state(changes, verb),
            self.execs,
            self.exchanges,
            changes,
            self._error(),
            self._notes(),
            self.details,
            self.new_plan.changes if self.new_plan else None,
            _difference(self.approved, self.new_plan) if self.approved and self.new_plan else "",
        )

    def planned(self, steps: tuple[str, ...] = (), **more: Any) -> TargetPlan:
        """Return its plan as a value, with the ``steps`` that make the changes; or why there is none."""
        changes = self.plan.changes if self.plan else ()
        return TargetPlan(
            self.host,
            self.kind,
            self._state(changes, "plan"),
            changes,
            steps,
            error=self._error(),
            notes=self._notes(),
            details=self.details,
            execs=self.execs,
            exchanges=self.exchanges,
            **more,
        )

    def _error(self) -> str:
        return str(self.error) if self.error else self.skipped

    def _notes(self) -> tuple[str, ...]:
        warnings = self.plan.warnings if self.plan else ()
        return tuple(dict.fromkeys((*warnings, *self.notes)))

    def _state(self, changes: tuple[Change, ...], verb: Verb) -> State:
        if self.error is not None:
            return "unreachable" if isinstance(self.error, Unreachable) else "failed"
        if self.skipped:
            return "skipped"
        if not changes:
            return "differs" if self.loses_events else "ok"
        return "changed" if verb in ("apply", "teardown") else "differs"


def _difference(approved: TargetPlan, now: TargetPlan) -> str:
    return unified("plan", as_text(approved), as_text(now))


class Caught:
    """A target's error ends the work at that target and is told in its result.

    So does what nobody foresaw: it must not hide what came of the other targets.
    """

    def __init__(self, target: Target) -> None:
        self._target = target

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        if isinstance(error, TargetError):
            self._target.error = error
            return True
        if isinstance(error, Exception):
            log.debug("unexpected error at %s", self._target.host, exc_info=error)
            # its text stays in the log: it may quote what a target has answered
            what = f"error in Banstitch: {type(error).__name__}"
            self._target.error = Failed(what, "-vvv shows where; run again when it is mended")
            return True
        return False


def must_hold(again: Plan) -> None:
    """Believe a change only when a second look finds nothing left to do."""
    if again.changes:
        left = ", ".join(f"{change.action} {change.id}" for change in again.changes)
        raise Failed(
            f"the changes were made but do not hold: {left}",
            "is another tool managing the same objects?",
        )


def must_be_as_approved(target: Target, now: TargetPlan, kept: str = "nothing was sent") -> None:
    """Check that what would be sent ``now`` is byte for byte what was shown.

    Only secrets that did not exist yet may have been filled in: they stand in both plans by name.

    Raises:
        Failed: it is not; ``target`` then has the new plan.
    """
    if target.approved is None or agreed(target.approved) != agreed(now):
        target.new_plan = now
        what = f"{target.host} changed after its plan was made; {kept}"
        raise Failed(what, "read the new plan and run again")


def describe_unreadable_posts(number: int, ban_host: str) -> str:
    """Return what to print of posts of a FortiGate that the receiver could not read."""
    posts = f"{spell_count(number, 'post')} of the last 24 hours could not be read"
    return f"{posts}: see {LOG_DIRECTORY}/rejected.log on {ban_host}"
