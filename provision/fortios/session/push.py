"""Push a plan to one FortiGate, as one transaction or object by object: all of it, or nothing stays."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress

from provision.errors import Failed, TargetError
from provision.fortios.config.object_id import ObjectId
from provision.fortios.config.observed import Observed
from provision.fortios.config.probes import with_scope
from provision.fortios.planning.approval import ABORT, COMMIT, SAVE, START, Approval
from provision.fortios.planning.blocks import Block
from provision.fortios.planning.planner import plan_rollback
from provision.fortios.session import refusals
from provision.fortios.session.batches import Line, split_into_batches
from provision.fortios.session.command_line import CommandLine, Garbled, Refused
from provision.fortios.session.connection import Connection

# Object and text of each block, in order.
Approved = Iterable[tuple[str, str]]

UNCHANGED = "the FortiGate is as it was before"
# With all lines typed ahead, one by one, and without a transaction.
ATTEMPTS = 3


class RolledBack(Failed):
    """A push failed and the FortiGate is as it was before, so the record from before it holds again."""


class Push:
    """Pushes plans to one FortiGate; begins no more transactions once one has been refused."""

    def __init__(self, connection: Connection, look: Callable[[Iterable[str]], Observed]) -> None:
        """``look`` returns what the FortiGate has of the objects with the given ids."""
        self._connection = connection
        self._look = look
        self._transactions = True
        self._approval = Approval(())
        self._saving: str | None = None

    @property
    def _command_line(self) -> CommandLine:
        return self._connection.command_line

    def accept_approval(
        self, approved: tuple[tuple[str, str], ...], blocks: Sequence[Block]
    ) -> None:
        """Permit the lines of the ``approved`` blocks, and no others.

        Raises:
            Failed: ``blocks`` are not the approved ones.
        """
        self._approval = Approval(approved)
        self._approval.check_plan(blocks)

    def apply(self, blocks: Sequence[Block], before: Observed, saving: str | None) -> None:
        """Push approved ``blocks``: all of them, or nothing stays.

        ``before``: what is restored after a failure. ``saving``: the scope in which to save
        on a FortiGate that does not save by itself; None if it does.

        Raises:
            RolledBack, Failed, Unreachable: as :meth:`FortiGateSession.apply`.
        """
        self._saving = saving
        for _ in range(ATTEMPTS):
            if self._try(blocks, before):
                return
        raise RolledBack(
            f"{self._connection.login.host} dropped part of the input in {ATTEMPTS} attempts",
            UNCHANGED,
        )

    def _try(self, blocks: Sequence[Block], before: Observed) -> bool:
        """Push ``blocks`` or roll back; return False if it should be tried again, in another way."""
        touched: list[Block] = []
        try:
            self._send(blocks, touched)
            return True
        except TargetError as error:
            if not self._command_line.changing:
                raise
            self._roll_back(before, blocks, touched, error)
            if isinstance(error, Garbled) or self._must_avoid_transactions(error, blocks):
                return False
            remedy = self._connection.find_remedy(_get_words(error))
            raise RolledBack(error.message, "; ".join(filter(None, (UNCHANGED, remedy)))) from None

    def _must_avoid_transactions(self, error: TargetError, blocks: Sequence[Block]) -> bool:
        """Return whether transactions cause ``error``; then no more are begun."""
        created = [ObjectId.parse(block.id).key or "" for block in blocks]
        words = _get_words(error)
        if not self._transactions or not refusals.is_caused_by_transaction(words, created):
            return False
        self._transactions = False
        return True

    def _send(self, blocks: Sequence[Block], touched: list[Block]) -> None:
        """Send ``blocks`` as one transaction, or object by object where there are no transactions.

        Those that may have taken effect are added to ``touched``.
        """
        atomic = self._begin_transaction()
        self._command_line.changing = True
        for batch in split_into_batches(blocks, atomic):
            if not atomic:
                ids = {line.id for line in batch}
                touched += [each for each in blocks if each.id in ids and each not in touched]
            self._write(batch, blocks, touched)
        self._command_line.check_settled()
        if atomic:
            touched[:] = blocks
            self._type([Line("the transaction", COMMIT)])
        self._save()
        self._command_line.changing = False

    def _type(self, lines: Sequence[Line], blocks: Sequence[Block] = ()) -> None:
        """Type lines that may change something; nothing else here writes to the command line."""
        self._approval.check_lines(((line.id, line.text) for line in lines), blocks)
        self._command_line.write(lines)

    def _write(self, batch: Sequence[Line], blocks: Sequence[Block], touched: list[Block]) -> None:
        try:
            self._type(batch, blocks)
        except Refused as error:
            if refusals.is_expiry(error.words):
                touched[:] = blocks
            raise

    def _begin_transaction(self) -> bool:
        """Open a transaction; return False if there are none, or none for this administrator."""
        try:
            if self._transactions:
                self._type([Line("the transaction", START)])
        except Refused:
            self._transactions = False
        return self._transactions

    def _save(self) -> None:
        if self._saving is not None:
            self._type([Line("the configuration", with_scope(self._saving, SAVE))])

    def _roll_back(
        self,
        before: Observed,
        blocks: Sequence[Block],
        touched: Sequence[Block],
        error: TargetError,
    ) -> None:
        """Restore ``before``.

        Raises:
            Failed: the FortiGate is not as it was; the text says what differs.
        """
        ids = [block.id for block in blocks]
        try:
            self._close_transaction()
            now = self._look(ids)
            if not touched and not _is_locked(error) and _find_differences(before, now, blocks):
                touched = blocks  # the line that begins a transaction had no effect
            reverting = plan_rollback(before, now, touched)
            if reverting:
                self._approval.check_rollback(reverting)
                self._send(reverting, [])
            elif touched:
                self._save()
            left = _find_differences(before, self._look(ids), blocks)
        except TargetError as second:
            remedy = f"the rollback failed ({second.message}); run the command again to complete it"
            raise Failed(error.message, remedy) from None
        if left:
            names = ", ".join(block.id for block in left)
            remedy = f"not as it was: {names}; run the command again to complete it"
            raise Failed(error.message, remedy)

    def _close_transaction(self) -> None:
        """Drop a transaction that is open; where there is none, the refusal is just as good."""
        if not self._command_line.alive:
            self._connection.reconnect()
            return
        with suppress(Refused):
            self._type([Line("the transaction", ABORT)])


def _find_differences(
    before: Observed, now: Observed, blocks: Sequence[Block]
) -> tuple[Block, ...]:
    """Return the blocks that would restore ``before``; a secret that is set counts as unchanged."""
    return plan_rollback(before, now, blocks, secrets_kept=True)


def _get_words(error: TargetError) -> str:
    """Return the words of the FortiGate if ``error`` is a refusal."""
    return error.words if isinstance(error, Refused) else ""


def _is_locked(error: TargetError) -> bool:
    return refusals.is_lock(_get_words(error))
