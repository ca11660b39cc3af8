"""One target while its site is being worked on, and when a change of it is believed."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from provision.errors import Failed, TargetError, Unreachable
from provision.plan import Change, Plan
from provision.results import Kind, State, TargetResult

log = logging.getLogger("banstitch")

Verb = Literal["plan", "apply", "verify", "teardown"]


@dataclass
class Target:
    """One target while its site is being worked on."""

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

    def result(self, verb: Verb) -> TargetResult:
        """What came of it, with the state in the words of the report."""
        changes = (
            self.made if verb in ("apply", "teardown") else self.plan.changes if self.plan else ()
        )
        notes = (*(self.plan.warnings if self.plan else ()), *self.notes)
        error = str(self.error) if self.error else self.skipped
        return TargetResult(
            self.host,
            self.kind,
            self._state(changes, verb),
            self.execs,
            self.exchanges,
            changes,
            error,
            tuple(dict.fromkeys(notes)),
            self.details,
        )

    def _state(self, changes: tuple[Change, ...], verb: Verb) -> State:
        if self.error is not None:
            return "unreachable" if isinstance(self.error, Unreachable) else "failed"
        if self.skipped:
            return "skipped"
        if not changes:
            return "differs" if self.loses_events else "ok"
        return "changed" if verb in ("apply", "teardown") else "differs"


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
            log.debug("fault at %s", self._target.host, exc_info=error)
            what = f"fault in banstitch: {type(error).__name__}: {error}"
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


def must_be_as_shown(shown: Plan | None, now: Plan) -> None:
    """What is sent is what was shown; only secrets that did not exist yet may have been filled in."""
    before = [(change.id, change.action) for change in shown.changes] if shown else []
    if [(change.id, change.action) for change in now.changes] != before:
        raise Failed("the unit changed since the plan was made; nothing was sent", "run again")
