"""Secrets are masked by value: whatever spelling one takes on its way to an output, it is found there.

A field marked "secret" protects one field. A value that is known to be secret is looked for in every
text that leaves the program, so a diff, an exception of a library or a debug log cannot show it.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterator

MASK = "********"
# Shorter values would blank out ordinary words; check refuses them as passwords of ours.
SHORTEST = 4


def _spellings(value: str) -> Iterator[str]:
    yield value
    yield re.escape(value)
    yield json.dumps(value)[1:-1]
    yield value.replace("\\", "\\\\").replace('"', '\\"').replace("'", "\\'")
    yield repr(value)[1:-1]
    # base64 as in Basic authentication: the value may start at any of three offsets of a longer text
    raw = value.encode()
    for offset in range(3):
        whole = base64.b64encode(b"\0" * offset + raw).decode()
        head = {0: 0, 1: 2, 2: 3}[offset]
        tail = {0: 0, 1: 3, 2: 2}[(offset + len(raw)) % 3]
        middle = whole[head : len(whole) - tail] if tail else whole[head:]
        if len(middle) >= SHORTEST * 2:
            yield middle


class Secrets:
    """The secrets of one run, and the one function that hides them."""

    def __init__(self) -> None:
        self._spelt: set[str] = set()
        self._pattern: re.Pattern[str] | None = None

    def add(self, value: str) -> str:
        """Remember ``value`` as secret and hand it back, so that a call fits around its source."""
        if len(value) >= SHORTEST:
            self._spelt.update(_spellings(value))
            longest_first = sorted(self._spelt, key=len, reverse=True)
            self._pattern = re.compile("|".join(map(re.escape, longest_first)))
        return value

    def mask(self, text: str) -> str:
        """``text`` with every spelling of every known secret replaced by :data:`MASK`."""
        return self._pattern.sub(MASK, text) if self._pattern else text

    def masking(self, write: Callable[[str], None]) -> Callable[[str], None]:
        """``write`` behind the mask."""
        return lambda text: write(self.mask(text))
