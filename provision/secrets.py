"""Secrets are masked by value: whatever spelling one takes on its way to an output, it is found there.

A field marked "secret" protects one field. A value that is known to be secret is looked for in every
text that leaves the program, so a diff, an exception of a library or a debug log cannot show it.
"""

from __future__ import annotations

import base64
import json
import re
import threading
from collections.abc import Callable, Iterable, Iterator

MASK = "********"
# Shorter values would blank out ordinary words; check refuses them as passwords of ours.
SHORTEST = 4


def _spellings(value: str) -> Iterator[str]:
    yield value
    yield re.escape(value)
    yield json.dumps(value)[1:-1]
    yield value.replace("\\", "\\\\").replace('"', '\\"').replace("'", "\\'")
    yield repr(value)[1:-1]
    yield repr(value.encode("utf-8", "surrogatepass"))[2:-1]
    # base64 as in Basic authentication: the value may start at any of three offsets of a longer text
    raw = value.encode("utf-8", "surrogatepass")
    for offset in range(3):
        whole = base64.b64encode(b"\0" * offset + raw).decode()
        head = {0: 0, 1: 2, 2: 3}[offset]
        tail = {0: 0, 1: 3, 2: 2}[(offset + len(raw)) % 3]
        middle = whole[head : len(whole) - tail] if tail else whole[head:]
        if len(middle) >= SHORTEST * 2:
            yield middle


class Secrets:
    """The secrets of one run, and the one function that hides them. Several threads may use it."""

    def __init__(self, values: Iterable[str] = ()) -> None:
        self._values: set[str] = set()
        self._spelt: set[str] = set()
        self._lock = threading.Lock()
        for value in values:
            self.add(value)

    def values(self) -> tuple[str, ...]:
        """Return the secrets known so far, for the mask of another process."""
        with self._lock:
            return tuple(sorted(self._values))

    def add(self, value: str) -> str:
        """Remember ``value`` as secret and hand it back, so that a call fits around its source."""
        with self._lock:
            self._values.add(value)
        # A text that is broken into lines breaks a secret of several lines, too.
        for part in {value, *value.splitlines()}:
            if len(part) >= SHORTEST:
                with self._lock:
                    self._spelt.update(_spellings(part))
        return value

    def mask(self, text: str) -> str:
        """``text`` with every spelling of every known secret replaced by :data:`MASK`.

        Secrets that overlap are hidden together: nothing of either is left.
        """
        kept, end = [], 0
        for first, last in _merged(self._spans(text)):
            kept.append(text[end:first])
            end = last
        return MASK.join([*kept, text[end:]])

    def _spans(self, text: str) -> list[tuple[int, int]]:
        with self._lock:
            spelt = [spelling for spelling in self._spelt if spelling in text]
        found = []
        for spelling in spelt:
            start = text.find(spelling)
            while start >= 0:
                found.append((start, start + len(spelling)))
                start = text.find(spelling, start + 1)
        return sorted(found)

    def masking(self, write: Callable[[str], None]) -> Callable[[str], None]:
        """``write`` behind the mask."""
        return lambda text: write(self.mask(text))


def _merged(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Sorted ``spans``, those that overlap as one."""
    merged: list[tuple[int, int]] = []
    for first, last in spans:
        if merged and first < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    return merged
