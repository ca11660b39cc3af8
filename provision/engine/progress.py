"""The progress at one target, and the checks before and after its changes."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

from provision.desired.host_paths import LOG_DIRECTORY
from provision.errors import Failed, TargetError, Unreachable, spell_count
from provision.plan import (
    CHANGING,
    Change,
    Kind,
    Plan,
    State,
    TargetPlan,
    Verb,
    format_approved,
    format_plan,
    unified_diff,
)
from provision.results import TargetResult

log = logging.getLogger("banstitch")


class Listener(Protocol):
    """The listener of a run in progress. Its methods are called from several threads."""

    def report_activity(self, site: str, host: str, activity: str) -> None:
        """Report that ``host`` is being observed, changed, ..."""

    def report_result(self, site: str, result: TargetResult) -> None:
        """Report the result of a phase at a target."""

    def print_line(self, text: str) -> None:
        """Print a line immediately."""


class Silent:
    """A listener that ignores everything."""

    def report_activity(self, site: str, host: str, activity: str) -> None:
        """Ignore it."""

    def report_result(self, site: str, result: TargetResult) -> None:
        """Ignore it."""

    def print_line(self, text: str) -> None:
        """Ignore it."""


SILENT = Silent()


@dataclass
class Target:
    """The state of one target during a run.

    ``approved``: the approved plan, while it is carried out. ``new_plan``: the current plan, if it differs.
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
    # posts of FortiGates could not be read, or bans are not denied, so `verify` must not report success
    is_impaired: bool = False
    details: Mapping[str, Any] = field(default_factory=dict)
    approved: TargetPlan | None = None
    new_plan: TargetPlan | None = None

    @staticmethod
    def from_approved(approved: TargetPlan) -> Target:
        """Return a target with its approved plan; a target without a plan keeps its error."""
        target = Target(approved.host, approved.kind, approved=approved)
        target.execs, target.exchanges = approved.execs, approved.exchanges
        target.notes, target.details = list(approved.notes), approved.details
        if approved.state == "skipped":
            target.skipped = approved.error
        elif not approved.is_known:
            error = Unreachable if approved.state == "unreachable" else Failed
            target.error = error(approved.error)
        return target

    @property
    def is_due(self) -> bool:
        """True if its approved plan has something to do."""
        return self.approved is not None and self.approved.is_due

    def to_result(self, verb: Verb) -> TargetResult:
        """Return the result of ``verb`` at this target."""
        changes = self.made if verb in CHANGING else self.plan.changes if self.plan else ()
        return TargetResult(
            self.host,
            self.kind,
            self._decide_state(changes, verb),
            self.execs,
            self.exchanges,
            changes,
            self._format_error(),
            self._list_notes(),
            self.details,
            self.new_plan.changes if self.new_plan else None,
            _compare_plans(self.approved, self.new_plan) if self.approved and self.new_plan else "",
        )

    def to_plan(self, steps: tuple[str, ...] = (), **more: Any) -> TargetPlan:
        """Return the plan as a value, with the ``steps`` that make its changes, or why there is no plan."""
        changes = self.plan.changes if self.plan else ()
        return TargetPlan(
            self.host,
            self.kind,
            self._decide_state(changes, "plan"),
            changes,
            steps,
            error=self._format_error(),
            notes=self._list_notes(),
            details=self.details,
            execs=self.execs,
            exchanges=self.exchanges,
            **more,
        )

    def _format_error(self) -> str:
        return str(self.error) if self.error else self.skipped

    def _list_notes(self) -> tuple[str, ...]:
        warnings = self.plan.warnings if self.plan else ()
        return tuple(dict.fromkeys((*warnings, *self.notes)))

    def _decide_state(self, changes: tuple[Change, ...], verb: Verb) -> State:
        if self.error is not None:
            return "unreachable" if isinstance(self.error, Unreachable) else "failed"
        if self.skipped:
            return "skipped"
        if not changes:
            return "differs" if self.is_impaired else "ok"
        return "changed" if verb in CHANGING else "differs"


def _compare_plans(approved: TargetPlan, now: TargetPlan) -> str:
    return unified_diff("plan", format_plan(approved), format_plan(now))


@contextmanager
def capture_errors(target: Target) -> Iterator[None]:
    """Store an error of the block in ``target`` instead of raising it.

    An error then stops the work at one target only, and an unexpected one does not hide the results of the
    other targets.
    """
    try:
        yield
    except TargetError as error:
        target.error = error
    except Exception as error:
        log.debug("unexpected error at %s", target.host, exc_info=error)
        # the text of the exception goes to the log only, because it may quote an answer of a target
        message = f"error in Banstitch: {type(error).__name__}"
        target.error = Failed(message, "run with -vvv and report the traceback")


def check_converged(again: Plan) -> None:
    """Check that a plan made after the changes is empty.

    Raises:
        Failed: something is left to change.
    """
    if again.changes:
        left = ", ".join(f"{change.action} {change.id}" for change in again.changes)
        raise Failed(
            f"the changes were made, but the target still differs: {left}",
            "check whether another tool manages the same objects",
        )


def check_plan_unchanged(
    target: Target, now: TargetPlan, outcome: str = "nothing was sent"
) -> None:
    """Check that the plan ``now`` equals the approved one byte for byte.

    Secrets that did not exist at the approval are no difference: both plans show them by name.

    Raises:
        Failed: the plans differ; ``target`` then has the new one.
    """
    if target.approved is None or format_approved(target.approved) != format_approved(now):
        target.new_plan = now
        message = f"{target.host} changed after its plan was made; {outcome}"
        raise Failed(message, "read the new plan and run again")


def describe_unreadable_posts(number: int, ban_host: str) -> str:
    """Return the note about the posts that the receiver could not read."""
    posts = f"{spell_count(number, 'post')} of the last 24 hours could not be read"
    return f"{posts}: see {LOG_DIRECTORY}/rejected.log on {ban_host}"


def describe_fetch_delay(seconds: float) -> str:
    """Return the note about the seconds from an event of a FortiGate to its fetch; 0 for none yet."""
    if not seconds:
        return (
            "the seconds from an event to the fetch of the feed are not known, because there was no event "
            "yet; verify --wait 150 measures them with its own event"
        )
    return f"the feed was fetched {seconds:.1f} s after an event of this FortiGate"


def describe_own_fetch(seconds: float | None, wait: int) -> str:
    """Return the note about the seconds from the event of `verify` to the fetch; None if none came."""
    if seconds is None:
        what = f"the feed was not fetched within {wait} s of the event of this test"
        return f"{what}; check 'last poll' in status"
    return f"the feed was fetched {seconds:.1f} s after the event of this test"
