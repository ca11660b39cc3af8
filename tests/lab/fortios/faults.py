"""Injection of what goes wrong on a real link or unit, switched while the unit runs."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field


@dataclass
class Faults:
    """What goes wrong on purpose, over SSH. Drops happen once and then clear themselves.

    `drop_after_line` counts the lines of all sessions from the moment it is set; the connection is
    cut after that line was obeyed and before it is answered. `drop_at` (a regex) cuts before the
    line is obeyed. `errors` maps a regex to the text answered in place of obeying. `line_delay`
    and `latency` are seconds: before each line, and before each burst of input. `rewrite` gives the
    pieces that are sent in place of each burst of output.
    """

    drop_after_line: int | None = None
    drop_at: str | None = None
    errors: dict[str, str] = field(default_factory=dict)
    line_delay: float = 0.0
    latency: float = 0.0
    rewrite: Callable[[bytes], Iterable[bytes]] | None = None

    def error_for(self, text: str) -> str | None:
        """Give the error to answer to `text`, None when it is to be obeyed."""
        return next((e for pattern, e in self.errors.items() if re.search(pattern, text)), None)

    def drops_before(self, text: str) -> bool:
        """Tell whether to cut the connection instead of obeying `text`."""
        if self.drop_at is None or not re.search(self.drop_at, text):
            return False
        self.drop_at = None
        return True

    def drops_after(self) -> bool:
        """Count one obeyed line; tell whether to cut the connection now."""
        if self.drop_after_line is None:
            return False
        self.drop_after_line -= 1
        if self.drop_after_line > 0:
            return False
        self.drop_after_line = None
        return True
