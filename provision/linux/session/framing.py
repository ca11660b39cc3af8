"""Find the messages of our own programs in the output of a ban host.

A message is ``MARKER:WORD`` or ``MARKER:WORD:NUMBER`` and a line end, anywhere in an output. ``answer`` has
the number of bytes that follow. The marker is chosen anew for each exec, so no banner, password or file can
hold it.
"""

from __future__ import annotations

import re

# The longest message, in bytes without its marker, and the most messages of one program.
_LONGEST = 64
_MOST_MESSAGES = 20
# A word of this form may be a secret; a line of this length may be an answer.
_LIKE_A_SECRET = re.compile(r"[A-Za-z0-9_-]{32,}")
_LONGEST_LINE = 300


class Output:
    """One output of an exec, read message by message while it arrives."""

    def __init__(self, marker: str, largest: int) -> None:
        self.text = bytearray()
        self.said: list[tuple[str, str]] = []
        self.too_large = False
        self._largest = largest
        self._searched = 0
        self._start: int | None = None
        self._size = 0
        self._message = re.compile(rb"%s:([a-z]+)(?::([0-9.]{1,20}))?\r?\n" % marker.encode())

    def feed(self, chunk: bytes) -> None:
        """Add the bytes that have arrived."""
        self.text += chunk
        while self._start is None:
            match = self._message.search(self.text, self._searched)
            if match is None:
                length = self._message.pattern.find(b":") + _LONGEST
                self._searched = max(self._searched, len(self.text) - length)
                return
            self._searched = match.end()
            word, number = match[1].decode(), (match[2] or b"").decode()
            if len(self.said) < _MOST_MESSAGES:
                self.said.append((word, number))
            if word == "answer" and number.isdigit():
                self._start, self._size = match.end(), int(number)
                self.too_large = self._size > self._largest

    @property
    def is_whole(self) -> bool:
        """Return whether there is a complete answer."""
        return self._start is not None and len(self.text) >= self._start + self._size

    @property
    def answer(self) -> bytes | None:
        """Return the answer, or None while it is incomplete."""
        if self._start is None or not self.is_whole:
            return None
        return bytes(self.text[self._start : self._start + self._size])

    @property
    def other(self) -> str:
        """Return the text that is neither a message nor possibly a part of an answer."""
        text = bytes(self.text if self._start is None else self.text[: self._start])
        return self._message.sub(b"", text).decode("utf-8", "replace")


def make_harmless(text: str, most: int, last: bool = False) -> str:
    """Return the first (or last) ``most`` lines with text, without anything that may be secret."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return "\n".join(
        _LIKE_A_SECRET.sub("...", line)
        if len(line) <= _LONGEST_LINE
        else f"(a line of {len(line)} characters)"
        for line in (lines[-most:] if last else lines[:most])
    )
