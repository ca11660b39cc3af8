"""Run one site: observe, plan, apply, observe again; the ban host first, or last at a teardown.

Every way to run uses two functions: :func:`plan_site` observes and plans, :func:`apply_site` carries out an
approved plan. Both take and return values that can be pickled, so each may run in another process.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

from provision.engine.ban_host import BanHostRun
from provision.engine.progress import (
    Target,
    capture_errors,
    describe_fetch_delay,
    describe_own_fetch,
)
from provision.engine.run import ALONE, EXAMINING, Job, Process, Run
from provision.errors import Failed, InputError, Problem
from provision.linux.agent.protocol.answers import SelfTested
from provision.linux.draft import LinuxPlan
from provision.masking import mask_plan, mask_result
from provision.plan import SitePlan, Verb
from provision.results import SiteResult
from provision.sites.site import Selected

if TYPE_CHECKING:
    from provision.engine.fortigate import FortiGateRun


def plan_site(name: str, job: Job, process: Process = ALONE) -> SitePlan:
    """Return the plan of ``job`` at the site ``name``; change nothing.

    For `verify`, also run the self-test if nothing differs.
    """
    run = job.begin(process)
    return mask_plan(SiteRun(run, job.sites[name]).plan(), run.secrets)


def apply_site(
    name: str,
    job: Job,
    approved: SitePlan,
    process: Process = ALONE,
) -> SiteResult:
    """Carry out the plan ``approved`` at the site ``name``, and return the result.

    Each target is planned again first. Nothing is sent unless the new plan equals the approved one byte for
    byte. A target without a plan, or with an empty one, is left alone.

    Raises:
        InputError: the plan belongs to another site or verb.
    """
    if (approved.name, approved.verb) != (name, job.verb):
        message = (
            f"a plan of {approved.verb} for {approved.name} must not be used to {job.verb} {name}"
        )
        raise InputError([Problem("", 0, message, "make a new plan")])
    run = job.begin(process)
    return mask_result(SiteRun(run, job.sites[name]).apply(approved), run.secrets)


def _open_fortigates(run: Run, selected: Selected, host: BanHostRun) -> Iterator[FortiGateRun]:
    """Yield the run at each FortiGate. A site without one is spared the import of netmiko."""
    if selected.fortigates:
        from provision.engine.fortigate import FortiGateRun

        yield from (FortiGateRun(run, selected, host, each) for each in selected.fortigates)


class SiteRun:
    """The run at one site: :meth:`plan` only observes, :meth:`apply` makes the changes of a plan."""

    def __init__(self, run: Run, selected: Selected) -> None:
        self._run = run
        self._selected = selected
        self._host = BanHostRun(run, selected)
        self._fortigates = list(_open_fortigates(run, selected, self._host))

    @property
    def selected(self) -> Selected:
        """The site and its part within the limit."""
        return self._selected

    # --- observing ---------------------------------------------------------------------------------

    def plan(self) -> SitePlan:
        """Observe and compare; change nothing."""
        with closing(self._host):
            return self._plan()

    def _plan(self) -> SitePlan:
        parts: list[BanHostRun | FortiGateRun] = [self._host, *self._fortigates]
        for part in parts:
            with capture_errors(part.target):
                part.plan()
            self._report(part.target, "plan")
        if self._selected.linux:
            self._host.note_removed()
        if self._run.verb == "teardown":
            self._check_teardown()
        if self._run.verb in EXAMINING:
            self._check_feeds()
        if self._run.verb == "verify":
            self._run_self_test()
        return SitePlan(
            self._selected.site.name,
            self._run.verb,
            tuple(part.to_plan() for part in self._order_parts()),
        )

    def _check_teardown(self) -> None:
        """Refuse to tear down the ban host while a FortiGate outside this run still polls its feed."""
        memory, renamed, target = self._host.memory, self._host.renamed, self._host.target
        if memory is None or not self._selected.linux:
            return
        here = {part.target.host for part in self._fortigates if part.target.error is None}
        here |= {renamed[name] for name in here & renamed.keys()}
        left = sorted(memory.remembered - here - self._host.list_forgotten())
        if left and target.error is None:
            target.error = Failed(
                f"still polled by {', '.join(left)}, which this run does not tear down",
                "include it in the inventory and in --limit, and make sure that it can be reached;"
                " if it no longer exists, use --forget NAME",
            )
            # the bans that a teardown would end go on
            if isinstance(target.plan, LinuxPlan):
                target.plan = replace(target.plan, warnings=())

    def _check_feeds(self) -> None:
        """Compare what the FortiGates hold with the bans of the ban host."""
        if self._fortigates:
            from provision.engine.feeds import check_feeds

            with capture_errors(self._host.target):
                check_feeds(self._run, self._selected.site, self._host, self._fortigates)

    def _run_self_test(self) -> None:
        """Send a synthetic event through the loop if the ban host is as planned."""
        target = self._host.target
        if self._selected.linux and target.error is None and target.plan:
            if target.plan.changes:
                target.notes.append("no event was sent through the loop; run apply first")
            else:
                self._report_activity(target, "sending an event through the loop")
                with capture_errors(target):
                    self._note_fetches(self._host.self_test(self._list_fetchers()))
        self._report(target, "verify")

    def _list_fetchers(self) -> tuple[str, ...]:
        """Return the FortiGates that have the feed as planned, so that they must fetch it."""
        return tuple(part.target.host for part in self._fortigates if part.held is not None)

    def _note_fetches(self, answer: SelfTested | None) -> None:
        """Add a note to each FortiGate with the seconds from an event to its fetch of the feed."""
        if answer is None:
            return
        waits = self._list_fetchers() if self._run.wait else ()
        for target in (part.target for part in self._fortigates):
            if target.host in waits:
                seconds = answer.fetched.get(target.host)
                target.is_impaired = target.is_impaired or seconds is None
                target.notes.append(describe_own_fetch(seconds, self._run.wait))
            elif target.error is None:
                target.notes.append(describe_fetch_delay(answer.fetch_delays.get(target.host, 0)))

    # --- changing --------------------------------------------------------------------------------

    def apply(self, approved: SitePlan) -> SiteResult:
        """Make the approved changes, at the ban host first, or last at a teardown; stop where one fails."""
        self._begin(approved)
        with closing(self._host):
            if self._run.verb == "teardown":
                self._tear_down()
            else:
                self._deploy()
        return SiteResult(
            self._selected.site.name,
            tuple(part.target.to_result(self._run.verb) for part in self._order_parts()),
        )

    def _begin(self, approved: SitePlan) -> None:
        """Give each target its approved plan; a target without a plan is left alone."""
        plans = {plan.host: plan for plan in approved.targets}
        parts: list[BanHostRun | FortiGateRun] = [self._host, *self._fortigates]
        for part in parts:
            plan = plans.get(part.target.host)
            if plan is not None:
                part.target = Target.from_approved(plan)
            elif part is not self._host or self._selected.linux:
                part.target.skipped = "left alone: it is not in the plan"

    def _deploy(self) -> None:
        host, ready = self._host.target, True
        if host.error is not None:
            ready = False
        elif host.is_due and host.approved is not None and host.approved.changes:
            self._change(self._host)
        elif self._is_due():
            ready = self._observe_again()
        with capture_errors(host):
            self._host.drop_forgotten()
        for part in self._fortigates:
            if not ready or host.error is not None:
                part.target.skipped = f"left alone: {host.host} failed"
            self._change(part)

    def _tear_down(self) -> None:
        host = self._host.target
        if self._is_due() and not self._observe_again():
            for part in self._fortigates:
                part.target.skipped = f"left alone: {host.host} failed"
        for part in self._fortigates:
            self._change(part)
        failed = [part.target.host for part in self._fortigates if part.target.error is not None]
        if failed and host.is_due:
            host.skipped = f"left alone: {', '.join(failed)} failed and still use its feed"
        self._change(self._host)

    def _is_due(self) -> bool:
        return self._host.target.is_due or any(part.target.is_due for part in self._fortigates)

    def _observe_again(self) -> bool:
        """Observe the ban host again; return whether its plan is still the approved one."""
        target, before = self._host.target, self._host.target.error
        with capture_errors(target):
            self._host.observe_again()
        if self._run.verb == "teardown":
            self._check_teardown()
        return target.error is before

    def _change(self, part: BanHostRun | FortiGateRun) -> None:
        target = part.target
        if target.error is None and not target.skipped and target.is_due:
            self._report_activity(
                target, "tearing down" if self._run.verb == "teardown" else "applying"
            )
            with capture_errors(target):
                part.change()
        self._report(target, self._run.verb)

    # --- reporting -------------------------------------------------------------------------------

    def _order_parts(self) -> list[BanHostRun | FortiGateRun]:
        """Return the parts within the limit, in the order of the report."""
        parts: list[BanHostRun | FortiGateRun] = [*self._fortigates]
        if self._selected.linux or self._host.target.error is not None:
            last = self._run.verb == "teardown"
            parts.insert(len(parts) if last else 0, self._host)
        return parts

    def _report_activity(self, target: Target, activity: str) -> None:
        self._run.listener.report_activity(self._selected.site.name, target.host, activity)

    def _report(self, target: Target, verb: Verb) -> None:
        self._run.listener.report_result(self._selected.site.name, target.to_result(verb))
