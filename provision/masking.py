"""Mask secrets by value, in every spelling that they may take on the way to an output.

A field marked "secret" protects one field only. Known secret values are searched for in every text that
leaves the program, so that a diff, a library's exception or a debug log cannot show one.
"""

from __future__ import annotations

import base64
import json
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, TypeVar
from urllib.parse import quote, quote_plus

from banstitch_shared.visible import spell_hidden

from provision.plan import Change, SitePlan, TargetPlan
from provision.results import SiteResult, TargetResult

SiteMasked = TypeVar("SiteMasked", SitePlan, SiteResult)

MASK = "********"
# Shorter values would blank out ordinary words; check refuses them as passwords of ours.
SHORTEST = 4


def _list_spellings(value: str) -> Iterator[str]:
    yield value
    yield re.escape(value)
    yield json.dumps(value)[1:-1]
    yield value.replace("\\", "\\\\").replace('"', '\\"').replace("'", "\\'")
    yield value.replace("'", "'\"'\"'")  # as shlex.quote does
    # in a URL
    for spell in (quote, quote_plus):
        yield spell(value, errors="surrogatepass")
        yield spell(value, safe="", errors="surrogatepass")
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
        """Add ``value`` to the secrets and return it, so that a call fits around its source."""
        if value in self._values:
            return value
        # A text that is broken into lines breaks a secret of several lines, too.
        # A template may have stripped the blanks around it.
        lines = [value.strip(), *value.splitlines(), *map(str.strip, value.splitlines())]
        parts = {value, *filter(str.strip, lines)}
        parts = {part for part in parts if len(part) >= SHORTEST}
        with self._lock:
            self._spelt.update(*map(_list_spellings, parts))
            self._values.add(value)
        return value

    def mask(self, text: str) -> str:
        """Return ``text`` with every spelling of every known secret replaced by :data:`MASK`.

        Secrets that overlap are hidden together: nothing of either is left.
        """
        kept, end = [], 0
        for first, last in _merge(self._find_spans(text)):
            kept.append(text[end:first])
            end = last
        return MASK.join([*kept, text[end:]])

    def _find_spans(self, text: str) -> list[tuple[int, int]]:
        with self._lock:
            spelt = [spelling for spelling in self._spelt if spelling in text]
        spans = []
        for spelling in spelt:
            start = text.find(spelling)
            while start >= 0:
                spans.append((start, start + len(spelling)))
                start = text.find(spelling, start + 1)
        return sorted(spans)

    def wrap_writer(self, write: Callable[[str], None]) -> Callable[[str], None]:
        """Return ``write`` with its argument masked."""
        return lambda text: write(self.mask(text))


def _merge(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return sorted ``spans`` with overlapping ones merged."""
    merged: list[tuple[int, int]] = []
    for first, last in spans:
        if merged and first < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    return merged


def list_texts(value: object) -> Iterator[str]:
    """Yield each text and number in ``value`` that is long enough to be masked."""
    if isinstance(value, Mapping):
        value = [*value.keys(), *value.values()]
    if isinstance(value, list | tuple):
        for item in value:
            yield from list_texts(item)
    elif value is not None and not isinstance(value, bool) and len(str(value)) >= SHORTEST:
        yield str(value)


def escape(text: str, but: str = "\n\t") -> str:
    """Return ``text`` with hidden characters ``but`` these in the spelling of a string literal."""
    return spell_hidden(text, but)


def mask_plan(plan: SitePlan, secrets: Secrets) -> SitePlan:
    """Return ``plan`` with its secrets masked.

    The steps, and the CLI of a FortiGate, hold secrets by name only. They are left as they are: a value
    that a ban host chose must not hide a word of them.
    """
    targets = tuple(_mask_target_plan(target, secrets) for target in plan.targets)
    return replace(plan, targets=targets)


def mask_result(result: SiteResult, secrets: Secrets) -> SiteResult:
    """Return ``result`` with its secrets masked, as :func:`mask_plan` does."""
    targets = tuple(_mask_target_result(target, secrets) for target in result.targets)
    return replace(result, targets=targets)


def mask_site(site: SiteMasked, secrets: Secrets) -> SiteMasked:
    """Return a plan or a result with its secrets masked."""
    return mask_plan(site, secrets) if isinstance(site, SitePlan) else mask_result(site, secrets)


def _mask_target_plan(plan: TargetPlan, secrets: Secrets) -> TargetPlan:
    return replace(
        plan,
        changes=_mask_changes(plan.changes, secrets, plan.kind == "fortios"),
        error=secrets.mask(plan.error),
        notes=tuple(map(secrets.mask, plan.notes)),
        details=_mask_details(plan.details, secrets),
    )


def _mask_target_result(result: TargetResult, secrets: Secrets) -> TargetResult:
    by_name = result.kind == "fortios"
    new = result.new_plan
    return replace(
        result,
        changes=_mask_changes(result.changes, secrets, by_name),
        error=secrets.mask(result.error),
        notes=tuple(map(secrets.mask, result.notes)),
        details=_mask_details(result.details, secrets),
        new_plan=new if new is None else _mask_changes(new, secrets, by_name),
        difference=result.difference if by_name else secrets.mask(result.difference),
    )


def _mask_changes(
    changes: tuple[Change, ...], secrets: Secrets, by_name: bool
) -> tuple[Change, ...]:
    return tuple(
        replace(
            change,
            diff=change.diff if by_name else secrets.mask(change.diff),
            reason=secrets.mask(change.reason),
        )
        for change in changes
    )


def _mask_details(value: Mapping[str, Any], secrets: Secrets) -> dict[str, object]:
    return {key: _mask_value(item, secrets) for key, item in value.items()}


def _mask_value(value: Any, secrets: Secrets) -> Any:
    if isinstance(value, str):
        return secrets.mask(value)
    if isinstance(value, dict):
        return {key: _mask_value(item, secrets) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_mask_value(item, secrets) for item in value]
    return value
