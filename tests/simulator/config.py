"""The whole configuration of a FortiGate: one set of blocks, or one per scope on a multi-VDOM FortiGate."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.simulator import factory
from tests.simulator.loader import Loader, Statement, fill, statements
from tests.simulator.schema import Table, Version
from tests.simulator.text import Word
from tests.simulator.tree import Block, Entry, Writer, get_effective

Blocks = dict[str, Block]
GLOBAL = "global"


@dataclass
class Config:
    """Blocks by scope. Without VDOMs everything is in the scope "" (and `multi` is False)."""

    tables: dict[str, Table]
    scopes: dict[str, Blocks] = field(default_factory=dict)

    def copy(self) -> "Config":
        """Return a configuration whose changes leave this one as it is."""
        copies = {
            scope: {path: block.copy() for path, block in blocks.items()}
            for scope, blocks in self.scopes.items()
        }
        return Config(self.tables, copies)

    @property
    def multi(self) -> bool:
        """Return whether the FortiGate has VDOMs."""
        return GLOBAL in self.scopes

    @property
    def vdoms(self) -> tuple[str, ...]:
        """Return the names of the VDOMs ("root" on a FortiGate without)."""
        return tuple(name for name in self.scopes if name != GLOBAL) if self.multi else ("root",)

    def add_vdom(self, name: str) -> None:
        """Create an empty VDOM."""
        tables = {p: t for p, t in self.tables.items() if t.scope != "global"}
        self.scopes[name] = fill({}, tables)

    def block(self, path: str, scope: str) -> Block | None:
        """Return the block of `path` as seen from `scope`: its own first, then the global one."""
        for name in (scope, GLOBAL, ""):
            found = self.scopes.get(name, {}).get(path)
            if found is not None:
                return found
        return None

    def find(self, path: str, key: str, scope: str) -> Entry | None:
        """Return the row `key` of table `path` as seen from `scope`, the global rows included."""
        for name in dict.fromkeys((scope, GLOBAL, "")):
            block = self.scopes.get(name, {}).get(path)
            if block and key in block.rows:
                return block.rows[key]
        return None

    def exists(self, path: str, key: str, scope: str) -> bool:
        """Return whether a reference to `key` of `path` is good in `scope`."""
        if path == "system vdom":
            return key in self.vdoms
        if path == "system interface" and key == "any":
            return True
        return self.find(path, key, scope) is not None

    def users(self, path: str, key: str, scope: str) -> int:
        """Count the objects that refer to row `key` of table `path`."""
        seen = self.scopes.items() if scope in (GLOBAL, "") else [(scope, self.scopes[scope])]
        return sum(
            _count_references(block.table, entry, path, key)
            for _, blocks in seen
            for block in blocks.values()
            for entry in block.entries()
        )

    def rename(self, path: str, old: str, new: str) -> None:
        """Change every reference to `old` of `path` into `new`."""
        for blocks in self.scopes.values():
            for block in blocks.values():
                _rename(block, path, old, new)

    def text(self, writer: Writer) -> list[str]:
        """Write everything as a full `show` prints it, header lines left out."""
        if not self.multi:
            return _write_blocks(writer, self.scopes[""])
        lines = ["", "config vdom"]
        for name in self.vdoms:
            lines += [f"edit {name}", "next"]
        lines += ["end", "", "config global", *_write_blocks(writer, self.scopes[GLOBAL]), "end"]
        for name in self.vdoms:
            body = _write_blocks(writer, self.scopes[name])
            lines += ["", "config vdom", f"edit {name}", *body, "end"]
        return lines


def _write_blocks(writer: Writer, blocks: Blocks) -> list[str]:
    lines: list[str] = []
    for block in blocks.values():
        body = writer.block(block)
        if block.kept or len(body) > 2:
            lines += body
    return lines


def _count_references(table: Table, entry: Entry, path: str, key: str) -> int:
    own = sum(
        key in entry.texts(attribute.name)
        for attribute in table.attributes
        if path in attribute.refers
    )
    nested = sum(
        _count_references(block.table, row, path, key)
        for block in entry.blocks()
        for row in block.entries()
    )
    return int(bool(own + nested))


def _rename(block: Block, path: str, old: str, new: str) -> None:
    for entry in block.entries():
        for attribute in block.table.attributes:
            words = entry.values(attribute.name)
            if path in attribute.refers and Word(old, True) in words:
                renamed = tuple(Word(new, True) if w.text == old else w for w in words)
                entry.items[attribute.name] = renamed
        for nested in entry.blocks():
            _rename(nested, path, old, new)


def new_uuid() -> str:
    """Make a uuid as the FortiGate does for a new object."""
    return str(uuid.uuid1())


def value(block: Block | None, name: str) -> str:
    """Return the effective value of an attribute of a single object, "" when there is none."""
    return " ".join(get_effective(block.table, block.entry, name)) if block else ""


def build(
    tables: dict[str, Table],
    text: str,
    hostname: str,
    ports: tuple[str, str],
    vdoms: tuple[str, ...],
    version: Version,
) -> Config:
    """Build the configuration of a FortiGate: `text` as loaded, or the factory's.

    Raises ValueError where `text` is no configuration.
    """
    config = Config(tables)
    if text:
        _load(config, Loader(tables), statements(text))
        return config
    names = {"{hostname}": hostname, "{wan}": ports[0], "{lan}": ports[1]}
    whole, part = factory.GLOBAL, factory.vdom(version)
    for mark, name in names.items():
        whole, part = whole.replace(mark, name), part.replace(mark, name)
    for old, new in zip(("port1", "port2"), ports, strict=True):
        whole = whole.replace(f'"{old}"', f'"{new}"')
    loader = Loader(tables, drop=True)
    if not vdoms:
        _fill(config, "", loader, whole + part)
        return config
    _fill(config, GLOBAL, loader, whole)
    for name in dict.fromkeys(("root", *vdoms)):
        _fill(config, name, loader, part)
    return config


def _fill(config: Config, scope: str, loader: Loader, text: str) -> None:
    blocks: Blocks = {}
    loader.load(statements(text), blocks)
    _complete(config, scope, blocks)


def _complete(config: Config, scope: str, blocks: Blocks) -> None:
    unwanted = {"": "", GLOBAL: "vdom"}.get(scope, "global")
    tables = {p: t for p, t in config.tables.items() if t.scope != unwanted}
    config.scopes[scope] = fill(blocks, tables)


def _load(config: Config, loader: Loader, source: Iterator[Statement]) -> None:
    """Load a whole file: plain, or with `config vdom` and `config global` around its parts."""
    plain: Blocks = {}
    scopes: dict[str, Blocks] = {}
    for verb, words in source:
        head = words[0].text if words else ""
        if verb == "config" and head == "vdom" and len(words) == 1:
            _load_vdoms(loader, source, scopes)
        elif verb == "config" and head == "global" and len(words) == 1:
            loader.load(source, scopes.setdefault(GLOBAL, {}))
        else:
            loader.load(_read_block((verb, words), source), plain)
    for scope, blocks in (scopes or {"": plain}).items():
        _complete(config, scope, blocks)


def _load_vdoms(loader: Loader, source: Iterator[Statement], scopes: dict[str, Blocks]) -> None:
    for verb, words in source:
        if verb == "end":
            return
        if verb == "edit":
            ended = _load_vdom(loader, source, scopes.setdefault(words[0].text, {}))
            if ended:
                return


def _load_vdom(loader: Loader, source: Iterator[Statement], blocks: Blocks) -> bool:
    for verb, words in source:
        if verb in ("next", "end"):
            return verb == "end"
        loader.load(_read_block((verb, words), source), blocks)
    return True


def _read_block(first: Statement, source: Iterator[Statement]) -> Iterator[Statement]:
    depth = 0
    for statement in _join(first, source):
        depth += {"config": 1, "end": -1}.get(statement[0], 0)
        yield statement
        if depth == 0:
            return


def _join(first: Statement, rest: Iterator[Statement]) -> Iterator[Statement]:
    yield first
    for each in rest:  # noqa: UP028 - `yield from` would close `rest` together with this one
        yield each
