"""A run at the ban host of a site: observe, change, observe again; and its records of the FortiGates."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TypeVar

from provision.desired import collect
from provision.desired.host_paths import TOKENS
from provision.desired.summary import summarize_settings
from provision.engine.progress import (
    Target,
    check_converged,
    check_plan_unchanged,
    describe_unreadable_posts,
)
from provision.engine.records import Memory, drop_replaced, list_secrets, read_memory
from provision.engine.run import Run
from provision.errors import Failed
from provision.fortios.record.record import Record
from provision.linux import planner, removal
from provision.linux.agent.protocol.answers import Applied
from provision.linux.agent.protocol.requests import Apply, Remember, Request
from provision.linux.agent.protocol.state import Observed
from provision.linux.agent.protocol.steps import Step
from provision.linux.approved_steps import fill_steps, format_step
from provision.linux.draft import LinuxPlan
from provision.linux.kinds.certificate import Authority
from provision.linux.kinds.service import Service
from provision.linux.observation import assume_untouched, build_request
from provision.linux.python_first import PYTHON, without_python
from provision.linux.session.session import BanHostSession, NoPython
from provision.plan import TargetPlan
from provision.sites.builder import Selected

Answer = TypeVar("Answer")


class BanHostRun:
    """The part of a run at one ban host.

    ``memory``: the state that FortiGates need, None until the host was observed. ``renamed``: the new
    names of FortiGates to the names under which they were set up. ``behind``: the ban host is outside the
    limit, and a service there that answers FortiGates differs from the inventory.
    """

    def __init__(self, run: Run, selected: Selected) -> None:
        self.target = Target(selected.site.ban_host.name, "linux")
        self.memory: Memory | None = None
        self.renamed: dict[str, str] = {}
        self.behind = False
        self._run = run
        self._selected = selected
        self._site = selected.site
        by_role = collect.render_resources_by_role(selected.site, run.plays)
        self._resources = tuple(by_role)
        self._roles = {str(resource.id): role for resource, role in by_role.items()}
        made = (resource.names for resource in self._resources if isinstance(resource, Authority))
        # what the CA that the ban host makes may sign for; empty if it makes none
        self.authority_names = next(made, ())
        # it has no python3 yet, so that nothing is known of it
        self._bare = False
        self._seen = ""

    @contextmanager
    def _connect(self) -> Iterator[BanHostSession]:
        with BanHostSession(self._site.ban_host.login, self._run.access) as host:
            try:
                yield host
            finally:
                self.target.execs += host.execs

    def ask(self, request: Request[Answer]) -> Answer:
        """Send ``request`` to the agent over a new connection, and return its answer."""
        with self._connect() as host:
            return host.ask(request)

    # --- looking ---------------------------------------------------------------------------------

    def plan(self) -> None:
        """Observe the host; compare if it is within the limit. Change nothing."""
        self._run.listener.report_activity(self._site.name, self.target.host, "observing")
        with self._connect() as host:
            observed = self._observe(host)
        if self._selected.linux:
            self.target.plan = self._make_plan(observed)
            if not observed.manifest and self._run.verb not in ("verify", "teardown"):
                self.target.details = {"settings": summarize_settings(self._site, self._run.plays)}
            self.memory = drop_replaced(self.memory, self.target.plan)

    def to_plan(self) -> TargetPlan:
        """Return the plan as a value, or the reason why there is none."""
        plan = self.target.plan
        if not isinstance(plan, LinuxPlan):
            return self.target.to_plan()
        return self._as_value(self.target, plan)

    def _as_value(self, target: Target, plan: LinuxPlan) -> TargetPlan:
        steps = ((PYTHON,) if self._bare else ()) + tuple(map(format_step, plan.steps))
        plan_value = target.to_plan(steps, seen=self._seen, forgets=tuple(sorted(self.to_forget())))
        mask, roles = self._run.secrets.mask, self._roles
        return replace(
            plan_value,
            changes=tuple(
                replace(change, diff=mask(change.diff), role=roles.get(change.id, ""))
                for change in plan_value.changes
            ),
        )

    def _observe(self, host: BanHostSession) -> Observed:
        try:
            observed = host.ask(build_request(self._resources))
        except NoPython as error:
            self._bare = True
            observed = assume_untouched(self._resources, error.sshd_jail_without_log)
        self._remember(observed)
        self.behind = not self._selected.linux and self._is_behind(observed)
        return observed

    def _is_behind(self, observed: Observed) -> bool:
        if not observed.manifest:
            return False
        try:
            plan = planner.plan(self._resources, observed, adopt=True)
        except Failed:  # it is no ban host, which the FortiGate's own part reports
            return False
        changed = {change.id for change in plan.changes}
        served = (r for r in self._resources if isinstance(r, Service) and r.answers)
        return any(changed & {*map(str, service.restart_on)} for service in served)

    def _remember(self, observed: Observed) -> None:
        """Keep what FortiGates need of an observation, and learn its secrets before anything is shown."""
        for secret in list_secrets(observed):
            self._run.secrets.add(secret)
        self.memory = read_memory(observed)

    def _make_plan(self, observed: Observed) -> LinuxPlan:
        self._seen = observed.digest
        if self._run.verb == "teardown":
            return removal.teardown(observed, self._run.purge_data, self._run.keep_packages)
        now = None if self._bare else time.time()
        plan = planner.plan(self._resources, observed, self._run.adopt, now)
        return planner.with_python(plan) if self._bare else plan

    # --- changing --------------------------------------------------------------------------------

    def look_again(self) -> None:
        """Observe for what the FortiGates need, and check that the plan is still the approved one."""
        approved = self.target.approved
        with self._connect() as host:
            observed = self._observe(host)
        if self._selected.linux and approved is not None and approved.is_known:
            self._check_approved(observed)

    def change(self) -> None:
        """Make the approved changes, then observe again and check that nothing is left to do.

        Raises:
            Failed: the host is not as it was when its plan was made; or the changes were not made.
        """
        approved = self.target.approved
        if approved is None:
            return
        with self._connect() as host:
            if PYTHON in approved.steps:
                observed = self._continue_after_python(host, approved)
            else:
                observed = self._apply(host, approved)
        self.target.made = approved.changes
        check_converged(self._make_plan(observed))

    def _apply(self, host: BanHostSession, approved: TargetPlan) -> Observed:
        """Send the approved steps; once more if the host moved in a way that leaves the plan as it is."""
        answer = self._send(host, self._fill_steps(approved), approved.seen)
        if answer.moved:
            steps = self._check_approved(answer.observed)
            return self._settle(host, steps)
        self._remember(answer.observed)
        return answer.observed

    def _settle(
        self, host: BanHostSession, steps: tuple[Step, ...], kept: str = "nothing was changed"
    ) -> Observed:
        answer = self._send(host, steps, self._seen)
        self._remember(answer.observed)
        if answer.moved:
            raise Failed(
                f"the host keeps changing while it is looked at; {kept}",
                "find out what else is at work there, then run again",
            )
        return answer.observed

    def _send(self, host: BanHostSession, steps: tuple[Step, ...], seen: str) -> Applied:
        answer = host.ask(Apply(self._run.verb, steps, build_request(self._resources), seen))
        self.target.notes.extend(answer.notes)
        return answer

    def _fill_steps(self, approved: TargetPlan) -> tuple[Step, ...]:
        try:
            return fill_steps(tuple(map(json.loads, approved.steps)), self._resources)
        except ValueError as error:
            raise Failed(f"{error}; nothing was sent", "make a new plan") from None

    def _check_approved(
        self, observed: Observed, kept: str = "nothing was changed"
    ) -> tuple[Step, ...]:
        """Return the steps of a new plan, which must be the approved one."""
        self._remember(observed)
        plan = self._make_plan(observed)
        now = self._as_value(Target(self.target.host, "linux", plan), plan)
        check_plan_unchanged(self.target, now, kept)
        return plan.steps

    def _continue_after_python(self, host: BanHostSession, approved: TargetPlan) -> Observed:
        """Install python3, observe the host for the first time, and check the plan."""
        waited = host.install_python()
        if waited:
            self.target.notes.append(waited)
        self._bare = False
        observed = self._observe(host)
        self.target.approved = without_python(approved, observed.packages)
        kept = "python3 was installed and nothing else was changed"
        return self._settle(host, self._check_approved(observed, kept), kept)

    # --- remembering -----------------------------------------------------------------------------

    def list_lost(self) -> tuple[str, ...]:
        """Return the FortiGates that were configured and are no longer in the inventory."""
        named = {fortigate.name for fortigate in self._site.fortigates}
        known = self.memory.remembered if self.memory else frozenset()
        return tuple(sorted(known - named - set(self.renamed.values())))

    def to_forget(self) -> set[str]:
        """Return those of :meth:`list_lost` that the operator named with --forget."""
        return {*self.list_lost()} & {*self._run.forget}

    def note_lost(self) -> None:
        """Add a note about each of :meth:`list_lost`."""
        for name in self.list_lost():
            self.target.notes.append(
                f"{name} will be forgotten: what was made on it stays there"
                if name in self._run.forget
                else f"{name} is no longer in the inventory but holds what was made on it: put it back"
                f" and tear it down with -l {name}, or, if it is gone for good, --forget {name}"
            )

    def forget_lost(self) -> None:
        """Drop the records of those that are gone for good, as far as that was approved."""
        approved = self.target.approved
        if self._selected.linux and self.target.error is None and approved is not None:
            for name in sorted(self.to_forget() & {*approved.forgets}):
                self.write_record(name, None)

    def write_record(
        self, fortigate: str, record: Record | None, retire: tuple[str, ...] = ()
    ) -> None:
        """Store the record of a FortiGate on the ban host, before the first line is sent to it.

        ``retire``: names of the secrets that the FortiGate has by now; their older values are refused
        from then on.
        """
        self.ask(Remember(fortigate, record.to_json() if record else None, TOKENS, retire))

    # --- verifying -------------------------------------------------------------------------------

    def self_test(self) -> None:
        """Send a synthetic event through the loop, and note each step that it took."""
        request = collect.request_self_test(self._site, self._run.plays)
        if request is None:
            self.target.notes.append("no detection is on: there is no loop to try")
            return
        answer = self.ask(request)
        self.target.notes.extend(answer.steps)
        for fortigate in self._site.fortigates:
            number = answer.unreadable.get(fortigate.name, 0)
            if number:
                self.target.loses_events = True
                problem = describe_unreadable_posts(number, self._site.ban_host.name)
                self.target.notes.append(f"{fortigate.name}: {problem}")
