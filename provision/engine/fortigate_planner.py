"""Plan the changes of one FortiGate: what the roles desire, beside what it holds and what is remembered."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from provision.desired import certificate_files, collect
from provision.engine.ban_host import BanHostRun
from provision.engine.records import Memory
from provision.engine.run import Run
from provision.errors import Failed, InputError
from provision.fortios.config.desired import Desired
from provision.fortios.config.feed import find_feed, is_referred_to
from provision.fortios.config.object_id import ObjectId
from provision.fortios.config.observed import Observed
from provision.fortios.planning import planner
from provision.fortios.planning.planner import FortiPlan
from provision.fortios.planning.references import find_referring_tables
from provision.fortios.record.record import Record, remap_scopes
from provision.fortios.session.fortigate import FortiGateSession
from provision.plan import TargetPlan
from provision.sites.site import FortiGate, Selected

# The CA, which a plan shows by name until the ban host has created it.
CA = "ca"


def has_ca_by_name(memory: Memory, approved: TargetPlan | None) -> bool:
    """Return whether the plan shows the CA by name, because it did not exist at the approval."""
    return not memory.ca if approved is None else CA in approved.to_be_made


class FortiGatePlanner:
    """Makes plans for one FortiGate.

    ``feed``: the feed that the roles desire; ``is_feed_used``: whether an enforcement uses it. Both are
    those of the last plan.
    """

    def __init__(
        self, run: Run, selected: Selected, host: BanHostRun, fortigate: FortiGate
    ) -> None:
        self._run = run
        self._selected = selected
        self._host = host
        self._fortigate = fortigate
        self.feed: ObjectId | None = None
        self.is_feed_used = False

    def make_plan(
        self, session: FortiGateSession, memory: Memory, approved: TargetPlan | None
    ) -> FortiPlan:
        """Observe the FortiGate and compare; ``approved``: the plan to carry out, if there is one yet.

        Raises:
            Failed: its secrets or its CA do not exist yet, or the CA is refused.
        """
        vdoms = session.facts.vdom_names
        record = remap_scopes(self._find_record(session, memory), vdoms)
        ca_by_name = has_ca_by_name(memory, approved)
        desired = self._render_desired(session, memory, ca_by_name)
        observed = session.observe(desired, record)
        if desired.provisional:
            desired = self._render_desired(session, memory, ca_by_name, observed)
        observed = self._add_warnings(session, observed)
        planned = partial(planner.plan, desired, key=memory.key, adopt=self._run.adopt)
        first = planned(observed, record)
        # an object that is in use must not be deleted; only now is it known which tables may refer to one
        gone = [change.id for change in first.changes if change.action == "delete"]
        referring = find_referring_tables(gone, observed, vdoms)
        return planned(observed.merge(session.look(referring)), record) if referring else first

    def _add_warnings(self, session: FortiGateSession, observed: Observed) -> Observed:
        """Return ``observed`` with the warnings of the roles about the FortiGate's own settings."""
        if self._run.verb == "teardown":
            return observed
        plays, site = self._run.plays, self._selected.site
        warnings = collect.review(site, self._fortigate, plays, session.facts, observed)
        return replace(observed, warnings=(*observed.warnings, *warnings))

    def _find_record(self, session: FortiGateSession, memory: Memory) -> Record:
        """Return the FortiGate's record: by its name, or by its serial number under an older name."""
        name, renamed = self._fortigate.name, self._host.renamed
        if name in memory.records:
            return memory.records[name]
        for older in self._host.list_removed():
            known = memory.records[older].serial if older in memory.records else ""
            if known and known == session.facts.serial:
                renamed[name] = older
        return memory.records.get(renamed.get(name, ""), Record())

    def _render_desired(
        self,
        session: FortiGateSession,
        memory: Memory,
        ca_by_name: bool,
        observed: Observed | None = None,
    ) -> Desired:
        if self._run.verb == "teardown":
            return Desired()
        site, tokens, facts = self._selected.site, memory.tokens, session.facts
        self._check_ca(memory)
        try:
            desired = collect.render_desired(
                site,
                self._fortigate,
                self._run.plays,
                tokens,
                facts,
                memory.ca,
                ca_by_name,
                observed,
            )
        except InputError as error:
            raise Failed(str(error)) from error
        if not self._selected.linux and collect.is_incomplete(desired):
            raise Failed(
                f"its ban host {self._host.target.host} has not created this FortiGate's secrets or CA yet",
                "include the ban host in --limit",
            )
        self.feed = find_feed(desired)
        self.is_feed_used = self.feed is not None and is_referred_to(self.feed, desired)
        return desired

    def _check_ca(self, memory: Memory) -> None:
        """Check that the ban host's CA is limited to its receiver, because FortiGates will trust it.

        Raises:
            Failed: the CA may sign for anything else.
        """
        names = self._host.ca_names
        if not names or not memory.ca:
            return
        try:
            certificate_files.check_limited(memory.ca, names)
        except ValueError as error:
            host = self._host.target.host
            raise Failed(
                f"the CA of its ban host {host} is refused: {error}",
                f"include {host} in --limit, so that apply replaces the CA; if this error persists,"
                " somebody else may control that host",
            ) from error
