"""The configuration a FortiGate holds: blocks, entries and their text.

A *block* is the text between `config <path>` and its `end`; an *entry* is one object: the row
of a table, or the single object of a block.
"""

import base64
import hashlib
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from tests.simulator.schema import Attribute, Table, lenient
from tests.simulator.text import Word, write_word

Values = tuple[Word, ...]
Cipher = Callable[[str], str]
NAMELESS = Word("")


@dataclass
class Entry:
    """One object. `items` keeps the order in which `show` prints; None marks a kept place."""

    key: Word = NAMELESS
    items: "dict[str, Values | Block | None]" = field(default_factory=dict)

    def copy(self) -> "Entry":
        """Return an entry whose changes leave this one as it is."""
        items = self.items.items()
        return Entry(self.key, {n: i.copy() if isinstance(i, Block) else i for n, i in items})

    def values(self, name: str) -> Values:
        """Return the words stored for attribute `name`, () when it is not set."""
        found = self.items.get(name)
        return found if isinstance(found, tuple) else ()

    def texts(self, name: str) -> tuple[str, ...]:
        """Return the values of `name` as plain text."""
        return tuple(word.text for word in self.values(name))

    def block(self, name: str) -> "Block | None":
        """Return the nested block `name`, None when there is none."""
        found = self.items.get(name)
        return found if isinstance(found, Block) else None

    def put(self, table: Table, name: str, item: "Values | Block") -> None:
        """Store an attribute or a nested block at its place in the order of `table`."""
        if name not in self.items:
            self._make_place(table, name)
        self.items[name] = item

    def _make_place(self, table: Table, name: str) -> None:
        wanted = table.order(name)
        later = [each for each in self.items if 0 <= wanted < table.order(each)]
        moved = list(self.items)[list(self.items).index(later[0]) :] if later else []
        self.items[name] = None
        for each in moved:
            self.items[each] = self.items.pop(each)

    def clear(self, name: str) -> None:
        """Forget the value of `name` but keep its place."""
        if name in self.items:
            self.items[name] = None

    def blocks(self) -> "Iterator[Block]":
        """Walk the nested blocks."""
        return (each for each in self.items.values() if isinstance(each, Block))


@dataclass
class Block:
    """The content of one `config` path. `kept` blocks are shown even when empty."""

    table: Table
    entry: Entry = field(default_factory=Entry)
    rows: dict[str, Entry] = field(default_factory=dict)
    kept: bool = False

    def copy(self) -> "Block":
        """Return a block whose changes leave this one as it is."""
        rows = {key: row.copy() for key, row in self.rows.items()}
        return Block(self.table, self.entry.copy(), rows, self.kept)

    @property
    def is_table(self) -> bool:
        """Return whether the block holds rows (a table) and not one single object."""
        return bool(self.table.key or self.rows)

    def entries(self) -> list[Entry]:
        """Return the rows, or the single object."""
        return list(self.rows.values()) if self.is_table else [self.entry]


def get_stored(entry: Entry, attribute: Attribute) -> tuple[str, ...]:
    """Return the effective values of `attribute`: what is set, else the default."""
    return entry.texts(attribute.name) or tuple(attribute.default.split())


def get_effective(table: Table, entry: Entry, name: str) -> tuple[str, ...]:
    """Return the effective values of attribute `name`; () when the version does not have it."""
    attribute = table.attribute(name)
    return get_stored(entry, attribute) if attribute else entry.texts(name)


def applies(table: Table, entry: Entry, attribute: Attribute) -> bool:
    """Return whether the FortiGate knows `attribute` for this type of entry."""
    name, *values = attribute.when or ("",)
    if table.attribute(name) is None:  # a version without the other attribute has no such choice
        return True
    return bool(set(get_effective(table, entry, name)) & set(values))


def write_random_blob(secret: str) -> str:
    """Write a secret as a blob that is different at every call, as FortiOS does."""
    return _make_blob(secrets.token_bytes(8), secret)


def write_stable_blob(secret: str) -> str:
    """Write a secret as a blob that is always the same, to compare texts in tests."""
    return _make_blob(
        hashlib.sha256(secret.encode("utf-8", "surrogateescape")).digest()[:8], secret
    )


def _make_blob(salt: bytes, secret: str) -> str:
    plain = secret.encode("utf-8", "surrogateescape")
    return base64.b64encode(b"SH2" + salt + _mask(salt, plain)).decode()


