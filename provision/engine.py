"""One site from end to end: observe, plan, apply, observe again; Linux first, teardown the other way round.

Planning and applying are two phases so that an operator can say no between them. What the second phase
would change is compared with what was shown: a site that moved in between is not touched.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from provision import desired as wanted
from provision.errors import Failed, InputError, UnknownKey, Unreachable
from provision.fortios import planner as fortios
from provision.fortios.desired import Desired
from provision.fortios.record import Record
from provision.fortios.target import FortiGate as Unit
from provision.fortios.target import PutBack
from provision.lease import Lease
from provision.linux import observation, removal
from provision.linux import planner as linux
from provision.linux.draft import LinuxPlan
from provision.linux.target import BanHost, NoPython
from provision.progress import Caught, Target, Verb, must_be_as_shown, must_hold
from provision.report import Listener
from provision.results import SiteResult
from provision.roles import AUTHORITY, TOKENS
from provision.secrets import Secrets
from provision.sites import FortiGate, Play, Selected
from provision.ssh import HostKeyPolicy

log = logging.getLogger("banstitch")


@dataclass(frozen=True)
class Run:
    """What is the same for every site of a run."""

    verb: Verb
    plays: tuple[Play, ...]
    policy: HostKeyPolicy
    secrets: Secrets
    listener: Listener
    adopt: bool = False
    purge_data: bool = False
    keep_packages: bool = False
    # FortiGates that are gone for good: what is remembered of them is dropped
    forget: tuple[str, ...] = ()


@dataclass(frozen=True)
class Memory:
    """What the ban host remembers of its site: the part of its manifest that FortiGates need."""

    deployed: bool
    tokens: Mapping[str, str]
    key: bytes
    ca: str
    records: Mapping[str, Record]


class SiteRun:
    """The run at one site. :meth:`plan` looks, :meth:`carry_out` changes what the plan says."""

    def __init__(self, run: Run, selected: Selected) -> None:
        self._run = run
        self._selected = selected
        self._site = selected.site
        self._resources = wanted.linux(selected.site, run.plays)
        self._host = Target(selected.site.ban_host.name, "linux")
        self._units = [(unit, Target(unit.name, "fortios")) for unit in selected.fortigates]
        self._memory: Memory | None = None
        self._bare = False
        # name in this inventory -> name in an older one, of units that were renamed
        self._renamed: dict[str, str] = {}

    # --- looking ---------------------------------------------------------------------------------

    def plan(self) -> SiteResult:
        """Observe and compare; nothing is changed. The result tells what would be."""
        with Caught(self._host):
            self._plan_host()
        for unit, target in self._units:
            with Caught(target):
                self._plan_unit(unit, target)
            self._tell(target)
        if self._selected.linux:
            self._note_lost()
        if self._run.verb == "teardown":
            self._check_teardown()
        return self.result("plan" if self._run.verb in ("apply", "teardown") else self._run.verb)

    def _plan_host(self) -> None:
        self._doing(self._host, "observing")
        with BanHost(self._site.ban_host.login, self._run.policy) as host:
            try:
                observed = self._observe(host)
            finally:
                self._host.execs += host.execs
        if self._selected.linux:
            self._host.plan = self._linux_plan(observed)
        self._tell(self._host)

    def _lost(self) -> tuple[str, ...]:
        """FortiGates that hold what was made on them and that the inventory does not name any more."""
        named = {unit.name for unit in self._site.fortigates}
        known = set(self._memory.records if self._memory else ())
        return tuple(sorted(known - named - set(self._renamed.values())))

    def _record(self, unit: FortiGate, session: Unit, memory: Memory) -> Record:
        """What is remembered of a unit: by its name, or by its serial number under an older name."""
        if unit.name in memory.records:
            return memory.records[unit.name]
        for name in self._lost():
            known = memory.records[name].serial if name in memory.records else ""
            if known and known == session.facts.serial:
                self._renamed[unit.name] = name
        return memory.records.get(self._renamed.get(unit.name, ""), Record())

    def _note_lost(self) -> None:
        for name in self._lost():
            self._host.notes.append(
                f"{name} will be forgotten: what was made on it stays there"
                if name in self._run.forget
                else f"{name} is no longer in the inventory but holds what was made on it: put it back"
                f" and tear it down with -l {name}, or, if it is gone for good, --forget {name}"
            )

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
        manifest = observed["manifest"] or {}
        tokens = observed["tokens"] or {}
        for secret in [*tokens.values(), manifest.get("key", "")]:
            self._run.secrets.add(secret)
        records = {
            name: Record.from_json(record)
            for name, record in manifest.get("fortigates", {}).items()
        }
        key = manifest.get("key", "").encode()
        ca = (observed["certificates"].get(AUTHORITY) or {"pem": ""})["pem"]
        self._memory = Memory(bool(manifest.get("objects")), tokens, key, ca, records)

    def _linux_plan(self, observed: Mapping[str, Any]) -> LinuxPlan:
        if self._run.verb == "teardown":
            return removal.teardown(observed, self._run.purge_data, self._run.keep_packages)
        plan = linux.plan(self._resources, observed, self._run.adopt)
        return linux.with_python(plan) if self._bare else plan

    def _plan_unit(self, unit: FortiGate, target: Target) -> None:
        memory = self._memory
        if memory is None:
            if isinstance(self._host.error, UnknownKey):  # then its own is to be compared as well
                with Unit(unit.login, self._run.policy):
                    pass
            target.skipped = f"left alone: its ban host {self._host.host} could not be observed"
            return
        if not memory.deployed and not self._selected.linux and self._run.verb != "teardown":
            raise Failed(
                f"its ban host {self._host.host} is not deployed and outside the limit",
                "the secrets are made there: include it in --limit",
            )
        known = unit.name in memory.records or self._lost()
        if self._run.verb == "teardown" and not known:
            target.plan = fortios.FortiPlan()
            return
        self._doing(target, "observing")
        with Unit(unit.login, self._run.policy) as session:
            try:
                target.plan = self._unit_plan(unit, session, memory)
                target.details = {"version": session.facts.spelt}
            finally:
                target.exchanges += session.exchanges

    def _unit_plan(self, unit: FortiGate, session: Unit, memory: Memory) -> fortios.FortiPlan:
        vdoms = session.facts.vdom_names
        record = fortios.rescoped(self._record(unit, session, memory), vdoms)
        desired = self._desired(unit, session, memory)
        observed = session.observe(desired, record)
        planned = partial(fortios.plan, desired, key=memory.key, adopt=self._run.adopt)
        first = planned(observed, record)
        # what is to be deleted must not be in use; who could use it is read only now
        gone = [change.id for change in first.changes if change.action == "delete"]
        users = fortios.suspects(gone, observed, vdoms)
        return planned(observed.and_also(session.look(users)), record) if users else first

    def _desired(self, unit: FortiGate, session: Unit, memory: Memory) -> Desired:
        if self._run.verb == "teardown":
            return Desired()
        tokens, facts = memory.tokens, session.facts
        try:
            found = wanted.fortios(self._site, unit, self._run.plays, tokens, facts, memory.ca)
        except InputError as error:
            raise Failed(str(error)) from error
        if not self._selected.linux and wanted.is_incomplete(found):
            raise Failed(
                f"its ban host {self._host.host} has not made yet what this unit needs",
                "include it in --limit",
            )
        return found

    def _check_teardown(self) -> None:
        """The host goes last: not while a FortiGate that polls its feed is left as it is."""
        if self._memory is None or not self._selected.linux:
            return
        here = {unit.name for unit, target in self._units if target.error is None}
        here |= {self._renamed[name] for name in here & self._renamed.keys()}
        left = sorted(set(self._memory.records) - here - (set(self._lost()) & {*self._run.forget}))
        if left and self._host.error is None:
            self._host.error = Failed(
                f"still polled by {', '.join(left)}, which would be left as it is",
                "include it in the inventory and in --limit, and have it within reach;"
                " if it is gone for good: --forget NAME",
            )

    # --- changing --------------------------------------------------------------------------------

    def carry_out(self) -> SiteResult:
        """Make the planned changes; Linux first, teardown last, and stop a site where a step failed."""
        if self._run.verb == "teardown":
            for unit, target in self._units:
                self._change(target, partial(self._change_unit, unit, target))
            self._tear_down_host()
        else:
            self._change(self._host, self._change_host)
            with Caught(self._host):
                self._forget_lost()
            for unit, target in self._units:
                if self._host.error is not None:
                    target.skipped = f"left alone: {self._host.host} failed"
                self._change(target, partial(self._change_unit, unit, target))
        return self.result(self._run.verb)

    def _forget_lost(self) -> None:
        for name in set(self._lost()) & {*self._run.forget}:
            if self._selected.linux and self._host.error is None:
                self._write_record(name, None)

    def _tear_down_host(self) -> None:
        failed = [target.host for _, target in self._units if target.error is not None]
        if failed and self._host.plan and self._host.plan.changes:
            self._host.skipped = f"left alone: {', '.join(failed)} failed and still use its feed"
        self._change(self._host, self._change_host)

    def _change(self, target: Target, change: Callable[[], None]) -> None:
        if target.error is None and not target.skipped and self._is_due(target):
            self._doing(target, "tearing down" if self._run.verb == "teardown" else "applying")
            with Caught(target):
                change()
        self._tell(target)

    def _is_due(self, target: Target) -> bool:
        """Whether there is anything to change, or to remember, at a target."""
        plan, memory = target.plan, self._memory
        if isinstance(plan, fortios.FortiPlan) and memory is not None:
            record = memory.records.get(target.host, Record())
            unfinished = self._run.verb == "teardown" and plan.stays
            return bool(plan.changes or unfinished) or plan.settled != record
        return bool(plan and plan.changes)

    def _change_host(self) -> None:
        plan = self._host.plan
        if not isinstance(plan, LinuxPlan):
            return
        with BanHost(self._site.ban_host.login, self._run.policy) as host:
            try:
                plan = self._with_python(host, plan)
                answer = host.ask(
                    {
                        "do": "apply",
                        "verb": self._run.verb,
                        "steps": plan.steps,
                        "observe": observation.request(self._resources),
                    }
                )
            finally:
                self._host.execs += host.execs
        self._remember(answer["observed"])
        self._host.made = plan.changes
        must_hold(self._linux_plan(answer["observed"]))

    def _with_python(self, host: BanHost, plan: LinuxPlan) -> LinuxPlan:
        """A host without python3 gets it first, and the plan is made on what is really there."""
        if not self._bare:
            return plan
        host.install_python()
        self._bare = False
        return linux.with_python(self._linux_plan(self._observe(host)))

    def _change_unit(self, unit: FortiGate, target: Target) -> None:
        if self._memory is None:
            return
        with Lease(self._ask_host, unit.name) as lease:
            target.notes.extend(filter(None, [lease.note]))
            records = {k: v for k, v in self._memory.records.items() if k != unit.name}
            if lease.record is not None:
                records[unit.name] = Record.from_json(lease.record)
            self._change_leased(unit, target, replace(self._memory, records=records))

    def _change_leased(self, unit: FortiGate, target: Target, memory: Memory) -> None:
        before = memory.records.get(unit.name)
        with Unit(unit.login, self._run.policy) as session:
            try:
                plan = self._unit_plan(unit, session, memory)
                must_be_as_shown(target.plan, plan)
                self._write_record(unit.name, plan.record)
                try:
                    session.apply(plan)
                except (PutBack, Unreachable):
                    self._write_record(unit.name, before)
                    raise
                target.made = plan.changes
                settled = plan.settled if self._run.verb != "teardown" or plan.stays else None
                self._write_record(unit.name, settled, retire=wanted.token_names(unit))
                if unit.name in self._renamed:
                    self._write_record(self._renamed[unit.name], None)
                memory = replace(memory, records={**memory.records, unit.name: settled or Record()})
                must_hold(self._unit_plan(unit, session, memory))
                if self._run.verb == "teardown" and plan.stays:
                    raise Failed("\n".join(plan.stays), "take it out there, then tear down again")
            finally:
                target.exchanges += session.exchanges

    def _write_record(self, unit: str, record: Record | None, retire: tuple[str, ...] = ()) -> None:
        """What was found on a FortiGate is kept on the ban host before the first line is sent.

        ``retire``: the secrets that the unit has by now; older ones of theirs are refused afterwards.
        """
        self._ask_host(
            {
                "do": "remember",
                "fortigate": unit,
                "record": record.to_json() if record else None,
                "tokens": TOKENS,
                "retire": retire,
            }
        )

    def _ask_host(self, request: Mapping[str, Any]) -> dict[str, Any]:
        with BanHost(self._site.ban_host.login, self._run.policy) as host:
            try:
                return host.ask(request)
            finally:
                self._host.execs += host.execs

    # --- verifying -------------------------------------------------------------------------------

    def drill(self) -> SiteResult:
        """Send a synthetic event through the loop, unless the plan found that it cannot run."""
        if self._selected.linux and self._host.error is None and self._host.plan:
            if self._host.plan.changes:
                self._host.notes.append("no event was sent through the loop: apply first")
            else:
                self._doing(self._host, "sending an event through the loop")
                with Caught(self._host):
                    self._drill()
        self._tell(self._host)
        return self.result("verify")

    def _drill(self) -> None:
        drill = wanted.offered(self._site, self._run.plays, "drill")
        if drill is None:
            self._host.notes.append("no detection is on: there is no loop to try")
            return
        self._host.notes.extend(self._ask_host({"do": "drill", **drill})["steps"])

    # --- telling ---------------------------------------------------------------------------------

    def result(self, verb: Verb) -> SiteResult:
        """What came of the site so far; only targets within the limit are in it."""
        targets = [target for _, target in self._units]
        if self._selected.linux or self._host.error is not None:
            last = self._run.verb == "teardown"
            targets.insert(len(targets) if last else 0, self._host)
        return SiteResult(self._site.name, tuple(target.result(verb) for target in targets))

    def _doing(self, target: Target, what: str) -> None:
        self._run.listener.doing(self._site.name, target.host, what)

    def _tell(self, target: Target) -> None:
        self._run.listener.done(self._site.name, target.result(self._run.verb))
