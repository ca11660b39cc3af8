"""One site from end to end: observe, plan, apply, observe again; Linux first, teardown the other way round.

Planning and applying are two phases so that an operator can say no between them. What the second phase
would change is compared with what was shown: a site that moved in between is not touched.
"""

from __future__ import annotations

from provision.errors import Failed
from provision.host_run import HostRun
from provision.progress import Caught, Target, Verb
from provision.results import SiteResult
from provision.run import Run
from provision.sites import Selected
from provision.unit_run import UnitRun


class SiteRun:
    """The run at one site. :meth:`plan` looks, :meth:`carry_out` changes what the plan says."""

    def __init__(self, run: Run, selected: Selected) -> None:
        self._run = run
        self._selected = selected
        self._host = HostRun(run, selected)
        self._units = [UnitRun(run, selected, self._host, unit) for unit in selected.fortigates]

    @property
    def selected(self) -> Selected:
        """The site, and what of it is within the limit."""
        return self._selected

    # --- looking ---------------------------------------------------------------------------------

    def plan(self) -> SiteResult:
        """Observe and compare; nothing is changed. The result tells what would be."""
        parts: list[HostRun | UnitRun] = [self._host, *self._units]
        for part in parts:
            with Caught(part.target):
                part.plan()
            self._tell(part.target)
        if self._selected.linux:
            self._host.note_lost()
        if self._run.verb == "teardown":
            self._check_teardown()
        return self.result("plan" if self._run.verb in ("apply", "teardown") else self._run.verb)

    def _check_teardown(self) -> None:
        """The host goes last: not while a FortiGate that polls its feed is left as it is."""
        memory, renamed, target = self._host.memory, self._host.renamed, self._host.target
        if memory is None or not self._selected.linux:
            return
        here = {unit.target.host for unit in self._units if unit.target.error is None}
        here |= {renamed[name] for name in here & renamed.keys()}
        left = sorted(memory.remembered - here - self._host.to_forget())
        if left and target.error is None:
            target.error = Failed(
                f"still polled by {', '.join(left)}, which would be left as it is",
                "include it in the inventory and in --limit, and have it within reach;"
                " if it is gone for good: --forget NAME",
            )

    # --- changing --------------------------------------------------------------------------------

    def carry_out(self) -> SiteResult:
        """Make the planned changes; Linux first, teardown last, and stop a site where a step failed."""
        if self._run.verb == "teardown":
            for unit in self._units:
                self._change(unit)
            self._tear_down_host()
        else:
            self._change(self._host)
            with Caught(self._host.target):
                self._host.forget_lost()
            for unit in self._units:
                if self._host.target.error is not None:
                    unit.target.skipped = f"left alone: {self._host.target.host} failed"
                self._change(unit)
        return self.result(self._run.verb)

    def _tear_down_host(self) -> None:
        failed = [unit.target.host for unit in self._units if unit.target.error is not None]
        if failed and self._host.is_due():
            names = ", ".join(failed)
            self._host.target.skipped = f"left alone: {names} failed and still use its feed"
        self._change(self._host)

    def _change(self, part: HostRun | UnitRun) -> None:
        target = part.target
        if target.error is None and not target.skipped and part.is_due():
            self._doing(target, "tearing down" if self._run.verb == "teardown" else "applying")
            with Caught(target):
                part.change()
        self._tell(target)

    # --- verifying -------------------------------------------------------------------------------

    def drill(self) -> SiteResult:
        """Send a synthetic event through the loop, unless the plan found that it cannot run."""
        target = self._host.target
        if self._selected.linux and target.error is None and target.plan:
            if target.plan.changes:
                target.notes.append("no event was sent through the loop: apply first")
            else:
                self._doing(target, "sending an event through the loop")
                with Caught(target):
                    self._host.drill()
        self._tell(target)
        return self.result("verify")

    # --- telling ---------------------------------------------------------------------------------

    def result(self, verb: Verb) -> SiteResult:
        """What came of the site so far; only targets within the limit are in it."""
        targets = [unit.target for unit in self._units]
        if self._selected.linux or self._host.target.error is not None:
            last = self._run.verb == "teardown"
            targets.insert(len(targets) if last else 0, self._host.target)
        return SiteResult(
            self._selected.site.name, tuple(target.result(verb) for target in targets)
        )

    def _doing(self, target: Target, what: str) -> None:
        self._run.listener.doing(self._selected.site.name, target.host, what)

    def _tell(self, target: Target) -> None:
        self._run.listener.done(self._selected.site.name, target.result(self._run.verb))
