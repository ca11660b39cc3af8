"""What one FortiGate is and holds, by a batch of `show`; nothing is changed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from provision.errors import Failed
from provision.fortios.config import probes
from provision.fortios.config.desired import Desired, widen_to_table
from provision.fortios.config.object_id import ObjectId
from provision.fortios.config.observed import Observed
from provision.fortios.config.probes import with_scope
from provision.fortios.config.text import Config, Edit, ParseError, Tree, parse
from provision.fortios.config.versions import (
    Facts,
    explain_refusal,
    read_facts,
    warn_of_unknown_version,
)
from provision.fortios.planning.planner import object_ids_to_observe
from provision.fortios.record.record import Record
from provision.fortios.session import administrator, prompts
from provision.fortios.session.answer import configuration_in
from provision.fortios.session.connection import Connection, Question
from provision.fortios.session.session import Refused

STATUS = "get system status"


class Observer:
    """Looks at one FortiGate. ``seen``: what :meth:`observe` saw last; ``saves_by_hand``: what is
    changed is lost at a restart unless it is saved; ``read_only``: why nothing can be changed."""

    def __init__(self, connection: Connection) -> None:
        self.seen: Observed | None = None
        self.saves_by_hand = False
        self.read_only = ""
        self._rights = ""
        self._connection = connection
        self._facts: Facts | None = None

    @property
    def facts(self) -> Facts:
        """Model, version, name, serial number, VDOMs, cluster role; asked for once, in one exchange.

        Raises:
            Failed: the answer cannot be read.
        """
        if self._facts is None:
            # harmless without VDOMs: the unit does not know such a scope
            listing = with_scope("global", probes.VDOMS)
            status, listed = self._connection.session.read([STATUS, listing])
            facts = read_facts(status)
            if facts is None:
                raise self._connection.failed(f"'{STATUS}' names no version")
            self._refuse_one_vdom(status, facts.vdoms)
            names = self._vdom_names(status, listed) if facts.vdoms else ()
            self._facts = replace(facts, vdom_names=names)
        return self._facts

    def _vdom_names(self, status: str, listed: str) -> tuple[str, ...]:
        """The VDOMs by their properties; where those are not shown, by what else names them."""
        if prompts.knows_no_sudo(listed):
            self._connection.walks = True
            (listed,) = self._ask_globally(status)
        names = probes.parse_vdom_names(listed)
        if names:
            return names
        (interfaces,) = self._connection.ask([("global", probes.INTERFACES)])
        return probes.find_vdoms_in_use(status, interfaces)

    def _ask_globally(self, status: str) -> tuple[str, ...]:
        try:
            return self._connection.ask([("global", probes.VDOMS)])
        except Refused:
            raise self._of_one_vdom(probes.find_current_vdom(status)) from None

    def _refuse_one_vdom(self, status: str, vdoms: bool) -> None:
        """Refuse an administrator who stands in a VDOM and is not told of any other."""
        scope = self._connection.session.scope_in_prompt
        if scope and not vdoms and scope == probes.find_current_vdom(status):
            raise self._of_one_vdom(scope)

    def _of_one_vdom(self, vdom: str) -> Failed:
        user = self._connection.login.user
        scope = self._connection.session.scope_in_prompt or vdom
        return self._connection.failed(*administrator.of_one_vdom(user, probes.shorten(scope)))

    def observe(self, desired: Desired, record: Record) -> Observed:
        """What the unit holds of ``desired`` and of what ``record`` remembers; changes nothing.

        Raises:
            Failed: an answer cannot be read, or the unit must not be configured here.
            Unreachable: the connection broke.
        """
        self._refuse_unsupported()
        wanted = object_ids_to_observe(desired, record)
        self._need_vdoms(wanted)
        scope = "global" if self.facts.vdoms else ""
        about = [(scope, each) for each in (probes.FABRIC, probes.SAVING)]
        who = self._profile_questions(scope)
        found = self._connection.ask([*about, *who, *map(_question, wanted)])
        (fabric, saving), answers = found[:2], found[2 + len(who) :]
        self._refuse_fabric_member(fabric)
        self._read_rights(scope, found[2 : 2 + len(who)])
        self.saves_by_hand = probes.needs_manual_save(saving)
        self.seen = self._understand(wanted, answers)
        return self.seen

    def _profile_questions(self, scope: str) -> tuple[Question, ...]:
        """Return what shows the profile, where the prompt says that it is restricted."""
        if not self._connection.session.is_restricted:
            return ()
        user = ObjectId(scope, administrator.ADMIN, self._connection.login.user)
        return ((scope, user.show_command),)

    def _read_rights(self, scope: str, shown: Sequence[str]) -> None:
        """Read what a restricted profile cannot change; this takes an exchange of its own."""
        user = self._connection.login.user
        profiles = [
            administrator.profile_of(_shown(administrator.ADMIN, user, each)) for each in shown
        ]
        for name in filter(None, profiles):
            profile = ObjectId(scope, administrator.PROFILE, name)
            (answer,) = self._connection.ask([(scope, profile.show_command)])
            lacking = administrator.lacking(_shown(administrator.PROFILE, name, answer))
            if not lacking:
                continue
            what = f"the profile '{probes.shorten(name)}' of {user} cannot write"
            self._rights = f"{what} {', '.join(lacking)}; it needs {administrator.NEEDED}"
            self.read_only = self._rights if administrator.is_read_only(lacking) else ""

    def _refuse_unsupported(self) -> None:
        if explain_refusal(self.facts.version):
            raise self._connection.failed(explain_refusal(self.facts.version))
        if self.facts.is_secondary:
            (answer,) = self._connection.session.read([probes.HA])
            primary = probes.find_primary(answer)
            raise self._connection.failed(
                "it is a secondary of its cluster and takes its configuration from the primary"
                + (f", {primary}" if primary else ""),
                f"name {primary or 'the primary'} in the inventory, or the address of the cluster",
            )

    def _refuse_fabric_member(self, answer: str) -> None:
        root = probes.find_fabric_root(answer)
        if root:
            raise self._connection.failed(
                f"it is a member of a Security Fabric, not its root: stitches are made on the root "
                f"and handed down (KB 224116); above it is {root}",
                "name the root of the fabric in the inventory",
            )

    def _need_vdoms(self, wanted: Iterable[str]) -> None:
        """No scope is ever entered that the unit did not list: `edit` would make a VDOM of it."""
        known = self.facts.vdom_names
        scopes = {ObjectId.parse(each).scope for each in wanted} - {"", "global"}
        if scopes - set(known):
            there = f"there are: {', '.join(known)}" if known else "it listed none"
            names = ", ".join(sorted(scopes - set(known)))
            raise self._connection.failed(f"it has no VDOM '{names}' ({there})", "correct the name")

    def look(self, wanted: Iterable[str]) -> Observed:
        """What the unit holds of these objects, or whole tables, beside what was observed."""
        wanted = tuple(dict.fromkeys(map(widen_to_table, wanted)))
        return self._understand(wanted, self._connection.ask([_question(each) for each in wanted]))

    def _understand(self, wanted: Sequence[str], answers: Sequence[str]) -> Observed:
        objects: dict[str, Tree | None] = {}
        missing = set()
        for each, answer in zip(wanted, answers, strict=True):
            objects[each] = self._body(each, answer)
            if objects[each] is None and prompts.has_no_table(answer):
                missing.add(each)
        found = self._by_table(missing)
        there = frozenset(missing - found.keys())
        self._refuse_hidden_tables(there)
        return Observed(self.facts.serial, objects | found, there, self._warnings())

    def _refuse_hidden_tables(self, missing: Iterable[str]) -> None:
        tables = sorted({ObjectId.parse(each).table for each in missing} & administrator.EVERYWHERE)
        if tables and self._connection.session.is_restricted:
            user = self._connection.login.user
            raise self._connection.failed(
                f"the profile of {user} hides '{', '.join(tables)}'",
                f"{self._rights or f'it needs {administrator.NEEDED}'}",
            )

    def _by_table(self, entries: Iterable[str]) -> dict[str, Tree | None]:
        """Those of ``entries`` whose table is there: some units refuse to show an entry that is not
        as they refuse a table that is not."""
        table_of = {each: each.partition(":")[0] for each in entries if ":" in each}
        tables = tuple(dict.fromkeys(table_of.values()))
        shown = dict(
            zip(tables, self._connection.ask([_question(each) for each in tables]), strict=True)
        )
        return {
            each: self._body(each, shown[table])
            for each, table in table_of.items()
            if not prompts.has_no_table(shown[table])
        }

    def _warnings(self) -> tuple[str, ...]:
        if not self._connection.session.is_restricted:
            return warn_of_unknown_version(self.facts)
        what = (
            "has a restricted profile ('$' prompt): what it may not change is refused and put back"
        )
        found = (f"{self._connection.login.user} {what}", self._rights)
        return (*warn_of_unknown_version(self.facts), *filter(None, found))

    def _body(self, object_id: str, answer: str, again: int = 2) -> Tree | None:
        """Return the body in an answer; one that cannot be read is asked for again, alone."""
        answer = configuration_in(answer)
        if prompts.has_no_entry(answer) or prompts.has_no_table(answer):
            return None
        try:
            return _find(object_id, parse(answer))
        except ParseError as error:
            command = with_scope(*_question(object_id))
            if again:
                (answer,) = self._connection.ask([_question(object_id)])
                return self._body(object_id, answer, again - 1)
            said = prompts.refusal(answer) or str(error)
            raise self._connection.failed(
                f"'{command}' was answered with: {said}", self._connection.permission(said)
            ) from None


def _question(object_id: str) -> Question:
    return ObjectId.parse(object_id).scope, ObjectId.parse(object_id).show_command


def _shown(table: str, key: str, answer: str) -> Tree | None:
    """Return the body of an entry where it is shown; what cannot be read is not."""
    try:
        return _find(f"{table}:{key}", parse(configuration_in(answer)))
    except ParseError:
        return None


def _find(object_id: str, tree: Tree) -> Tree | None:
    """The body of one object in what `show` printed for it."""
    _, path, key = ObjectId.parse(object_id)
    configs = [node for node in tree if isinstance(node, Config)]
    config = next((each for each in configs if each.path == path), None)
    if config is None:
        if configs:
            raise ParseError(configs[0].line, f"'config {path}' was asked for, another was shown")
        return None
    if key is None:
        return config.body
    edits = (node for node in config.body if isinstance(node, Edit))
    return next((edit.body for edit in edits if edit.key.value == key), None)
