"""Group the lines of a push: some may be typed at once, others have to wait for an answer.

A refused line leaves the session where it is, so a line typed after it runs in the wrong context. That
is harmless while nothing takes effect. In a transaction nothing does before its commit. Elsewhere only
`next`, `end` and orders at table level do, so these wait until everything before them was answered.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from provision.fortios.config.object_id import ObjectId
from provision.fortios.config.text import COMMANDS, list_lines, make_word
from provision.fortios.planning.blocks import Block

GLOBAL = "global"
# Characters typed at once: a terminal of 4,096 must hold them even if the FortiGate reads none meanwhile.
LONGEST = 2000
# An echo of more than a terminal's width (511) is redrawn in undocumented ways.
WIDE = 400

_CLOSING = ("next", "end")


@dataclass(frozen=True)
class Line:
    """A logical line, and the ``id`` of the object that it is typed for.

    ``alone``: no other line may be typed before it is answered, nor with it. ``takes_effect``: it can
    make earlier lines take effect.
    """

    id: str
    text: str
    alone: bool = False
    takes_effect: bool = False

    @property
    def verb(self) -> str:
        """The first word."""
        return self.text.partition(" ")[0]


Batch = tuple[Line, ...]


def split_into_batches(blocks: Iterable[Block], atomic: bool) -> Iterator[Batch]:
    """Yield the lines of ``blocks`` in groups that are typed at once; ``atomic``: in a transaction."""
    batch: list[Line] = []
    for line in _list_all_lines(blocks):
        if batch and _must_wait(batch, line, atomic):
            yield tuple(batch)
            batch = []
        batch.append(line)
    if batch:
        yield tuple(batch)


def _must_wait(batch: Sequence[Line], line: Line, atomic: bool) -> bool:
    """Return whether ``line`` may be typed only after ``batch`` was answered."""
    last = batch[-1]
    if line.alone or last.alone:
        return True
    if sum(len(typed.text) + 1 for typed in batch) + len(line.text) > LONGEST:
        return True
    closes = line.takes_effect or line.verb in _CLOSING
    return not atomic and closes and (line.takes_effect or last.verb not in (*_CLOSING, *COMMANDS))


def _list_all_lines(blocks: Iterable[Block]) -> Iterator[Line]:
    for scope, group in groupby(blocks, lambda block: ObjectId.parse(block.id).scope):
        first, *rest = group
        yield from enter_scope(first.id, scope)
        last = first
        for last in (first, *rest):
            yield from _list_block_lines(last, in_vdom=scope not in ("", GLOBAL))
        if scope:
            yield Line(last.id, "end")


def enter_scope(object_id: str, scope: str) -> Iterator[Line]:
    """Yield the lines that enter ``scope``, which must be one that the FortiGate listed."""
    if scope == GLOBAL:
        yield Line(object_id, "config global")
    elif scope:
        # a garbled name would create a VDOM, so nothing else is typed at the same time
        yield Line(object_id, "config vdom", alone=True)
        yield Line(object_id, f"edit {make_word(scope).raw}", alone=True)


def _list_block_lines(block: Block, in_vdom: bool) -> Iterator[Line]:
    depth = 0
    lines = list_lines(block.tree)
    for number, text in enumerate(lines):
        verb = text.partition(" ")[0]
        # were this `config` refused in a VDOM, the `edit` after it might name a VDOM
        opens_table = in_vdom and depth == 0 and lines[number + 1].startswith("edit ")
        alone = opens_table or "\n" in text or len(text) > WIDE
        completes = verb in _CLOSING and depth == _find_depth(lines)
        yield Line(block.id, text, alone, verb in COMMANDS or completes)
        depth += (verb in ("config", "edit")) - (verb in _CLOSING)


def _find_depth(lines: Sequence[str]) -> int:
    """Return how deep the session is before the line that makes the object take effect."""
    return 2 if lines[1].startswith("edit ") else 1
