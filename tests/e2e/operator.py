"""An operator at a terminal: types what a program asks for, and sees all that it prints."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import termios
import time
from collections.abc import Sequence
from typing import Self

PATIENCE = 120.0


class Operator:
    """A program on a terminal of its own, for the length of a ``with`` block; ``seen`` is all it printed."""

    def __init__(self, argv: Sequence[str]) -> None:
        self.seen = ""
        self._argv = argv

    def __enter__(self) -> Self:
        self._terminal, theirs = pty.openpty()
        termios.tcsetwinsize(theirs, (50, 200))
        # Ctrl-C and a question for a secret need a terminal that controls the program. A test run in
        # the background ignores Ctrl-C, and what it starts would inherit that.
        prefix = ["env", "--default-signal=INT", "setsid", "--ctty", "--wait"]
        argv = [*prefix, *self._argv]
        self._program = subprocess.Popen(argv, stdin=theirs, stdout=theirs, stderr=theirs)
        os.close(theirs)
        return self

    def __exit__(self, *_: object) -> None:
        if self._program.poll() is None:
            self._program.send_signal(signal.SIGKILL)
            self._program.wait()
        os.close(self._terminal)

    def sees(self, text: str) -> None:
        """Wait until ``text`` was printed behind what was awaited before."""
        start, until = self._mark(), time.monotonic() + PATIENCE
        while text not in self.seen[start:]:
            assert time.monotonic() < until, f"no {text!r} in {self.seen!r}"
            assert self._read(), f"no {text!r} in {self.seen!r}"
        self._awaited = self.seen.index(text, start) + len(text)

    _awaited = 0

    def _mark(self) -> int:
        return self._awaited

    def _read(self) -> bool:
        """Take what comes within a moment; return whether more can come."""
        if not select.select([self._terminal], [], [], 1.0)[0]:
            return True
        try:
            data = os.read(self._terminal, 65536)
        except OSError:  # Linux: nobody has the other end any more
            return False
        self.seen += data.decode("utf-8", "replace")
        return bool(data)

    def types(self, text: str) -> None:
        """Type keys; Enter is `\\n`, Ctrl-C `\\x03`."""
        os.write(self._terminal, text.encode())

    @property
    def echoes(self) -> bool:
        """Whether the terminal shows what is typed."""
        return bool(termios.tcgetattr(self._terminal)[3] & termios.ECHO)

    def ends(self) -> int:
        """Wait for the end; return the exit code."""
        until = time.monotonic() + PATIENCE
        while self._read():
            assert time.monotonic() < until, f"no end: {self.seen!r}"
        return self._program.wait(PATIENCE)
