"""A journal of every line typed over SSH, and of how often a client waited for an answer."""

import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Line:
    """One line received. `context` is what the prompt showed in brackets, "" at the top.

    `changes` is true if the line could change the FortiGate; `errors` is what the FortiGate answered when
    it refused.
    """

    session: int
    context: str
    text: str
    changes: bool
    errors: tuple[str, ...] = ()


_ERROR = re.compile(
    r"Unknown action|command parse error|Command fail|incomplete command|value parse error"
    r"|ambiguous command|not found in|discard the setting|node_check_object fail|token line"
    r"|Attribute '.*' MUST be|entry is not found|Duplicated"
)


def errors_in(lines: tuple[str, ...], text: str) -> tuple[str, ...]:
    """Return the lines of an answer that are a refusal; output of `show` and `get` is none."""
    if text.split(" ", 1)[0][:2] in ("sh", "ge") and len(lines) > 3:
        return ()
    return tuple(line for line in lines if _ERROR.match(line))


@dataclass
class Journal:
    """Lines and waits, by session number. Safe to read while sessions run."""

    _lines: list[Line] = field(default_factory=list)
    _exchanges: dict[int, int] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __iter__(self) -> Iterator[Line]:
        """Walk a copy of the lines."""
        with self._lock:
            return iter(list(self._lines))

    def __len__(self) -> int:
        """Count the lines."""
        return len(self._lines)

    def add(self, line: Line) -> None:
        """Remember one line."""
        with self._lock:
            self._lines.append(line)

    def waited(self, session: int) -> None:
        """Count one moment at which input came after a prompt or pager had been printed."""
        with self._lock:
            self._exchanges[session] = self._exchanges.get(session, 0) + 1

    def exchanges(self, session: int | None = None) -> int:
        """Return how often a client waited for the FortiGate: in one session, or in all."""
        with self._lock:
            if session is not None:
                return self._exchanges.get(session, 0)
            return sum(self._exchanges.values())

    @property
    def sessions(self) -> tuple[int, ...]:
        """Return the numbers of the sessions that typed something."""
        return tuple(dict.fromkeys(line.session for line in self))

    def changing(self) -> list[Line]:
        """Return the lines that could have changed the FortiGate."""
        return [line for line in self if line.changes]

    def clear(self) -> None:
        """Forget everything seen so far."""
        with self._lock:
            self._lines.clear()
            self._exchanges.clear()
