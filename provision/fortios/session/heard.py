"""Collect the output of a FortiGate in one exchange, cleaned line by line, so that the work stays linear."""

from __future__ import annotations

from collections.abc import Callable

from provision.fortios.session import prompts

# Characters at the end of a text that are enough to know a prompt, a question or a pager.
END = 512
# A text up to this length is looked at whenever a piece arrives: it is cheap.
SHORT = 16384
# A longer text is looked at whenever it has grown by this part of itself ...
GROWTH = 8
# ... and whenever it ends in a prompt, so often in one exchange.
PROMPTS = 64


class Heard:
    """The text of one exchange. ``size`` counts the characters received, ``line`` those behind the
    last line end. ``clean`` turns received characters into text; it must work line by line."""

    def __init__(self, clean: Callable[[str], str] = prompts.clean) -> None:
        self.size = self.line = 0
        self._clean = clean
        self._done: list[str] = []
        self._pieces: list[str] = []
        self._end = ""
        self._text: str | None = ""
        self._looked_at = self._prompts = 0

    def add(self, piece: str) -> None:
        """Take the next characters."""
        self.size += len(piece)
        self._text = None
        self._end = (self._end + piece)[-END:]
        head, line_end, rest = piece.rpartition("\n")
        if line_end:
            self._done.append(self._clean("".join((*self._pieces, head, line_end))))
            self._pieces, self.line = [], 0
        self._pieces.append(rest)
        self.line += len(rest)

    def text(self) -> str:
        """Return all that was said, cleaned."""
        if self._text is None:
            self._done = ["".join(self._done)]
            self._text = self._done[0] + self._clean("".join(self._pieces))
        return self._text

    def waits_for_page(self) -> bool:
        """Check whether a pager stands at the end."""
        return prompts.waits_for_page(self._end)

    def is_due(self, quiet: bool, at_prompt: Callable[[str], object]) -> bool:
        """Check whether looking at the whole text is worth its cost now.

        ``quiet``: nothing came for a moment. ``at_prompt``: whether a text ends in a prompt.
        """
        due = quiet or self.size <= SHORT or self.size >= self._looked_at * (1 + 1 / GROWTH)
        if not due and self._prompts < PROMPTS and at_prompt(self._clean(self._end)):
            self._prompts += 1
            due = True
        if due:
            self._looked_at = self.size
        return due
