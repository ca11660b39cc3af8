"""Read configuration text, as a FortiGate prints it, into blocks.

A loaded file may name tables and attributes beyond the catalog: they are kept as they are. The
factory text is the other way round: one text for all versions, of which a version keeps its part.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from tests.simulator.schema import Attribute, Table
from tests.simulator.text import Split, Word, split, write_word
from tests.simulator.tree import (
    Block,
    Entry,
    Values,
    decipher,
    is_quoted,
    nested_block,
    new_block,
)

Statement = tuple[str, tuple[Word, ...]]


def statements(text: str) -> Iterator[Statement]:
    """Cut text into (verb, words), joining the lines of a value that spans several.

    Raises ValueError with the line number for a quote that is never closed.
    """
    pending, start = "", 0
    for number, line in enumerate(text.replace("\r\n", "\n").split("\n"), 1):
        if not pending and (not line.strip() or line.lstrip().startswith("#")):
            continue
        start = start if pending else number
        pending = f"{pending}\n{line}" if pending else line
        cut: Split = split(pending)
        if cut.open:
            continue
        pending = ""
        yield cut.words[0].text, cut.words[1:]
    if pending:
        raise ValueError(f"line {start}: a quote is opened here and never closed")


@dataclass(frozen=True)
class Loader:
    """Loads text into blocks by the tables of one version; `drop` discards what it lacks."""

    tables: dict[str, Table]
    drop: bool = False

    def load(self, source: Iterator[Statement], blocks: dict[str, Block]) -> None:
        """Read `config ... end` blocks up to the end of `source` or an `end` or `next` of an
        outer scope, into `blocks`."""
        for verb, words in source:
            if verb in ("end", "next"):
                return
            if verb != "config" or not words:
                raise ValueError(f"{verb!r} is outside of any config block")
            path = " ".join(write_word(word) for word in words)
            block = blocks.setdefault(path, new_block(path, self.tables))
            block.kept = not self.drop
            self._load_block(source, block, self.drop and path not in self.tables)
            if self.drop and path not in self.tables:
                del blocks[path]

    def _load_block(self, source: Iterator[Statement], block: Block, ignored: bool) -> None:
        table = block.table
        for verb, words in source:
            if verb == "end":
                return
            if verb == "edit":
                key = words[0] if table.lenient else Word(words[0].text, table.key != "integer")
                row = block.rows.setdefault(key.text, Entry(key))
                self._load_row(source, table, row)
            else:
                self._load_line(source, table, block.entry, verb, words)
        if not ignored:
            raise ValueError(f"config {table.path} has no end")

    def _load_row(self, source: Iterator[Statement], table: Table, row: Entry) -> None:
        for verb, words in source:
            if verb == "next":
                return
            self._load_line(source, table, row, verb, words)

    def _load_line(
        self,
        source: Iterator[Statement],
        table: Table,
        entry: Entry,
        verb: str,
        words: tuple[Word, ...],
    ) -> None:
        name = " ".join(write_word(word) for word in words) if verb == "config" else words[0].text
        known = table.lenient or table.table(name) or table.attribute(name)
        if verb == "config":
            self._load_nested(source, table, entry, name, bool(known))
        elif known or not self.drop:
            values = words[1:] if verb == "set" else ()
            _append(entry, name, _keep_values(table.attribute(name), values))

    def _load_nested(
        self, source: Iterator[Statement], table: Table, entry: Entry, name: str, known: bool
    ) -> None:
        if known or not self.drop:
            block = nested_block(table, entry, name)
            entry.items[name] = entry.items.pop(name)
            block.kept = not self.drop
            self._load_block(source, block, False)
        else:
            self._load_block(source, new_block(name, {}), True)


def _append(entry: Entry, name: str, values: Values) -> None:
    entry.items.pop(name, None)
    entry.items[name] = values


def _keep_values(attribute: Attribute | None, values: tuple[Word, ...]) -> Values:
    """Keep values as written, except secrets (stored in clear) and the quotes of known kinds."""
    if len(values) == 2 and values[0] == Word("ENC"):
        return values[0], Word(decipher(values[1].text))
    if attribute is None or attribute.kind == "any":
        return values
    return tuple(Word(word.text, is_quoted(attribute)) for word in values)


def fill(blocks: dict[str, Block], tables: dict[str, Table]) -> dict[str, Block]:
    """Add the tables of the catalog that `blocks` lacks, each at its place in the order."""
    ordered = list(blocks)
    place = 0
    for path in tables:
        if path in ordered:
            place = ordered.index(path) + 1
        else:
            ordered.insert(place, path)
            place += 1
    return {path: blocks.get(path) or new_block(path, tables) for path in ordered}
