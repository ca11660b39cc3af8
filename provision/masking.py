"""Secrets are masked by value: whatever spelling one takes on its way to an output, it is found there.

A field marked "secret" protects one field. A value that is known to be secret is looked for in every
text that leaves the program, so a diff, an exception of a library or a debug log cannot show it.
"""

from __future__ import annotations

import base64
import json
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, overload

from provision.plan import Change, SitePlan, TargetPlan
from provision.results import SiteResult, TargetResult

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


def escape(text: str, but: str = "\n\t") -> str:
    """Return ``text`` with control characters ``but`` these in the spelling of a string literal."""
    return "".join(c if c.isprintable() or c in but else repr(c)[1:-1] for c in text)


@overload
def masked(whole: SitePlan, secrets: Secrets) -> SitePlan: ...


@overload
def masked(whole: SiteResult, secrets: Secrets) -> SiteResult: ...


def masked(whole: SitePlan | SiteResult, secrets: Secrets) -> SitePlan | SiteResult:
    """Return ``whole`` with every secret masked that is not there by name anyway.

    The steps of a plan, and the CLI of a FortiGate, hold secrets by name only. They are left as they
    are: a value that a ban host chose must not hide a word of them.
    """
    if isinstance(whole, SitePlan):
        return replace(whole, targets=tuple(_plan(each, secrets) for each in whole.targets))
    return replace(whole, targets=tuple(_result(each, secrets) for each in whole.targets))


def _plan(plan: TargetPlan, secrets: Secrets) -> TargetPlan:
    return replace(
        plan,
        changes=_changes(plan.changes, secrets, plan.kind == "fortios"),
        error=secrets.mask(plan.error),
        notes=tuple(map(secrets.mask, plan.notes)),
        details=_details(plan.details, secrets),
    )


def _result(result: TargetResult, secrets: Secrets) -> TargetResult:
    by_name = result.kind == "fortios"
    new = result.new_plan
    return replace(
        result,
        changes=_changes(result.changes, secrets, by_name),
        error=secrets.mask(result.error),
        notes=tuple(map(secrets.mask, result.notes)),
        details=_details(result.details, secrets),
        new_plan=new if new is None else _changes(new, secrets, by_name),
        difference=result.difference if by_name else secrets.mask(result.difference),
    )


def _changes(changes: tuple[Change, ...], secrets: Secrets, by_name: bool) -> tuple[Change, ...]:
    return tuple(
        replace(
            each,
            diff=each.diff if by_name else secrets.mask(each.diff),
            reason=secrets.mask(each.reason),
        )
        for each in changes
    )


def _details(value: Mapping[str, Any], secrets: Secrets) -> dict[str, Any]:
    return {key: _masked(each, secrets) for key, each in value.items()}


def _masked(value: Any, secrets: Secrets) -> Any:
    if isinstance(value, str):
        return secrets.mask(value)
    if isinstance(value, dict):
        return {key: _masked(each, secrets) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_masked(each, secrets) for each in value]
    return value