def _mask(salt: bytes, data: bytes) -> bytes:
    return bytes(byte ^ key for byte, key in zip(data, _make_stream(salt, len(data)), strict=True))


def _make_stream(salt: bytes, size: int) -> bytes:
    rounds = (hashlib.sha256(salt + bytes([n % 256])).digest() for n in range(size // 32 + 1))
    return b"".join(rounds)[:size]


def decipher(blob: str) -> str:
    """Return the secret of a blob written by this FortiGate; a foreign blob is taken as it is."""
    try:
        raw = base64.b64decode(blob, validate=True)
    except ValueError:
        return blob
    if not raw.startswith(b"SH2") or len(raw) < 11:
        return blob
    return _mask(raw[3:11], raw[11:]).decode("utf-8", "surrogateescape")


@dataclass(frozen=True)
class Writer:
    """Writes blocks as `show` (or `show full-configuration`, with `full`) prints them."""

    cipher: Cipher
    full: bool = False

    def block(self, block: Block, depth: int = 0, only: Entry | None = None) -> list[str]:
        """Write one block; `only` limits a table to one row."""
        pad = "    " * depth
        body = self._write_rows(block, depth, only) if block.is_table else []
        if not block.is_table or block.entry.items:
            body = self._write_entry(block.table, block.entry, depth + 1) + body
        return [f"{pad}config {block.table.path}", *body, f"{pad}end"]

    def _write_rows(self, block: Block, depth: int, only: Entry | None) -> list[str]:
        pad = "    " * (depth + 1)
        lines: list[str] = []
        for row in [only] if only else block.rows.values():
            body = self._write_entry(block.table, row, depth + 2)
            lines += [f"{pad}edit {write_word(row.key)}", *body, f"{pad}next"]
        return lines

    def _write_entry(self, table: Table, entry: Entry, depth: int) -> list[str]:
        complete = self._with_defaults(table, entry) if self.full else entry
        lines: list[str] = []
        for name, item in complete.items.items():
            if isinstance(item, Block):
                shown = item.entries() if item.is_table else item.entry.items
                lines += self.block(item, depth) if shown or item.kept else []
            elif item is not None:
                lines += self._write_attribute(table, entry, name, item, depth)
        return lines

    def _write_attribute(
        self, table: Table, entry: Entry, name: str, values: Values, depth: int
    ) -> list[str]:
        attribute = table.attribute(name)
        if attribute and not applies(table, entry, attribute):
            return []
        if attribute and not self.full and self._is_default(attribute, values):
            return []
        text = " ".join(self._write_word(word, values) for word in values)
        if not values:
            return [
                "    " * depth
                + (
                    f"set {name} ''"
                    if attribute and attribute.kind == "string"
                    else f"unset {name}"
                )
            ]
        return ["    " * depth + f"set {name} {text}"]

    def _is_default(self, attribute: Attribute, values: Values) -> bool:
        return tuple(word.text for word in values) == tuple(attribute.default.split())

    def _write_word(self, word: Word, values: Values) -> str:
        if len(values) > 1 and values[0] == Word("ENC") and word is values[1]:
            return self.cipher(word.text)
        return write_word(word)

    def _with_defaults(self, table: Table, entry: Entry) -> Entry:
        complete = Entry(entry.key, dict(entry.items))
        for attribute in table.attributes:
            if complete.items.get(attribute.name) is None and attribute.kind != "secret":
                values = tuple(
                    Word(text, is_quoted(attribute)) for text in attribute.default.split()
                )
                complete.put(table, attribute.name, values)
        return complete


def is_quoted(attribute: Attribute) -> bool:
    """Return whether `show` writes the values of this attribute in quotes."""
    return attribute.kind in ("string", "strings", "ref", "refs", "pem")


def new_block(path: str, tables: dict[str, Table]) -> Block:
    """Make the empty block of `path`; one that the catalog does not know takes every line."""
    return Block(tables.get(path) or lenient(path))


def nested_block(table: Table, entry: Entry, path: str) -> Block:
    """Return the nested block `path` of `entry`, made and put in place when it is not there."""
    found = entry.block(path)
    if found is None:
        found = Block(table.table(path) or replace(lenient(path), scope=table.scope))
        entry.put(table, path, found)
    return found


def make_key_word(table: Table, text: str) -> Word:
    """Return the key of a row as `show` writes it: names quoted, numbers bare."""
    bare = table.key == "integer" or (table.lenient and text.isdigit())
    return Word(text, not bare)
