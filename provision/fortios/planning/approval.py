"""Check a line that changes a FortiGate before it is typed: it must belong to the approved plan.

Nothing here knows how a plan is made or how lines are grouped. So an error there, or in a ban host's
record, cannot become a line that no operator saw.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from provision.errors import Failed
from provision.fortios.config.object_id import ObjectId
from provision.fortios.config.text import Config, Edit, Statement, list_lines, make_word
from provision.fortios.planning.blocks import Block

# The lines that start, commit or abort a transaction, and that save. FortiOS ends a transaction after two
# idle minutes, so a run that died locks nothing for long.
START = "execute config-transaction start 2"
COMMIT = "execute config-transaction commit"
ABORT = "execute config-transaction abort"
SAVE = "execute cfg save"
CONTROL = frozenset({START, COMMIT, ABORT, SAVE, f"sudo global {SAVE}"})


@dataclass(frozen=True)
class Approval:
    """An approved plan. ``texts``: (id, text) of its blocks in order, secrets by name."""

    texts: tuple[tuple[str, str], ...]

    def check_plan(self, blocks: Sequence[Block]) -> None:
        """Check that ``blocks`` are the approved ones, in the approved order.

        Raises:
            Failed: they are not.
        """
        if tuple((block.id, block.shown) for block in blocks) != self.texts:
            raise _make_error("the blocks of this push")
        self._check_bounds(blocks)

    def check_rollback(self, blocks: Sequence[Block]) -> None:
        """Check that ``blocks``, which roll back, change only objects of the approved plan.

        Raises:
            Failed: they change another object.
        """
        ids = {object_id for object_id, _ in self.texts}
        for block in blocks:
            if block.id not in ids:
                raise _make_error(block.id)
        self._check_bounds(blocks)

    def check_lines(self, typed: Iterable[tuple[str, str]], blocks: Sequence[Block]) -> None:
        """Check ``typed``, pairs of an object's id and a line, against the ``blocks`` being sent.

        Raises:
            Failed: a line is not part of its block, does not enter its scope, and is no control line.
        """
        allowed = {block.id: frozenset(_list_allowed_lines(block)) for block in blocks}
        for object_id, text in typed:
            if text not in CONTROL and text not in allowed.get(object_id, ()):
                raise _make_error(f"{object_id}: '{text}'")

    @staticmethod
    def _check_bounds(blocks: Sequence[Block]) -> None:
        """Check that each block is one `config` of its object's table and names no other entry."""
        for block in blocks:
            one = ObjectId.parse(block.id)
            (config, *more) = block.tree or (None,)
            if not isinstance(config, Config) or config.path != one.table or more:
                raise _make_error(block.id)
            for node in config.body if one.key is not None else ():
                if _get_entry_key(node) != one.key:
                    raise _make_error(block.id)


def _get_entry_key(node: object) -> str | None:
    """Return the key of the entry that a node at table level is about."""
    if isinstance(node, Edit):
        return node.key.value
    if isinstance(node, Statement) and node.verb in ("delete", "move"):
        return node.name
    return None


def _list_allowed_lines(block: Block) -> tuple[str, ...]:
    scope = ObjectId.parse(block.id).scope
    if not scope:
        return list_lines(block.tree)
    entering = (
        ("config global",) if scope == "global" else ("config vdom", f"edit {make_word(scope).raw}")
    )
    return (*list_lines(block.tree), *entering, "end")


def _make_error(what: str) -> Failed:
    return Failed(
        f"{what} must be part of the approved plan; it was not sent",
        "this is an error in Banstitch: report it",
    )
