"""The serial console of a simulated FortiGate: a terminal in this process, without SSH."""

from typing import TYPE_CHECKING

from tests.simulator.options import Options
from tests.simulator.terminal import Terminal
from tests.simulator.verbs import list_completions

if TYPE_CHECKING:
    from tests.simulator.simulator import Simulator


class Console:
    """A terminal in this process. `printed` is what it showed at first; `rows` 0 never pages."""

    def __init__(self, fortigate: "Simulator", rows: int, disclaimer: str) -> None:
        self._lock = fortigate.lock
        self._out = bytearray()
        self.session = fortigate.new_session()
        self._terminal = Terminal(
            self._out.extend,
            self.session.run,
            lambda: self.session.prompt,
            self.session.interrupt,
            lambda: fortigate.page(rows) if rows else 0,
            lambda line: list_completions(self.session, line),
            Options(continuation=fortigate.options.continuation),
        )
        self._terminal.start(disclaimer)
        self.printed = self._take()

    def _take(self) -> bytes:
        printed = bytes(self._out)
        self._out.clear()
        return printed

    def type(self, data: bytes) -> bytes:
        """Type bytes; return the bytes that the FortiGate printed."""
        with self._lock:
            self._terminal.feed(data)
        return self._take()

    @property
    def closed(self) -> bool:
        """Return whether the FortiGate ended the session."""
        return self._terminal.closed
