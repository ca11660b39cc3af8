"""Changing one FortiGate: a push as one transaction, or object by object; all of it, or what was there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress

from provision.errors import Failed, TargetError
from provision.fortios.config.object_id import ObjectId
from provision.fortios.config.observed import Observed
from provision.fortios.config.probes import with_scope
from provision.fortios.planning.approval import ABORT, COMMIT, SAVE, START, Approval
from provision.fortios.planning.object_changes import Block
from provision.fortios.planning.planner import FortiPlan, plan_rollback
from provision.fortios.session import prompts
from provision.fortios.session.batches import Line, chunks
from provision.fortios.session.connection import Connection
from provision.fortios.session.observer import Observer
from provision.fortios.session.session import Garbled, Refused, Session

# Object and text of each block, in order.
Approved = Iterable[tuple[str, str]]


class PutBack(Failed):
    """A push failed and the unit is as it was before it: what was remembered before it holds again."""


class Push:
    """Pushes plans to one unit; begins no more transactions once that turns out to have none."""

    def __init__(self, connection: Connection, observer: Observer) -> None:
        self._connection = connection
        self._observer = observer
        self._transactions = True
        self._gate = Approval(())

    @property
    def _session(self) -> Session:
        return self._connection.session

    def apply(self, plan: FortiPlan, approved: Approved | None = None) -> None:
        """Push ``plan``, made from what the observer saw last: all of it, or nothing stays.

        ``approved``: the blocks that an operator was shown, as id and text with secrets by name;
        those of ``plan`` itself unless given.

        Raises:
            PutBack: it failed, and the unit is as it was before.
            Failed: the unit is not as it was (the text says where): keep ``plan.record``.
            Unreachable: the connection broke before anything was changed.
        """
        if not plan.blocks:
            return
        if self._observer.read_only:
            raise PutBack(
                f"{self._connection.login.host}: {self._observer.read_only}", "nothing was sent"
            )
        own = tuple((each.id, each.shown) for each in plan.blocks)
        self._gate = Approval(own if approved is None else tuple(approved))
        self._gate.check_plan(plan.blocks)
        before = self._observer.seen or self._observer.look([block.id for block in plan.blocks])
        for _ in range(3):  # as the unit seems to take it, nothing typed ahead, no transaction
            if self._attempt(plan.blocks, before):
                return
        raise PutBack(f"{self._connection.login.host} loses lines", "the unit is as it was before")

    def _attempt(self, blocks: Sequence[Block], before: Observed) -> bool:
        """Push ``blocks`` or put back; False if it should be tried again, in another way."""
        touched: list[Block] = []
        try:
            self._send(blocks, touched)
            return True
        except TargetError as error:
            if not self._session.changing:
                raise
            self._restore(before, blocks, touched, error)
            if isinstance(error, Garbled) or self._gives_up_transactions(error, blocks):
                return False
            raise PutBack(error.what, self._said_after(error)) from None

    def _gives_up_transactions(self, error: TargetError, blocks: Sequence[Block]) -> bool:
        """Whether ``error`` is one of transactions as such; then no more are begun."""
        made = [ObjectId.parse(block.id).key or "" for block in blocks]
        said = error.said if isinstance(error, Refused) else ""
        if not self._transactions or not prompts.is_of_the_transaction(said, made):
            return False
        self._transactions = False
        return True

    def _said_after(self, error: TargetError) -> str:
        said = error.said if isinstance(error, Refused) else ""
        return "; ".join(
            filter(None, ("the unit is as it was before", self._connection.permission(said)))
        )

    def _send(self, blocks: Sequence[Block], touched: list[Block]) -> None:
        """Send ``blocks`` as one transaction, or object by object where the unit has none.

        ``touched`` takes those that may have taken effect.
        """
        atomic = self._begins()
        self._session.changing = True
        for chunk in chunks(blocks, atomic):
            if not atomic:
                named = {line.id for line in chunk}
                touched += [each for each in blocks if each.id in named and each not in touched]
            self._write(chunk, blocks, touched)
        self._session.settle()
        if atomic:
            touched[:] = blocks
            self._type([Line("the transaction", COMMIT)])
        self._save()
        self._session.changing = False

    def _type(self, typed: Sequence[Line], blocks: Sequence[Block] = ()) -> None:
        """Type lines that may change something: the only way from here to the session."""
        self._gate.check_lines(((line.id, line.text) for line in typed), blocks)
        self._session.write(typed)

    def _write(self, chunk: Sequence[Line], blocks: Sequence[Block], touched: list[Block]) -> None:
        try:
            self._type(chunk, blocks)
        except Refused as error:
            if prompts.tells_of_expiry(error.said):
                touched[:] = blocks
            raise

    def _begins(self) -> bool:
        """Open a transaction; False where the unit has none, or none for this administrator."""
        try:
            if self._transactions:
                self._type([Line("the transaction", START)])
        except Refused:
            self._transactions = False
        return self._transactions

    def _save(self) -> None:
        if self._observer.saves_by_hand:
            scope = "global" if self._observer.facts.vdoms else ""
            self._type([Line("the configuration", with_scope(scope, SAVE))])

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
            self._have_nothing_open()
            now = self._observer.look(wanted)
            if not touched and not _is_locked(error) and _differs(before, now, blocks):
                touched = blocks  # it took the transaction's first line for something else
            back = plan_rollback(before, now, touched)
            if back:
                self._gate.check_revert(back)
                self._send(back, [])
            elif touched:
                self._save()
            left = _differs(before, self._observer.look(wanted), blocks)
        except TargetError as second:
            remedy = f"it could not be put back ({second.what}); run again: that mends it"
            raise Failed(error.what, remedy) from None
        if left:
            names = ", ".join(block.id for block in left)
            raise Failed(error.what, f"not as it was: {names}; run again: that mends it")

    def _have_nothing_open(self) -> None:
        """No transaction may stay open; where there is none the unit refuses, which is as good."""
        if not self._session.alive:
            self._connection.reconnect()
            return
        with suppress(Refused):
            self._type([Line("the transaction", ABORT)])


def _differs(before: Observed, now: Observed, blocks: Sequence[Block]) -> tuple[Block, ...]:
    """What is not as it was ``before``; a secret that is set is taken for the one that was."""
    return plan_rollback(before, now, blocks, secrets_kept=True)


def _is_locked(error: TargetError) -> bool:
    return isinstance(error, Refused) and prompts.tells_of_a_lock(error.said)
