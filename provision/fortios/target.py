"""One FortiGate: log in, look with a batch of `show`, push a plan, put things back if it fails."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from provision.errors import Failed, TargetError
from provision.fortios import circumstances, dialogue
from provision.fortios.chunks import Line, chunks, entering
from provision.fortios.circumstances import in_scope
from provision.fortios.desired import Desired, looked_at, show_command, split_id
from provision.fortios.planner import Block, FortiPlan, Observed, ids, revert
from provision.fortios.record import Record
from provision.fortios.session import Garbled, Refused, Session
from provision.fortios.text import Config, Edit, ParseError, Tree, parse
from provision.fortios.versions import Facts, advice, read_facts, refused
from provision.login import Login
from provision.ssh import HostKeyPolicy

STATUS = "get system status"
# A transaction ends by itself after so many idle minutes, so a dead run locks nothing for long.
START = "execute config-transaction start 2"
COMMIT = "execute config-transaction commit"
ABORT = "execute config-transaction abort"
SAVE = "execute cfg save"


Question = tuple[str, str]  # scope, command


class PutBack(Failed):
    """A push failed and the unit is as it was before it: what was remembered before it holds again."""


class FortiGate:
    """A session with one unit, for the length of a ``with`` block."""

    def __init__(self, login: Login, policy: HostKeyPolicy) -> None:
        self._login = login
        self._policy = policy
        self._session: Session | None = None
        self._facts: Facts | None = None
        self._seen: Observed | None = None
        self._saves_by_hand = False
        self._walks = False
        self._transactions = True
        self._earlier = 0

    def __enter__(self) -> FortiGate:
        self._session = Session(self._login, self._policy)
        return self

    def __exit__(self, *_: object) -> None:
        if self._session:
            self._session.disconnect()
            self._session = None

    @property
    def exchanges(self) -> int:
        """How often, since the login, we wrote and waited for the unit."""
        return self._earlier + (self._session.exchanges if self._session else 0)

    @property
    def facts(self) -> Facts:
        """Model, version, name, serial number, VDOMs, cluster role; asked for once, in one exchange.

        Raises:
            Failed: the answer cannot be read.
        """
        if self._facts is None:
            # harmless without VDOMs: the unit does not know such a scope
            listing = in_scope("global", circumstances.VDOMS)
            status, listed = self._open.read([STATUS, listing])
            facts = read_facts(status)
            if facts is None:
                raise self._failed(f"'{STATUS}' names no version")
            names = self._vdom_names(status, listed) if facts.vdoms else ()
            self._facts = replace(facts, vdom_names=names)
        return self._facts

    def _vdom_names(self, status: str, listed: str) -> tuple[str, ...]:
        """The VDOMs by their properties; where those are not shown, by what else names them."""
        if dialogue.knows_no_sudo(listed):
            self._walks = True
            (listed,) = self._ask([("global", circumstances.VDOMS)])
        names = circumstances.vdom_names(listed)
        if names:
            return names
        (interfaces,) = self._ask([("global", circumstances.INTERFACES)])
        return circumstances.vdoms_in_use(status, interfaces)

    # --- looking ---------------------------------------------------------------------------------

    def observe(self, desired: Desired, record: Record) -> Observed:
        """What the unit holds of ``desired`` and of what ``record`` remembers; changes nothing.

        Raises:
            Failed: an answer cannot be read, or the unit must not be configured here.
            Unreachable: the connection broke.
        """
        self._refuse_unsupported()
        wanted = ids(desired, record)
        self._need_vdoms(wanted)
        scope = "global" if self.facts.vdoms else ""
        about = [(scope, each) for each in (circumstances.FABRIC, circumstances.SAVING)]
        fabric, saving, *answers = self._ask([*about, *map(_question, wanted)])
        self._refuse_fabric_member(fabric)
        self._saves_by_hand = circumstances.saves_by_hand(saving)
        self._seen = self._understand(wanted, answers)
        return self._seen

    def _refuse_unsupported(self) -> None:
        if refused(self.facts.version):
            raise self._failed(refused(self.facts.version))
        if self.facts.is_secondary:
            (answer,) = self._open.read([circumstances.HA])
            primary = circumstances.primary_of(answer)
            raise self._failed(
                "it is a secondary of its cluster and takes its configuration from the primary"
                + (f", {primary}" if primary else ""),
                f"name {primary or 'the primary'} in the inventory, or the address of the cluster",
            )

    def _refuse_fabric_member(self, answer: str) -> None:
        root = circumstances.root_above(answer)
        if root:
            raise self._failed(
                f"it is a member of a Security Fabric, not its root: stitches are made on the root "
                f"and handed down (KB 224116); above it is {root}",
                "name the root of the fabric in the inventory",
            )

    def _need_vdoms(self, wanted: Iterable[str]) -> None:
        """No scope is ever entered that the unit did not list: `edit` would make a VDOM of it."""
        known = self.facts.vdom_names
        scopes = {split_id(each)[0] for each in wanted} - {"", "global"}
        if scopes - set(known):
            there = f"there are: {', '.join(known)}" if known else "it listed none"
            names = ", ".join(sorted(scopes - set(known)))
            raise self._failed(f"it has no VDOM '{names}' ({there})", "correct the name")

    def look(self, wanted: Iterable[str]) -> Observed:
        """What the unit holds of these objects, or whole tables, beside what was observed."""
        wanted = tuple(dict.fromkeys(map(looked_at, wanted)))
        return self._understand(wanted, self._ask([_question(each) for each in wanted]))

    def _ask(self, questions: Sequence[Question]) -> tuple[str, ...]:
        """The answers to all ``questions`` in one exchange; where there is no `sudo`, in several."""
        if not self._walks:
            return self._open.read([in_scope(*each) for each in questions])
        found: dict[Question, str] = {}
        for scope in dict.fromkeys(scope for scope, _ in questions):
            commands = [command for each, command in questions if each == scope]
            answers = self._open.visit(tuple(entering("its VDOMs", scope)), commands)
            found.update(
                ((scope, each), said) for each, said in zip(commands, answers, strict=True)
            )
        return tuple(found[each] for each in questions)

    def _understand(self, wanted: Sequence[str], answers: Sequence[str]) -> Observed:
        objects: dict[str, Tree | None] = {}
        missing = set()
        for each, answer in zip(wanted, answers, strict=True):
            objects[each] = self._body(each, answer)
            if objects[each] is None and dialogue.has_no_table(answer):
                missing.add(each)
        found = self._by_table(missing)
        there = frozenset(missing - found.keys())
        return Observed(self.facts.serial, objects | found, there, self._warnings())

    def _by_table(self, entries: Iterable[str]) -> dict[str, Tree | None]:
        """Those of ``entries`` whose table is there: some units refuse to show an entry that is not
        as they refuse a table that is not."""
        table_of = {each: each.partition(":")[0] for each in entries if ":" in each}
        tables = tuple(dict.fromkeys(table_of.values()))
        shown = dict(zip(tables, self._ask([_question(each) for each in tables]), strict=True))
        return {
            each: self._body(each, shown[table])
            for each, table in table_of.items()
            if not dialogue.has_no_table(shown[table])
        }

    def _warnings(self) -> tuple[str, ...]:
        if not self._open.is_restricted:
            return advice(self.facts)
        what = (
            "has a restricted profile ('$' prompt): what it may not change is refused and put back"
        )
        return (*advice(self.facts), f"{self._login.user} {what}")

    def _body(self, object_id: str, answer: str, again: bool = True) -> Tree | None:
        """The body in an answer; one that cannot be read is asked for once more, alone."""
        if dialogue.has_no_entry(answer) or dialogue.has_no_table(answer):
            return None
        try:
            return _find(object_id, parse(answer))
        except ParseError as error:
            command = in_scope(*_question(object_id))
            if again:
                (answer,) = self._ask([_question(object_id)])
                return self._body(object_id, answer, again=False)
            said = dialogue.refusal(answer) or str(error)
            raise self._failed(
                f"'{command}' was answered with: {said}", self._permission(said)
            ) from None

    # --- changing --------------------------------------------------------------------------------

    def apply(self, plan: FortiPlan) -> None:
        """Push ``plan``, made from what :meth:`observe` saw last: all of it, or nothing stays.

        Raises:
            PutBack: it failed, and the unit is as it was before.
            Failed: the unit is not as it was (the text says where): keep ``plan.record``.
            Unreachable: the connection broke before anything was changed.
        """
        if not plan.blocks:
            return
        before = self._seen or self.look([block.id for block in plan.blocks])
        for _ in range(3):  # as the unit seems to take it, nothing typed ahead, no transaction
            if self._attempt(plan.blocks, before):
                return
        raise PutBack(f"{self._login.host} loses lines", "the unit is as it was before")

    def _attempt(self, blocks: Sequence[Block], before: Observed) -> bool:
        """Push ``blocks`` or put back; False if it should be tried again, in another way."""
        touched: list[Block] = []
        try:
            self._send(blocks, touched)
            return True
        except TargetError as error:
            if not self._open.changing:
                raise
            self._restore(before, blocks, touched, error)
            if isinstance(error, Garbled) or self._gives_up_transactions(error, blocks):
                return False
            raise PutBack(error.what, self._said_after(error)) from None

    def _gives_up_transactions(self, error: TargetError, blocks: Sequence[Block]) -> bool:
        """Whether ``error`` is one of transactions as such; then no more are begun."""
        made = [split_id(block.id)[2] or "" for block in blocks]
        said = error.said if isinstance(error, Refused) else ""
        if not self._transactions or not dialogue.is_of_the_transaction(said, made):
            return False
        self._transactions = False
        return True

    def _said_after(self, error: TargetError) -> str:
        said = error.said if isinstance(error, Refused) else ""
        return "; ".join(filter(None, ("the unit is as it was before", self._permission(said))))

    def _send(self, blocks: Sequence[Block], touched: list[Block]) -> None:
        """Send ``blocks`` as one transaction, or object by object where the unit has none.

        ``touched`` takes those that may have taken effect.
        """
        atomic = self._begins()
        self._open.changing = True
        for chunk in chunks(blocks, atomic):
            if not atomic:
                named = {line.id for line in chunk}
                touched += [each for each in blocks if each.id in named and each not in touched]
            self._write(chunk, blocks, touched)
        self._open.settle()
        if atomic:
            touched[:] = blocks
            self._open.write([Line("the transaction", COMMIT)])
        self._save()
        self._open.changing = False

    def _write(self, chunk: Sequence[Line], blocks: Sequence[Block], touched: list[Block]) -> None:
        try:
            self._open.write(chunk)
        except Refused as error:
            if dialogue.tells_of_expiry(error.said):
                touched[:] = blocks
            raise

    def _begins(self) -> bool:
        """Open a transaction; False where the unit has none, or none for this administrator."""
        try:
            if self._transactions:
                self._open.write([Line("the transaction", START)])
        except Refused:
            self._transactions = False
        return self._transactions

    def _save(self) -> None:
        if self._saves_by_hand:
            scope = "global" if self.facts.vdoms else ""
            self._open.write([Line("the configuration", in_scope(scope, SAVE))])

    def _restore(
        self,
        before: Observed,
        blocks: Sequence[Block],
        touched: Sequence[Block],
        error: TargetError,
    ) -> None:
        """Lead the unit back to ``before``.

        Raises:
            Failed: it is not as it was; the text says what is left.
        """
        wanted = [block.id for block in blocks]
        try:
            if self._open.alive:
                self._drop_transaction()
            else:
                self._reconnect()
            now = self.look(wanted)
            if (
                not touched
                and not _is_locked(error)
                and revert(before, now, blocks, secrets_kept=True)
            ):
                touched = blocks  # it took the transaction's first line for something else
            back = revert(before, now, touched)
            if back:
                self._send(back, [])
            elif touched:
                self._save()
            left = revert(before, self.look(wanted), blocks, secrets_kept=True)
        except TargetError as second:
            remedy = f"it could not be put back ({second.what}); run again: that mends it"
            raise Failed(error.what, remedy) from None
        if left:
            names = ", ".join(block.id for block in left)
            raise Failed(error.what, f"not as it was: {names}; run again: that mends it")

    def _drop_transaction(self) -> None:
        """Nothing may stay open; without a transaction the unit refuses, which is as good."""
        try:
            self._open.write([Line("the transaction", ABORT)])
        except Refused:
            return

    def _reconnect(self) -> None:
        """A new session in place of a broken one: once, by whoever calls."""
        self._earlier = self.exchanges
        self._open.disconnect()
        self._session = Session(self._login, self._policy)
        self._session.changing = True

    # --- saying ----------------------------------------------------------------------------------

    def _permission(self, said: str) -> str:
        if dialogue.tells_of_a_lock(said):
            return (
                "somebody else is editing it in a transaction, or a run that died was; such a lock "
                "ends by itself (ours after 2 idle minutes): run again then"
            )
        if dialogue.is_forbidden(said):
            return f"the profile of {self._login.user} does not permit this: widen it on the unit"
        return ""

    @property
    def _open(self) -> Session:
        if self._session is None:
            raise RuntimeError("a FortiGate is used inside its 'with' block")
        return self._session

    def _failed(self, what: str, remedy: str = "") -> Failed:
        return Failed(f"{self._login.host} ({self._login.address}): {what}", remedy)


def _is_locked(error: TargetError) -> bool:
    return isinstance(error, Refused) and dialogue.tells_of_a_lock(error.said)


def _question(object_id: str) -> Question:
    return split_id(object_id)[0], show_command(object_id)


def _find(object_id: str, tree: Tree) -> Tree | None:
    """The body of one object in what `show` printed for it."""
    _, path, key = split_id(object_id)
    for config in tree:
        if isinstance(config, Config) and config.path == path:
            if key is None:
                return config.body
            edits = (node for node in config.body if isinstance(node, Edit))
            return next((edit.body for edit in edits if edit.key.value == key), None)
    return None
