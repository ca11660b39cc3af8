"""The last check before a line that changes a FortiGate is typed: it belongs to the approved plan.

Nothing here knows how a plan is made or how lines are grouped. So a problem there, or in what a ban host
remembers, cannot become a line that nobody was shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from provision.errors import Failed
from provision.fortios.config.object_id import ObjectId
from provision.fortios.config.text import Config, Edit, Statement, list_lines, make_word
from provision.fortios.planning.object_changes import Block

# The lines that begin, end or drop a transaction, and that save. A transaction ends by itself after so
# many idle minutes, so a dead run locks nothing for long.
START = "execute config-transaction start 2"
COMMIT = "execute config-transaction commit"
ABORT = "execute config-transaction abort"
SAVE = "execute cfg save"
CONTROL = frozenset({START, COMMIT, ABORT, SAVE, f"sudo global {SAVE}"})


@dataclass(frozen=True)
class Approval:
    """The lines that may be typed in one push.

    ``texts``: the approved blocks in their order, secrets by name.
    """

    texts: tuple[tuple[str, str], ...]

    def check_plan(self, blocks: Sequence[Block]) -> None:
        """Check that ``blocks`` are the approved ones, in their order.

        Raises:
            Failed: they are not.
        """
        if tuple((each.id, each.shown) for each in blocks) != self.texts:
            raise _unapproved("the blocks of this push")
        self._check_bounds(blocks)

    def check_revert(self, blocks: Sequence[Block]) -> None:
        """Check that ``blocks``, which lead back, change nothing but objects of the approved plan.

        Raises:
            Failed: they do.
        """
        ids = {each for each, _ in self.texts}
        for block in blocks:
            if block.id not in ids:
                raise _unapproved(block.id)
        self._check_bounds(blocks)

    def check_lines(self, typed: Iterable[tuple[str, str]], blocks: Sequence[Block]) -> None:
        """Check ``typed``, pairs of an object's id and a line, against the ``blocks`` being sent.

        Raises:
            Failed: a line is none of theirs, does not lead into their scope, and is no control line.
        """
        allowed = {each.id: frozenset(_lines(each)) for each in blocks}
        for object_id, text in typed:
            if text not in CONTROL and text not in allowed.get(object_id, ()):
                raise _unapproved(f"{object_id}: '{text}'")

    @staticmethod
    def _check_bounds(blocks: Sequence[Block]) -> None:
        """Check that each block is one `config` of its object's table that names no other entry."""
        for block in blocks:
            _, path, key = ObjectId.parse(block.id)
            (config, *more) = block.tree or (None,)
            inside = isinstance(config, Config) and config.path == path and not more
            if not inside or not isinstance(config, Config):
                raise _unapproved(block.id)
            for node in config.body if key is not None else ():
                named = node.key.value if isinstance(node, Edit) else _first(node)
                if named != key:
                    raise _unapproved(block.id)


def _first(node: object) -> str | None:
    """Return the entry that an order at table level is about."""
    commands = ("delete", "move")
    return node.name if isinstance(node, Statement) and node.verb in commands else None


def _lines(block: Block) -> tuple[str, ...]:
    scope, _, _ = ObjectId.parse(block.id)
    if not scope:
        return list_lines(block.tree)
    entering = (
        ("config global",) if scope == "global" else ("config vdom", f"edit {make_word(scope).raw}")
    )
    return (*list_lines(block.tree), *entering, "end")


def _unapproved(what: str) -> Failed:
    return Failed(
        f"{what} must be part of the approved plan; it was not sent",
        "this is an error in Banstitch: report it",
    )
