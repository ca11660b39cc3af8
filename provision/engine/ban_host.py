"""A run at the ban host of a site: look, change, look again; and what it remembers of the FortiGates."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from provision.desired import collect
from provision.desired.host_paths import TOKENS
from provision.desired.summary import summarise_settings
from provision.engine.progress import (
    Target,
    describe_unreadable_posts,
    must_be_as_approved,
    must_hold,
)
from provision.engine.records import Memory, memory_of, secrets_of, without_replaced
from provision.engine.run import Run
from provision.errors import Failed
from provision.fortios.record.record import Record
from provision.linux import observation, planner, removal
from provision.linux.by_name import by_name, filled
from provision.linux.draft import LinuxPlan, Step
from provision.linux.python_first import PYTHON, without_python
from provision.linux.resources import Authority, Service
from provision.linux.session.session import BanHostSession, NoPython
from provision.plan import TargetPlan
from provision.sites.builder import Selected


class BanHostRun:
    """The part of a run at one ban host.

    ``memory``: what it remembers, None until it was observed. ``renamed``: FortiGates that have
    another name in this inventory than in the one they were set up from, to that older name.
    ``behind``: the ban host is outside the limit, and a service there that answers FortiGates is not yet
    what the inventory asks for.
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
        self._roles = {resource.id: role for resource, role in by_role.items()}
        made = (each.names for each in self._resources if isinstance(each, Authority))
        # what the CA that the ban host makes may sign for; empty if it makes none
        self.authority_names = next(made, ())
        # it has no python3 yet, so that nothing is known of it
        self._bare = False
        self._seen = ""

    @contextmanager
    def _connected(self) -> Iterator[BanHostSession]:
        with BanHostSession(self._site.ban_host.login, self._run.access) as host:
            try:
                yield host
            finally:
                self.target.execs += host.execs

    def ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """The agent's answer to ``request``, by a connection of its own."""
        with self._connected() as host:
            return host.ask(request)

    # --- looking ---------------------------------------------------------------------------------

    def plan(self) -> None:
        """Observe; compare, if the ban host is within the limit. Nothing is changed."""
        self._run.listener.doing(self._site.name, self.target.host, "observing")
        with self._connected() as host:
            observed = self._observe(host)
        if self._selected.linux:
            self.target.plan = self._planned(observed)
            if not observed["manifest"] and self._run.verb in ("plan", "apply"):
                self.target.details = {"settings": summarise_settings(self._site, self._run.plays)}
            self.memory = without_replaced(self.memory, self.target.plan)

    def planned(self) -> TargetPlan:
        """Return the plan as a value, or why there is none."""
        plan = self.target.plan
        if not isinstance(plan, LinuxPlan):
            return self.target.planned()
        return self._as_value(self.target, plan)

    def _as_value(self, target: Target, plan: LinuxPlan) -> TargetPlan:
        steps = ((PYTHON,) if self._bare else ()) + tuple(map(by_name, plan.steps))
        found = target.planned(steps, seen=self._seen, forgets=tuple(sorted(self.to_forget())))
        mask, roles = self._run.secrets.mask, self._roles
        return replace(
            found,
            changes=tuple(
                replace(each, diff=mask(each.diff), role=roles.get(each.id, ""))
                for each in found.changes
            ),
        )

    def _observe(self, host: BanHostSession) -> Mapping[str, Any]:
        try:
            observed: Mapping[str, Any] = host.ask(observation.request(self._resources))
        except NoPython as error:
            self._bare = True
            observed = observation.untouched(self._resources, error.sshd_jail_without_log)
        self._remember(observed)
        self.behind = not self._selected.linux and self._is_behind(observed)
        return observed

    def _is_behind(self, observed: Mapping[str, Any]) -> bool:
        if not observed["manifest"]:
            return False
        try:
            found = planner.plan(self._resources, observed, adopt=True)
        except Failed:  # it is no ban host, which the FortiGate's own part reports
            return False
        changed = {change.id for change in found.changes}
        served = (r for r in self._resources if isinstance(r, Service) and r.answers)
        return any(changed & set(service.restart_on) for service in served)

    def _remember(self, observed: Mapping[str, Any]) -> None:
        """Keep what FortiGates need of an observation, and learn its secrets before anything is shown."""
        for secret in secrets_of(observed):
            self._run.secrets.add(secret)
        self.memory = memory_of(observed)

    def _planned(self, observed: Mapping[str, Any]) -> LinuxPlan:
        self._seen = observed["digest"]
        if self._run.verb == "teardown":
            return removal.teardown(observed, self._run.purge_data, self._run.keep_packages)
        plan = planner.plan(self._resources, observed, self._run.adopt, time.time())
        return planner.with_python(plan) if self._bare else plan

    # --- changing --------------------------------------------------------------------------------

    def look_again(self) -> None:
        """Observe for what the FortiGates need, and check that the plan is still the approved one."""
        approved = self.target.approved
        with self._connected() as host:
            observed = self._observe(host)
        if self._selected.linux and approved is not None and approved.is_known:
            self._approved_again(observed)

    def change(self) -> None:
        """Make the approved changes, and believe them once a second look finds nothing left to do.

        Raises:
            Failed: the host is not as it was when its plan was made; or the changes were not made.
        """
        approved = self.target.approved
        if approved is None:
            return
        with self._connected() as host:
            if PYTHON in approved.steps:
                observed = self._after_python(host, approved)
            else:
                observed = self._apply(host, approved)
        self.target.made = approved.changes
        must_hold(self._planned(observed))

    def _apply(self, host: BanHostSession, approved: TargetPlan) -> Mapping[str, Any]:
        """Send the approved steps; once more if the host moved in a way that leaves the plan as it is."""
        answer = self._send(host, self._filled(approved), approved.seen)
        if answer["moved"]:
            steps = self._approved_again(answer["observed"])
            return self._settled(host, steps)
        self._remember(answer["observed"])
        return dict(answer["observed"])

    def _settled(
        self, host: BanHostSession, steps: tuple[Step, ...], kept: str = "nothing was changed"
    ) -> Mapping[str, Any]:
        answer = self._send(host, steps, self._seen)
        self._remember(answer["observed"])
        if answer["moved"]:
            raise Failed(
                f"the host keeps changing while it is looked at; {kept}",
                "find out what else is at work there, then run again",
            )
        return dict(answer["observed"])

    def _send(self, host: BanHostSession, steps: tuple[Step, ...], seen: str) -> dict[str, Any]:
        answer = host.ask(
            {
                "do": "apply",
                "verb": self._run.verb,
                "steps": steps,
                "observe": observation.request(self._resources),
                "seen": seen,
            }
        )
        self.target.notes.extend(answer["notes"])
        return answer

    def _filled(self, approved: TargetPlan) -> tuple[Step, ...]:
        try:
            return filled(tuple(map(json.loads, approved.steps)), self._resources)
        except ValueError as error:
            raise Failed(f"{error}; nothing was sent", "make a new plan") from None

    def _approved_again(
        self, observed: Mapping[str, Any], kept: str = "nothing was changed"
    ) -> tuple[Step, ...]:
        """Return the steps of a new plan, which must be the approved one."""
        self._remember(observed)
        plan = self._planned(observed)
        now = self._as_value(Target(self.target.host, "linux", plan), plan)
        must_be_as_approved(self.target, now, kept)
        return plan.steps

    def _after_python(self, host: BanHostSession, approved: TargetPlan) -> Mapping[str, Any]:
        """A host without python3 gets it first, and is then really looked at."""
        waited = host.install_python()
        if waited:
            self.target.notes.append(waited)
        self._bare = False
        observed = self._observe(host)
        self.target.approved = without_python(approved, observed["packages"])
        kept = "python3 was installed and nothing else was changed"
        return self._settled(host, self._approved_again(observed, kept), kept)

    # --- remembering -----------------------------------------------------------------------------

    def lost(self) -> tuple[str, ...]:
        """FortiGates that hold what was made on them and that the inventory does not name any more."""
        named = {unit.name for unit in self._site.fortigates}
        known = self.memory.remembered if self.memory else frozenset()
        return tuple(sorted(known - named - set(self.renamed.values())))

    def to_forget(self) -> set[str]:
        """Those of :meth:`lost` that are gone for good, as the operator says."""
        return {*self.lost()} & {*self._run.forget}

    def note_lost(self) -> None:
        """Tell the operator what becomes of each of :meth:`lost`."""
        for name in self.lost():
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

    def write_record(self, unit: str, record: Record | None, retire: tuple[str, ...] = ()) -> None:
        """What was found on a FortiGate is kept on the ban host before the first line is sent.

        ``retire``: the secrets that the unit has by now; older ones of theirs are refused afterwards.
        """
        self.ask(
            {
                "do": "remember",
                "fortigate": unit,
                "record": record.to_json() if record else None,
                "tokens": TOKENS,
                "retire": retire,
            }
        )

    # --- verifying -------------------------------------------------------------------------------

    def run_self_test(self) -> None:
        """Send a synthetic event through the loop; each step that it took becomes a note."""
        request = collect.request_self_test(self._site, self._run.plays)
        if request is None:
            self.target.notes.append("no detection is on: there is no loop to try")
            return
        answer = self.ask({"do": "self-test", **request})
        self.target.notes.extend(answer["steps"])
        for unit in self._site.fortigates:
            number = answer["unreadable"].get(unit.name, 0)
            if number:
                self.target.loses_events = True
                told = describe_unreadable_posts(number, self._site.ban_host.name)
                self.target.notes.append(f"{unit.name}: {told}")
