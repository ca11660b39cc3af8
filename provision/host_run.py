"""A run at the ban host of a site: look, change, look again; and what it remembers of the FortiGates."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from provision import desired as wanted
from provision.fortios.record import Record
from provision.linux import observation, planner, removal
from provision.linux.draft import LinuxPlan
from provision.linux.target import BanHost, NoPython
from provision.memory import Memory, memory_of, secrets_of
from provision.progress import Target, must_hold
from provision.report import not_read
from provision.roles import TOKENS
from provision.run import Run
from provision.sites import Selected


class HostRun:
    """The part of a run at one ban host.

    ``memory``: what it remembers, None until it was observed. ``renamed``: FortiGates that have
    another name in this inventory than in the one they were set up from, to that older name.
    """

    def __init__(self, run: Run, selected: Selected) -> None:
        self.target = Target(selected.site.ban_host.name, "linux")
        self.memory: Memory | None = None
        self.renamed: dict[str, str] = {}
        self._run = run
        self._selected = selected
        self._site = selected.site
        self._resources = wanted.linux(selected.site, run.plays)
        # it has no python3 yet, so that nothing is known of it
        self._bare = False

    @contextmanager
    def _connected(self) -> Iterator[BanHost]:
        with BanHost(self._site.ban_host.login, self._run.policy) as host:
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

    def _observe(self, host: BanHost) -> Mapping[str, Any]:
        try:
            observed: Mapping[str, Any] = host.ask(observation.request(self._resources))
        except NoPython:
            self._bare = True
            observed = observation.untouched(self._resources)
        self._remember(observed)
        return observed

    def _remember(self, observed: Mapping[str, Any]) -> None:
        """Keep what FortiGates need of an observation, and learn its secrets before anything is shown."""
        for secret in secrets_of(observed):
            self._run.secrets.add(secret)
        self.memory = memory_of(observed)

    def _planned(self, observed: Mapping[str, Any]) -> LinuxPlan:
        if self._run.verb == "teardown":
            return removal.teardown(observed, self._run.purge_data, self._run.keep_packages)
        plan = planner.plan(self._resources, observed, self._run.adopt)
        return planner.with_python(plan) if self._bare else plan

    # --- changing --------------------------------------------------------------------------------

    def is_due(self) -> bool:
        """Whether there is anything to change."""
        return bool(self.target.plan and self.target.plan.changes)

    def change(self) -> None:
        """Make the planned changes, and believe them once a second look finds nothing left to do."""
        plan = self.target.plan
        if not isinstance(plan, LinuxPlan):
            return
        with self._connected() as host:
            plan = self._with_python(host, plan)
            answer = host.ask(
                {
                    "do": "apply",
                    "verb": self._run.verb,
                    "steps": plan.steps,
                    "observe": observation.request(self._resources),
                }
            )
        self._remember(answer["observed"])
        self.target.made = plan.changes
        must_hold(self._planned(answer["observed"]))

    def _with_python(self, host: BanHost, plan: LinuxPlan) -> LinuxPlan:
        """A host without python3 gets it first, and the plan is made on what is really there."""
        if not self._bare:
            return plan
        host.install_python()
        self._bare = False
        return planner.with_python(self._planned(self._observe(host)))

    # --- remembering -----------------------------------------------------------------------------

    def lost(self) -> tuple[str, ...]:
        """FortiGates that hold what was made on them and that the inventory does not name any more."""
        named = {unit.name for unit in self._site.fortigates}
        known = set(self.memory.records if self.memory else ())
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
        """Drop the records of those that are gone for good."""
        if self._selected.linux and self.target.error is None:
            for name in self.to_forget():
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

    def drill(self) -> None:
        """Send a synthetic event through the loop; each step that it took becomes a note."""
        drill = wanted.offered(self._site, self._run.plays, "drill")
        if drill is None:
            self.target.notes.append("no detection is on: there is no loop to try")
            return
        answer = self.ask({"do": "drill", **drill})
        self.target.notes.extend(answer["steps"])
        for unit in self._site.fortigates:
            number = answer.get("unreadable", {}).get(unit.name, 0)
            if number:
                self.target.loses_events = True
                told = not_read(number, self._site.ban_host.name)
                self.target.notes.append(f"{unit.name}: {told}")
