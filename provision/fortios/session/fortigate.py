"""A session with one FortiGate: log in, observe with a batch of `show`, apply a plan."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from provision.errors import Failed, Passive
from provision.fortios.config import probes
from provision.fortios.config.desired import Desired, widen_to_table
from provision.fortios.config.facts import Facts, read_facts, warn_of_unknown_version
from provision.fortios.config.feed import FeedState
from provision.fortios.config.object_id import ObjectId
from provision.fortios.config.observed import Observed
from provision.fortios.config.probes import Member, Surroundings, with_scope
from provision.fortios.config.text import ParseError, Tree, parse
from provision.fortios.config.versions import explain_refusal
from provision.fortios.planning.planner import FortiPlan, object_ids_to_observe
from provision.fortios.record.record import Record
from provision.fortios.session import refusals
from provision.fortios.session.answers import (
    explain_bad_answer,
    find_body,
    find_shown,
    make_question,
    read_feed,
)
from provision.fortios.session.command_line import Refused
from provision.fortios.session.connection import Connection, Question
from provision.fortios.session.prompts import extract_configuration
from provision.fortios.session.push import Approved, Push, RolledBack
from provision.ssh.connection import Access
from provision.ssh.login import Login

STATUS = "get system status"
# How often an answer that cannot be parsed is asked for again.
RETRIES = 2


class FortiGateSession:
    """A session with one FortiGate, open inside its ``with`` block; entering it may be Unreachable."""

    def __init__(self, login: Login, access: Access) -> None:
        self._connection = Connection(login, access)
        self._push = Push(self._connection, self.look)
        self._facts: Facts | None = None
        self._observed: Observed | None = None
        self._surroundings = Surroundings()
        self._rights = ""  # the rights that the administrator's profile lacks
        self._read_only = ""  # the reason why nothing can be changed

    def __enter__(self) -> FortiGateSession:
        self._connection.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._connection.__exit__(*error)

    @property
    def exchanges(self) -> int:
        """The number of times, since the login, that we have written and waited for the FortiGate."""
        return self._connection.exchanges

    @property
    def members(self) -> tuple[Member, ...]:
        """The members of its cluster, as :meth:`observe` saw them last; () without a cluster."""
        return self._surroundings.members

    @property
    def facts(self) -> Facts:
        """Model, version, name, serial number, VDOMs, cluster role; asked for once, in one exchange.

        Raises:
            Failed: the answer cannot be read.
        """
        if self._facts is None:
            # harmless without VDOMs: the FortiGate does not know such a scope
            listing = with_scope("global", probes.VDOMS)
            status, vdoms = self._connection.command_line.read([STATUS, listing])
            facts = read_facts(status)
            if facts is None:
                raise self._connection.describe_failure(f"'{STATUS}' names no version")
            self._refuse_single_vdom(status, facts.vdoms)
            names = self._find_vdom_names(status, vdoms) if facts.vdoms else ()
            is_restricted = self._connection.command_line.is_restricted
            self._facts = replace(facts, vdom_names=names, is_restricted=is_restricted)
        return self._facts

    def observe(self, desired: Desired, record: Record) -> Observed:
        """Return what the FortiGate has of ``desired`` and of ``record``; change nothing.

        Raises:
            Failed: an answer cannot be read, or the FortiGate must not be configured here.
            Unreachable: the connection was closed.
        """
        self._refuse_unsupported()
        ids = object_ids_to_observe(desired, record)
        self._require_vdoms(ids)
        scope = "global" if self.facts.vdoms else ""
        commands = probes.list_commands(self.facts.is_clustered)
        about = [(scope, command) for command in commands]
        asked = [*about, *self._make_profile_question(scope)]
        given = self._connection.ask([*asked, *map(make_question, ids)])
        self._surroundings = probes.read_surroundings(given[: len(about)])
        self._refuse_fabric_member(self._surroundings.fabric_root)
        self._read_rights(scope, given[len(about) : len(asked)])
        self._observed = self._parse_answers(ids, given[len(asked) :])
        return self._observed

    def look(self, object_ids: Iterable[str]) -> Observed:
        """Return what the FortiGate has of these objects, or whole tables.

        Raises:
            Failed, Unreachable: as :meth:`observe`.
        """
        ids = tuple(dict.fromkeys(map(widen_to_table, object_ids)))
        return self._parse_answers(ids, self._connection.ask([make_question(each) for each in ids]))

    def read_feed(self, feed_id: ObjectId) -> FeedState:
        """Return what the FortiGate holds of a feed; its addresses only if the list is short.

        Raises:
            Failed, Unreachable: the connection was closed.
        """
        return read_feed(self._connection, feed_id)

    def apply(self, plan: FortiPlan, approved: Approved | None = None) -> None:
        """Push ``plan``, which was made from what :meth:`observe` saw last: all of it or nothing.

        ``approved``: the blocks that an operator was shown, as id and text with secrets by name; by
        default those of ``plan`` itself.

        Raises:
            RolledBack: it failed, and the FortiGate is as it was before.
            Failed: the FortiGate is not as it was (the text says where): keep ``plan.record``.
            Unreachable: the connection was closed before anything was changed.
        """
        if not plan.blocks:
            return
        if self._read_only:
            host = self._connection.login.host
            raise RolledBack(f"{host}: {self._read_only}", "nothing was sent")
        own = tuple((block.id, block.shown) for block in plan.blocks)
        self._push.accept_approval(own if approved is None else tuple(approved), plan.blocks)
        before = self._observed or self.look([block.id for block in plan.blocks])
        by_hand = self._surroundings.saves_by_hand
        saving = ("global" if self.facts.vdoms else "") if by_hand else None
        self._push.apply(plan.blocks, before, saving)

    def _find_vdom_names(self, status: str, listed: str) -> tuple[str, ...]:
        """Return the VDOMs by their properties; where those are not shown, by what else names them."""
        if refusals.knows_no_sudo(listed):
            self._connection.without_sudo = True
            listed = self._list_vdoms(status)
        names = probes.parse_vdom_names(listed)
        if names:
            return names
        (interfaces,) = self._connection.ask([("global", probes.INTERFACES)])
        return probes.find_vdoms_in_use(status, interfaces)

    def _list_vdoms(self, status: str) -> str:
        try:
            return self._connection.ask([("global", probes.VDOMS)])[0]
        except Refused:
            raise self._describe_single_vdom(probes.find_current_vdom(status)) from None

    def _refuse_single_vdom(self, status: str, vdoms: bool) -> None:
        """Refuse an administrator who is in a VDOM and does not see any other."""
        scope = self._connection.command_line.scope_in_prompt
        if scope and not vdoms and scope == probes.find_current_vdom(status):
            raise self._describe_single_vdom(scope)

    def _describe_single_vdom(self, vdom: str) -> Failed:
        scope = self._connection.command_line.scope_in_prompt or vdom
        user, vdom = self._connection.login.user, probes.shorten(scope)
        return self._connection.describe_failure(*refusals.describe_single_vdom(user, vdom))

    def _make_profile_question(self, scope: str) -> tuple[Question, ...]:
        """Return the question that shows the profile, where the prompt marks it as restricted."""
        if not self._connection.command_line.is_restricted:
            return ()
        user = ObjectId(scope, refusals.ADMIN, self._connection.login.user)
        return ((scope, user.show_command),)

    def _read_rights(self, scope: str, shown: Sequence[str]) -> None:
        """Read what a restricted profile cannot change; this takes an exchange of its own."""
        user = self._connection.login.user
        admins = [find_shown(refusals.ADMIN, user, answer) for answer in shown]
        for name in filter(None, map(refusals.find_profile_name, admins)):
            profile = ObjectId(scope, refusals.PROFILE, name)
            (answer,) = self._connection.ask([(scope, profile.show_command)])
            missing = refusals.find_missing_rights(find_shown(refusals.PROFILE, name, answer))
            if not missing:
                continue
            what = f"the profile '{probes.shorten(name)}' of {user} cannot write"
            self._rights = f"{what} {', '.join(missing)}; it needs {refusals.NEEDED_RIGHTS}"
            self._read_only = self._rights if refusals.is_read_only(missing) else ""

    def _refuse_unsupported(self) -> None:
        if explain_refusal(self.facts.version):
            raise self._connection.describe_failure(explain_refusal(self.facts.version))
        if self.facts.is_secondary:
            (answer,) = self._connection.command_line.read([probes.HA])
            primary = probes.find_primary(answer)
            failure = self._connection.describe_failure(
                "it is a secondary of its cluster and takes its configuration from the primary"
                + (f", {primary}" if primary else ""),
                f"name {primary or 'the primary'} in the inventory, or the address of the cluster",
            )
            raise Passive(failure.message, failure.remedy)

    def _refuse_fabric_member(self, root: str) -> None:
        if root:
            raise self._connection.describe_failure(
                f"it is a member of a Security Fabric, not its root: stitches are made on the root "
                f"and handed down (KB 224116); above it is {root}",
                "name the root of the fabric in the inventory",
            )

    def _require_vdoms(self, object_ids: Iterable[str]) -> None:
        """Refuse a scope that the FortiGate did not list: `edit` would create a VDOM of that name."""
        known = self.facts.vdom_names
        scopes = {ObjectId.parse(each).scope for each in object_ids} - {"", "global"}
        unknown = sorted(scopes - set(known))
        if unknown:
            there = f"there are: {', '.join(known)}" if known else "it listed none"
            what = f"it has no VDOM '{', '.join(unknown)}' ({there})"
            raise self._connection.describe_failure(what, "correct the name")

    def _parse_answers(self, object_ids: Sequence[str], answers: Sequence[str]) -> Observed:
        objects: dict[str, Tree | None] = {}
        without_table = set()
        for object_id, answer in zip(object_ids, answers, strict=True):
            objects[object_id] = self._parse_body(object_id, answer)
            if objects[object_id] is None and refusals.has_no_table(answer):
                without_table.add(object_id)
        in_tables = self._look_in_tables(without_table)
        missing = frozenset(without_table - in_tables.keys())
        self._refuse_hidden_tables(missing)
        serials = tuple(member.serial for member in self.members)
        return Observed(
            self.facts.serial,
            objects | in_tables,
            missing,
            self._list_warnings(),
            self._surroundings.manager,
            serials,
        )

    def _look_in_tables(self, entries: Iterable[str]) -> dict[str, Tree | None]:
        """Return those of ``entries`` whose table exists.

        Some FortiGates refuse to show a missing entry in the words for a missing table.
        """
        table_of = {each: each.partition(":")[0] for each in entries if ":" in each}
        tables = tuple(dict.fromkeys(table_of.values()))
        answers = self._connection.ask([make_question(table) for table in tables])
        shown = dict(zip(tables, answers, strict=True))
        return {
            entry: self._parse_body(entry, shown[table])
            for entry, table in table_of.items()
            if not refusals.has_no_table(shown[table])
        }

    def _refuse_hidden_tables(self, missing: Iterable[str]) -> None:
        tables = {ObjectId.parse(each).table for each in missing} & refusals.ALWAYS_PRESENT
        if tables and self._connection.command_line.is_restricted:
            raise self._connection.describe_failure(
                f"the profile of {self._connection.login.user} hides '{', '.join(sorted(tables))}'",
                self._rights or f"it needs {refusals.NEEDED_RIGHTS}",
            )

    def _list_warnings(self) -> tuple[str, ...]:
        managed = probes.describe_manager(self._surroundings.manager)
        warnings = (*warn_of_unknown_version(self.facts), *filter(None, (managed,)))
        if not self._connection.command_line.is_restricted:
            return warnings
        user = self._connection.login.user
        what = "has a restricted profile ('$' prompt): a change that it forbids is rolled back"
        return (*warnings, f"{user} {what}", *filter(None, (self._rights,)))

    def _parse_body(self, object_id: str, answer: str, retries: int = RETRIES) -> Tree | None:
        """Return the body in an answer; one that cannot be parsed is asked for again, alone."""
        answer = extract_configuration(answer)
        if refusals.has_no_entry(answer) or refusals.has_no_table(answer):
            return None
        try:
            return find_body(object_id, parse(answer))
        except ParseError as error:
            question = make_question(object_id)
            if retries:
                (answer,) = self._connection.ask([question])
                return self._parse_body(object_id, answer, retries - 1)
            words = explain_bad_answer(object_id, answer, error)
            raise self._connection.describe_failure(
                f"'{with_scope(*question)}' was answered with: {words}",
                self._connection.find_remedy(words),
            ) from None
