"""A run at one FortiGate of a site: observe, change under a lease, observe again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace

from provision.desired import collect
from provision.desired.summary import summarize_settings
from provision.engine.ban_host import BanHostRun
from provision.engine.fortigate_planner import CA, FortiGatePlanner, has_ca_by_name
from provision.engine.lease import Lease
from provision.engine.progress import Target, check_converged, check_plan_unchanged
from provision.engine.records import Memory, read_record
from provision.engine.run import EXAMINING, Run
from provision.errors import Failed, Passive, TargetError, UnknownKey, Unreachable
from provision.fortios.config.feed import FeedState
from provision.fortios.planning.planner import FortiPlan
from provision.fortios.record.record import Record
from provision.fortios.session.fortigate import FortiGateSession
from provision.fortios.session.push import RolledBack
from provision.plan import TargetPlan, format_canonical
from provision.sites.site import FortiGate, Selected


class FortiGateRun:
    """The part of a run at one FortiGate. ``host``: the part at its ban host, which is planned first."""

    def __init__(
        self, run: Run, selected: Selected, host: BanHostRun, fortigate: FortiGate
    ) -> None:
        self.target = Target(fortigate.name, "fortios")
        self._run = run
        self._selected = selected
        self._host = host
        self._fortigate = fortigate
        self._planner = FortiGatePlanner(run, selected, host, fortigate)
        # what it holds of the feed, for the verbs that examine it
        self.held: FeedState | None = None

    @property
    def is_feed_used(self) -> bool:
        """Return whether an enforcement of the last plan uses the feed."""
        return self._planner.is_feed_used

    @contextmanager
    def _connect(self) -> Iterator[FortiGateSession]:
        with FortiGateSession(self._fortigate.login, self._run.access) as session:
            try:
                yield session
            finally:
                self.target.exchanges += session.exchanges

    # --- observing ---------------------------------------------------------------------------------

    def to_plan(self) -> TargetPlan:
        """Return the plan as a value, or the reason why there is no plan."""
        plan, memory = self.target.plan, self._host.memory
        if not isinstance(plan, FortiPlan) or memory is None:
            return self.target.to_plan()
        return self._build_plan(self.target, plan, memory)

    def _build_plan(self, target: Target, plan: FortiPlan, memory: Memory) -> TargetPlan:
        record = memory.records.get(self._fortigate.name, Record())
        unfinished = self._run.verb == "teardown" and bool(plan.stays)
        return target.to_plan(
            tuple(format_canonical({"id": block.id, "cli": block.shown}) for block in plan.blocks),
            to_be_made=(CA,) if has_ca_by_name(memory, self.target.approved) else (),
            remembers=unfinished or plan.settled != record,
        )

    def plan(self) -> None:
        """Observe and compare; change nothing.

        Raises:
            Failed: the ban host is not deployed, so the secrets do not exist yet; or it is outdated.
        """
        memory, ban_host = self._host.memory, self._host.target
        if memory is None:
            if isinstance(ban_host.error, UnknownKey):  # report both unknown keys in one run
                with FortiGateSession(self._fortigate.login, self._run.access):
                    pass
            self.target.skipped = f"left alone: its ban host {ban_host.host} could not be observed"
            return
        if not memory.deployed and not self._selected.linux and self._run.verb != "teardown":
            raise Failed(
                f"its ban host {ban_host.host} is not deployed and outside the limit",
                "include it in --limit: the secrets are created there",
            )
        if self._host.is_outdated and self._run.verb != "teardown":
            raise Failed(
                f"the receiver on {ban_host.host} differs from the inventory and is outside the limit",
                "run apply for that host first, or include it in --limit",
            )
        known = memory.record(self._fortigate.name) is not None or self._host.list_removed()
        if self._run.verb == "teardown" and not known:
            self.target.plan = FortiPlan()
            return
        self._run.listener.report_activity(self._selected.site.name, self.target.host, "observing")
        try:
            self._observe(memory)
        except Passive as passive:
            if self._run.verb != "status":
                raise
            self.target.skipped = f"passive, so it neither polls nor posts: {passive}"

    def _observe(self, memory: Memory) -> None:
        with self._connect() as session:
            plan = self._make_plan(session, memory)
            left = [asdict(item) for item in plan.unmanaged]
            self.target.plan = plan
            self._examine_feed(session, plan)
            facts: dict[str, object] = {
                "version": session.facts.version_text,
                "left_as_it_is": left,
            }
            cluster = self._describe_cluster(session, memory)
            self.target.details = {**facts, **cluster, **self._summarize_settings(memory)}

    def _make_plan(self, session: FortiGateSession, memory: Memory) -> FortiPlan:
        return self._planner.make_plan(session, memory, self.target.approved)

    def _describe_cluster(self, session: FortiGateSession, memory: Memory) -> dict[str, object]:
        """Return the members of its cluster, and who was the primary at the last apply if it was another."""
        if not session.members:
            return {}
        mode, record = session.facts.ha.partition(",")[0], memory.record(self._fortigate.name)
        earlier = record.serial if record else ""
        known = earlier in {each.serial for each in session.members} - {session.facts.serial}
        members = [asdict(member) for member in session.members]
        cluster = {"mode": mode, "members": members, "took_over_from": earlier if known else ""}
        return {"cluster": cluster}

    def _examine_feed(self, session: FortiGateSession, plan: FortiPlan) -> None:
        feed = self._planner.feed
        is_there = str(feed) not in {change.id for change in plan.changes}
        if self._run.verb in EXAMINING and feed is not None and is_there:
            self.held = session.read_feed(feed)

    def _summarize_settings(self, memory: Memory) -> dict[str, list[str]]:
        """Return the settings to print before a first apply; nothing later, when the changes show them."""
        if memory.record(self._fortigate.name) is not None or self._run.verb in (
            "verify",
            "teardown",
        ):
            return {}
        lines = summarize_settings(self._selected.site, self._run.plays, self._fortigate)
        return {"settings": lines} if lines else {}

    # --- changing --------------------------------------------------------------------------------

    def change(self) -> None:
        """Make the approved changes under a lease, then check that nothing is left to do.

        Raises:
            Failed: the FortiGate changed after its plan was made; or, at teardown, something remains.
            RolledBack: a change failed, and the FortiGate is as it was before.
            Unreachable: the connection broke before anything was changed.
        """
        if self._host.memory is None:
            return
        with Lease(self._host.ask, self._fortigate.name) as lease:
            self.target.notes.extend(filter(None, [lease.note]))
            memory = self._host.memory
            records = {k: v for k, v in memory.records.items() if k != self._fortigate.name}
            if lease.record is not None:
                records[self._fortigate.name] = read_record(lease.record)
            self._change_leased(replace(memory, records=records))

    def _change_leased(self, memory: Memory) -> None:
        name = self._fortigate.name
        with self._connect() as session:
            plan = self._make_plan(session, memory)
            now = self._build_plan(Target(name, "fortios", plan), plan, memory)
            check_plan_unchanged(self.target, now)
            self._push(session, plan, memory.records.get(name))
            self.target.made = plan.changes
            settled = plan.settled if self._run.verb != "teardown" or plan.stays else None
            self._host.write_record(
                name, settled, retire=collect.list_secret_names(self._fortigate)
            )
            if name in self._host.renamed:
                self._host.write_record(self._host.renamed[name], None)
            records = {**memory.records, name: settled or Record()}
            check_converged(self._make_plan(session, replace(memory, records=records)))
            if self._run.verb == "teardown" and plan.stays:
                raise Failed(
                    "\n".join(plan.stays), "remove it on the FortiGate, then run teardown again"
                )

    def _list_approved_blocks(self) -> list[tuple[str, str]]:
        approved = self.target.approved
        steps = map(json.loads, approved.steps if approved else ())
        return [(step["id"], step["cli"]) for step in steps]

    def _push(self, session: FortiGateSession, plan: FortiPlan, before: Record | None) -> None:
        """Write the new record, then send ``plan``; restore the old record if nothing was changed."""
        self._host.write_record(self._fortigate.name, plan.record)
        try:
            session.apply(plan, self._list_approved_blocks())
        except (RolledBack, Unreachable):
            self._restore_record(before)
            raise

    def _restore_record(self, before: Record | None) -> None:
        """Write the record from before a push that changed nothing; the next run can do without it."""
        try:
            self._host.write_record(self._fortigate.name, before)
        except TargetError as error:  # the error of the push is the one to report
            self.target.notes.append(f"its record stays as it was for the push: {error.message}")
