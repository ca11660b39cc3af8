"""Other values for what stands on a simulated unit: every way in which somebody could change it.

The other value of an attribute comes from the simulator's own schema, not from the product.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from provision.fortios.config.object_id import ObjectId
from tests.simulator import Simulator
from tests.simulator.schema import Attribute
from tests.simulator.text import Word, quote, write_word
from tests.simulator.tree import Block, Entry, applies


@dataclass(frozen=True)
class Drift:
    """One change behind our back: `lines` typed in `scope` change the object `id`."""

    id: str
    what: str
    scope: str
    lines: str

    def __str__(self) -> str:
        return f"{self.id}: {self.what}"


# An entry that is called otherwise is no longer ours, so that there is nothing to mend.
CALLED_BY = {
    "firewall policy": "name",
    "firewall local-in-policy": "comments",
    "firewall local-in-policy6": "comments",
}


def drifts(unit: Simulator, object_id: str, only: frozenset[str]) -> Iterator[Drift]:
    """Every attribute of an object set to something else; of a single object those of ``only``."""
    scope, path, key = ObjectId.parse(object_id)
    block = unit.config.scopes[scope][path]
    entry = block.entry if key is None else block.rows[key]
    opened = [f"config {path}"] + ([] if key is None else [f"edit {quote(key)}"])
    for what, lines in _changed(unit, scope, block, entry, only if key is None else None):
        if what == CALLED_BY.get(path):
            continue
        yield Drift(object_id, what, scope, "\n".join([*opened, *lines, "end"]))
    last = list(block.rows)[-1:]
    if key is not None and "policy" in path and last != [key]:
        lines = [f"config {path}", f"move {key} after {last[0]}", "end"]
        yield Drift(object_id, "moved below others", scope, "\n".join(lines))
    if key is not None and not unit.config.users(path, key, scope):
        lines = [f"config {path}", f"delete {quote(key)}", "end"]
        yield Drift(object_id, "deleted", scope, "\n".join(lines))


def additions(unit: Simulator, object_id: str) -> Iterator[Drift]:
    """Every attribute that an entry does not have, set to something that is not its default."""
    scope, path, key = ObjectId.parse(object_id)
    block = unit.config.scopes[scope][path]
    for attribute in block.table.attributes if key is not None else ():
        entry = block.rows[key or ""]
        if entry.values(attribute.name) or not applies(block.table, entry, attribute):
            continue
        other = _other(unit, scope, attribute, ())
        if other:
            value = " ".join(map(write_word, other))
            lines = [f"config {path}", f"edit {quote(key or '')}", f"set {attribute.name} {value}"]
            yield Drift(object_id, attribute.name, scope, "\n".join([*lines, "end"]))


def _changed(
    unit: Simulator, scope: str, block: Block, entry: Entry, only: frozenset[str] | None
) -> Iterator[tuple[str, list[str]]]:
    for attribute in block.table.attributes:
        held = entry.values(attribute.name)
        usual = (only is None and held) or (only is not None and attribute.name in only)
        if usual and applies(block.table, entry, attribute):
            other = _other(unit, scope, attribute, held)
            if other:
                line = f"set {attribute.name} {' '.join(map(write_word, other))}"
                yield attribute.name, [line]
    for nested in entry.blocks():
        for row in nested.rows.values():
            head = [f"config {nested.table.path}", f"edit {write_word(row.key)}"]
            for what, lines in _changed(unit, scope, nested, row, None):
                yield f"{nested.table.path} {what}", [*head, *lines, "end"]


def _other(
    unit: Simulator, scope: str, attribute: Attribute, held: tuple[Word, ...]
) -> tuple[Word, ...]:
    """A value that the unit takes and that is not the one held; () for what nobody can compare."""
    texts = {word.text for word in held}
    if attribute.name in ("range", "source"):  # of a CA: the unit's own notes on how it came in
        return ()
    if attribute.kind == "option":
        now = texts or {attribute.default}
        return tuple(Word(each) for each in attribute.choices if each not in now)[:1]
    if attribute.kind in ("integer", "integers"):
        span = attribute.size if isinstance(attribute.size, tuple) else (1, 60)
        return (Word(str(next(n for n in range(span[0] + 1, span[1]) if str(n) not in texts))),)
    if attribute.kind in ("string", "strings"):
        return (Word("Drifted:1", True),)
    if attribute.kind in ("ref", "refs"):
        found = [key for path in attribute.refers for key in _keys(unit, scope, path)]
        # "all" first: any other name in a list of denied sources is a neighbour that may stay
        found.sort(key=lambda name: name != "all")
        return tuple(Word(each, True) for each in found if each not in texts)[:1]
    return ()


def _keys(unit: Simulator, scope: str, path: str) -> Iterator[str]:
    for each in dict.fromkeys((scope, "global", "")):
        block = unit.config.scopes.get(each, {}).get(path)
        yield from block.rows if block else ()
