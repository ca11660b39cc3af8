"""A run at the ban host of a site: observe, change, observe again; and keep the FortiGates' records."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TypeVar

from provision.desired import collect, running_site
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
from provision.linux.agent.protocol.answers import Applied, SelfTested
from provision.linux.agent.protocol.observe import Request
from provision.linux.agent.protocol.requests import Apply, Remember
from provision.linux.agent.protocol.state import Observed
from provision.linux.agent.protocol.steps import Step
from provision.linux.approved_steps import fill_steps, format_step
from provision.linux.draft import LinuxPlan
from provision.linux.kinds.certificate import Authority
from provision.linux.kinds.service import Service
from provision.linux.observation import assume_untouched, build_request, fill_contents
from provision.linux.python_first import PYTHON, without_python
from provision.linux.session.kept_session import KeptSession
from provision.linux.session.session import BanHostSession, NoPython
from provision.plan import TargetPlan
from provision.sites.site import Selected

Answer = TypeVar("Answer")


class BanHostRun:
    """The part of a run at one ban host.

    ``memory``: the state that FortiGates need, or None until the host has been observed. ``renamed``: maps
    new names of FortiGates to the names under which they were set up. ``is_outdated``: the ban host is
    outside the limit, and a service there that answers FortiGates differs from the inventory.
    """

    def __init__(self, run: Run, selected: Selected) -> None:
        self.target = Target(selected.site.ban_host.name, "linux")
        self.memory: Memory | None = None
        self.renamed: dict[str, str] = {}
        self.is_outdated = False
        self._run = run
        self._selected = selected
        self._site = selected.site
        by_role = collect.render_resources_by_role(selected.site, run.plays)
        self._resources = tuple(by_role)
        self._roles = {str(resource.id): role for resource, role in by_role.items()}
        authorities = (resource for resource in self._resources if isinstance(resource, Authority))
        # the names that the ban host's own CA may sign for; empty if it has none
        self.ca_names = next((authority.names for authority in authorities), ())
        # without python3 the agent cannot run, so nothing could be observed
        self._lacks_python = False
        self._digest = ""
        self._session = KeptSession(self._site.ban_host.login, run.access)

    @contextmanager
    def _connect(self) -> Iterator[BanHostSession]:
        with self._session.use() as host:
            before = host.execs
            try:
                yield host
            finally:
                self.target.execs += host.execs - before

    def close(self) -> None:
        """Close the connection, if one is open."""
        self._session.close()

    def ask(self, request: Request[Answer]) -> Answer:
        """Send ``request`` to the agent, and return its answer."""
        with self._connect() as host:
            return host.ask(request)

    # --- observing ---------------------------------------------------------------------------------

    def plan(self) -> None:
        """Observe the host, and compare it with the inventory if it is within the limit; change nothing."""
        self._run.listener.report_activity(self._site.name, self.target.host, "observing")
        with self._connect() as host:
            observed = self._observe(host)
        if self._selected.linux:
            self.target.plan = self._make_plan(observed)
            if not observed.manifest and self._run.verb not in ("verify", "teardown"):
                self.target.details = {"settings": summarize_settings(self._site, self._run.plays)}
            self.memory = drop_replaced(self.memory, self.target.plan)

    def to_plan(self) -> TargetPlan:
        """Return the plan as a value, or the reason why there is no plan."""
        plan = self.target.plan
        if not isinstance(plan, LinuxPlan):
            return self.target.to_plan()
        return self._build_plan(self.target, plan)

    def _build_plan(self, target: Target, plan: LinuxPlan) -> TargetPlan:
        steps = ((PYTHON,) if self._lacks_python else ()) + tuple(map(format_step, plan.steps))
        plan_value = target.to_plan(
            steps, seen=self._digest, forgets=tuple(sorted(self.list_forgotten()))
        )
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
            answer = host.ask(build_request(self._resources))
            observed = fill_contents(answer, self._resources)
        except NoPython as error:
            self._lacks_python = True
            observed = assume_untouched(self._resources, error.sshd_jail_without_log, error.clock)
        self._remember(observed)
        self.is_outdated = not self._selected.linux and self._compare_service(observed)
        return observed

    def _compare_service(self, observed: Observed) -> bool:
        if not observed.manifest:
            return False
        try:
            plan = planner.plan(self._resources, observed, adopt=True)
        except Failed:  # not a usable ban host, which the runs at its FortiGates report
            return False
        changed = {change.id for change in plan.changes}
        served = (r for r in self._resources if isinstance(r, Service) and r.answers)
        return any(changed & {*map(str, service.restart_on)} for service in served)

    def _remember(self, observed: Observed) -> None:
        """Mask the secrets of an observation before anything is printed, and keep what FortiGates need."""
        for secret in list_secrets(observed):
            self._run.secrets.add(secret)
        self.memory = read_memory(observed)

    def _make_plan(self, observed: Observed) -> LinuxPlan:
        self._digest = observed.digest
        if self._run.verb == "teardown":
            return removal.teardown(observed, self._run.purge_data, self._run.keep_packages)
        now = time.time() if observed.clock else None
        plan = planner.plan(self._resources, observed, self._run.adopt, now)
        return planner.with_python(plan) if self._lacks_python else plan

    # --- changing --------------------------------------------------------------------------------

    def observe_again(self) -> None:
        """Observe the host again, and check that the plan is still the approved one."""
        approved = self.target.approved
        with self._connect() as host:
            observed = self._observe(host)
        if self._selected.linux and approved is not None and approved.is_known:
            self._check_approved(observed)

    def change(self) -> None:
        """Make the approved changes, observe again, and check that nothing is left to do.

        Raises:
            Failed: the host changed after its plan was made; or the changes could not be made.
        """
        approved = self.target.approved
        if approved is None:
            return
        with self._connect() as host:
            observed = self._apply(host, approved)
        self.target.made = approved.changes
        check_converged(self._make_plan(observed))

    def _apply(self, host: BanHostSession, approved: TargetPlan) -> Observed:
        """Send the approved steps, and once more if the host changed but its plan did not.

        The plan of a host without python3 assumes that it was never touched.
        """
        steps, outcome = self._fill_steps(approved), "nothing was changed"
        if PYTHON in approved.steps:
            self._install_python(host)
            outcome = "python3 was installed and nothing else was changed"
        answer = self._send(host, steps, approved.seen)
        if answer.moved:
            if PYTHON in approved.steps:
                self.target.approved = without_python(approved, answer.observed.packages)
            steps = self._check_approved(answer.observed, outcome)
            return self._apply_at_once(host, steps, outcome)
        self._remember(answer.observed)
        return answer.observed

    def _apply_at_once(
        self, host: BanHostSession, steps: tuple[Step, ...], outcome: str
    ) -> Observed:
        answer = self._send(host, steps, self._digest)
        self._remember(answer.observed)
        if answer.moved:
            raise Failed(
                f"the host keeps changing while it is observed; {outcome}",
                "find out what else is changing it, then run again",
            )
        return answer.observed

    def _send(self, host: BanHostSession, steps: tuple[Step, ...], seen: str) -> Applied:
        answer = host.ask(Apply(self._run.verb, steps, build_request(self._resources), seen))
        self.target.notes.extend(answer.notes)
        return replace(answer, observed=fill_contents(answer.observed, self._resources))

    def _fill_steps(self, approved: TargetPlan) -> tuple[Step, ...]:
        steps = (json.loads(step) for step in approved.steps if step != PYTHON)
        try:
            return fill_steps(tuple(steps), self._resources)
        except ValueError as error:
            raise Failed(f"{error}; nothing was sent", "make a new plan") from None

    def _check_approved(
        self, observed: Observed, outcome: str = "nothing was changed"
    ) -> tuple[Step, ...]:
        """Return the steps of a new plan, which must equal the approved one."""
        self._remember(observed)
        plan = self._make_plan(observed)
        now = self._build_plan(Target(self.target.host, "linux", plan), plan)
        check_plan_unchanged(self.target, now, outcome)
        return plan.steps

    def _install_python(self, host: BanHostSession) -> None:
        waited = host.install_python()
        if waited:
            self.target.notes.append(waited)
        self._lacks_python = False

    # --- records -----------------------------------------------------------------------------

    def list_removed(self) -> tuple[str, ...]:
        """Return the FortiGates that have a record and are no longer in the inventory."""
        in_inventory = {fortigate.name for fortigate in self._site.fortigates}
        known = self.memory.remembered if self.memory else frozenset()
        return tuple(sorted(known - in_inventory - set(self.renamed.values())))

    def list_forgotten(self) -> set[str]:
        """Return the FortiGates of :meth:`list_removed` that the operator named with --forget."""
        return {*self.list_removed()} & {*self._run.forget}

    def note_removed(self) -> None:
        """Add a note about each FortiGate of :meth:`list_removed`."""
        for name in self.list_removed():
            self.target.notes.append(
                f"the record of {name} will be dropped: objects that were created on it stay there"
                if name in self._run.forget
                else f"{name} is no longer in the inventory, but objects that were created on it remain:"
                f" put it back and run teardown -l {name}; if it no longer exists, use --forget {name}"
            )

    def drop_forgotten(self) -> None:
        """Drop the records of the FortiGates named with --forget, as far as that was approved."""
        approved = self.target.approved
        if self._selected.linux and self.target.error is None and approved is not None:
            for name in sorted(self.list_forgotten() & {*approved.forgets}):
                self.write_record(name, None)

    def write_record(
        self, fortigate: str, record: Record | None, retire: tuple[str, ...] = ()
    ) -> None:
        """Store the record of a FortiGate on the ban host, or drop it if ``record`` is None.

        ``retire``: names of the secrets that the FortiGate has received; their older values become invalid.
        """
        self.ask(Remember(fortigate, record.to_json() if record else None, TOKENS, retire))

    # --- verifying -------------------------------------------------------------------------------

    def self_test(self, fetchers: tuple[str, ...] = ()) -> SelfTested | None:
        """Send a synthetic event through the loop, and add a note for each step.

        ``fetchers``: the FortiGates to wait for, if the operator wants to.
        """
        request = running_site.request_self_test(self._site, self._run.plays)
        if request is None:
            self.target.notes.append("no detection is enabled, so there is no loop to test")
            return None
        wait = self._run.wait
        answer = self.ask(replace(request, fetchers=fetchers if wait else (), wait=float(wait)))
        self.target.notes.extend(answer.steps)
        for fortigate in self._site.fortigates:
            number = answer.unreadable.get(fortigate.name, 0)
            if number:
                self.target.is_impaired = True
                problem = describe_unreadable_posts(number, self._site.ban_host.name)
                self.target.notes.append(f"{fortigate.name}: {problem}")
        return answer
