"""The contexts that a CLI session has entered, and the answer to a line."""

from collections.abc import Callable
from dataclasses import dataclass, field

from tests.simulator.schema import Table, lenient
from tests.simulator.text import Word
from tests.simulator.tree import Block, Entry, Values

Words = tuple[Word, ...]


@dataclass(frozen=True)
class Reply:
    """The answer of the FortiGate to one line. `ask` is a y/n question, `then` what `y` does."""

    lines: tuple[str, ...] = ()
    close: bool = False
    ask: str = ""
    then: "Callable[[], Reply] | None" = None


@dataclass
class Frame:
    """One context. `kind` is "scope" (global or a VDOM), "vdoms", "table" or "entry".

    `block` is live at the top and part of the pending entry when nested; `entry` is a pending
    copy that `next` or `end` puts into `block`; `row` is true for a row, false for a single object.
    """

    label: str
    kind: str
    scope: str
    block: Block = field(default_factory=lambda: Block(lenient("")))
    entry: Entry = field(default_factory=Entry)
    row: bool = False

    @property
    def table(self) -> Table:
        """Return the schema of what is edited here."""
        return self.block.table

    def put(self, name: str, values: Values) -> None:
        """Store a value in the pending entry."""
        self.entry.put(self.table, name, values)
