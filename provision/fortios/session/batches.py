"""How the lines of a push are grouped: what may be typed at once, and what must be seen to work first.

A refused line leaves the session where it is, so a line typed after it runs in the wrong context. That
is harmless while nothing takes effect: inside a transaction nothing does before its commit; elsewhere
only `next`, `end` and orders at table level do. Those wait until all before them was answered.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from provision.fortios.config.object_id import ObjectId
from provision.fortios.config.text import COMMANDS, list_lines, make_word
from provision.fortios.planning.object_changes import Block

GLOBAL = "global"
# Characters typed at once: a terminal of 4,096 must hold them even if the unit reads none meanwhile.
LONGEST = 2000
# An echo of more than a terminal's width (511) is redrawn in ways that nobody has written down.
WIDE = 400

_CLOSING = ("next", "end")


@dataclass(frozen=True)
class Line:
    """One logical line and the object that it is typed for. ``alone``: nothing may be typed ahead of,
    or with it. ``lands``: it can make earlier lines take effect."""

    id: str
    text: str
    alone: bool = False
    lands: bool = False

    @property
    def verb(self) -> str:
        return self.text.partition(" ")[0]


Chunk = tuple[Line, ...]


def chunks(blocks: Iterable[Block], atomic: bool) -> Iterator[Chunk]:
    """The lines of ``blocks`` in the groups in which they are typed; ``atomic``: in a transaction."""
    chunk: list[Line] = []
    for line in _all_lines(blocks):
        if chunk and _breaks(chunk, line, atomic):
            yield tuple(chunk)
            chunk = []
        chunk.append(line)
    if chunk:
        yield tuple(chunk)


def _breaks(chunk: Sequence[Line], line: Line, atomic: bool) -> bool:
    last = chunk[-1]
    if line.alone or last.alone:
        return True
    if sum(len(each.text) + 1 for each in chunk) + len(line.text) > LONGEST:
        return True
    closes = line.lands or line.verb in _CLOSING
    return not atomic and closes and (line.lands or last.verb not in (*_CLOSING, *COMMANDS))


def _all_lines(blocks: Iterable[Block]) -> Iterator[Line]:
    for scope, group in groupby(blocks, lambda each: ObjectId.parse(each.id).scope):
        first, *rest = group
        yield from entering(first.id, scope)
        last = first
        for last in (first, *rest):
            yield from _block_lines(last, in_vdom=scope not in ("", GLOBAL))
        if scope:
            yield Line(last.id, "end")


def entering(object_id: str, scope: str) -> Iterator[Line]:
    """The lines that lead into ``scope``, which must be one that the unit listed."""
    if scope == GLOBAL:
        yield Line(object_id, "config global")
    elif scope:
        # a name that arrives mutilated would make a VDOM: nothing else is under way meanwhile
        yield Line(object_id, "config vdom", alone=True)
        yield Line(object_id, f"edit {make_word(scope).raw}", alone=True)


def _block_lines(block: Block, in_vdom: bool) -> Iterator[Line]:
    depth = 0
    found = list_lines(block.tree)
    for number, text in enumerate(found):
        verb = text.partition(" ")[0]
        # were this `config` refused in a VDOM, the `edit` after it might name a VDOM
        gate = in_vdom and depth == 0 and found[number + 1].startswith("edit ")
        alone = gate or "\n" in text or len(text) > WIDE
        lands = verb in COMMANDS or (verb in _CLOSING and depth == _landing(found))
        yield Line(block.id, text, alone, lands)
        depth += (verb in ("config", "edit")) - (verb in _CLOSING)


def _landing(found: Sequence[str]) -> int:
    """How deep the session is before the line that makes the object take effect."""
    return 2 if found[1].startswith("edit ") else 1
