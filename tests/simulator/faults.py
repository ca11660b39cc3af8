"""Faults of a link or a FortiGate, injected while the simulator runs."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Notice:
    """A message that the FortiGate prints by itself, as on a console (log messages, HA, shutdown).

    `at` is a regex of the line in whose answer it comes, "^$" for the login. `where`: "before" glues
    it to the front of the prompt, "within" tears the prompt, "behind" prints it after the prompt,
    which is not drawn again, "redrawn" does draw it again, "echo" puts it between the echo and the
    answer, "inside" in the middle of the answer as a line of its own.
    """

    text: str
    where: str = "before"
    at: str = ""


@dataclass
class Faults:
    """Faults injected over SSH. A drop happens once and then clears itself.

    `drop_after_line` counts the lines of all sessions from the moment it is set; the connection is
    cut after that line was obeyed and before it is answered. `drop_at` (a regex) cuts before the
    line is obeyed. `errors` maps a regex to the text answered in place of obeying; `refuse_once` does
    so once, `refuse_in_transaction` only while a transaction is open. Open transactions expire before
    a line that matches `expire_transactions_at`. `line_delay`
    and `latency` are seconds: before each line, and before each burst of input. `rewrite` gives the
    pieces that are sent in place of each burst of output. `notices` are printed once each.
    """

    drop_after_line: int | None = None
    drop_at: str | None = None
    errors: dict[str, str] = field(default_factory=dict)
    refuse_once: dict[str, str] = field(default_factory=dict)
    refuse_in_transaction: dict[str, str] = field(default_factory=dict)
    expire_transactions_at: str = ""
    line_delay: float = 0.0
    latency: float = 0.0
    rewrite: Callable[[bytes], Iterable[bytes]] | None = None
    notices: list[Notice] = field(default_factory=list)

    def notice_for(self, line: str) -> Notice | None:
        """Return the notice that comes with the answer to `line`, and forget it."""
        found = next((each for each in self.notices if re.search(each.at, line)), None)
        if found:
            self.notices.remove(found)
        return found

    def find_error(self, line: str, in_transaction: bool) -> str | None:
        """Return the error to answer to `line`, None if it is to be obeyed."""
        for pattern, error in self.refuse_once.items():
            if re.search(pattern, line):
                del self.refuse_once[pattern]
                return error
        errors = {**self.errors, **(self.refuse_in_transaction if in_transaction else {})}
        return next((error for pattern, error in errors.items() if re.search(pattern, line)), None)

    def expires_transactions(self, line: str) -> bool:
        """Return whether open transactions expire before `line`."""
        return bool(self.expire_transactions_at and re.search(self.expire_transactions_at, line))

    def drops_before(self, text: str) -> bool:
        """Return whether to cut the connection instead of obeying `text`."""
        if self.drop_at is None or not re.search(self.drop_at, text):
            return False
        self.drop_at = None
        return True

    def drops_after(self) -> bool:
        """Count one obeyed line; return whether to cut the connection now."""
        if self.drop_after_line is None:
            return False
        self.drop_after_line -= 1
        if self.drop_after_line > 0:
            return False
        self.drop_after_line = None
        return True
