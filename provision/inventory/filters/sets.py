"""Filters on lists: as sets, and several lists together."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any

from provision.inventory.sandbox import check_size


def _distinct(items: Iterable[Any], key: Callable[[Any], Any]) -> list[Any]:
    """Return the items without repetitions, each where it stands first."""
    seen: set[Any] = set()
    unhashable: list[Any] = []
    result = []
    for item in items:
        mark = key(item)
        try:
            new = mark not in seen
            seen.add(mark)
        except TypeError:
            new = mark not in unhashable
            unhashable.append(mark)
        if new:
            result.append(item)
    return result


def unique(
    value: Iterable[Any], case_sensitive: bool = False, attribute: str | None = None
) -> list[Any]:
    """Return the items without repetitions."""

    def key(item: Any) -> Any:
        for step in attribute.split(".") if attribute else ():
            item = item[step] if isinstance(item, Mapping) else item[int(step)]
        return item.lower() if not case_sensitive and isinstance(item, str) else item

    return _distinct(value, key)


def _same(item: Any) -> Any:
    return item


def _members(items: Iterable[Any]) -> Collection[Any]:
    """Return the items as a set, which is quick, or as a list where one cannot stand in a set."""
    every = list(items)
    try:
        return set(every)
    except TypeError:
        return every


def _is_in(item: Any, inside: Collection[Any]) -> bool:
    try:
        return item in inside
    except TypeError:  # it cannot stand in a set, so it does not
        return False


def union(one: Iterable[Any], other: Iterable[Any]) -> list[Any]:
    """Return the items of both lists, each once."""
    return _distinct([*one, *other], _same)


def intersect(one: Iterable[Any], other: Iterable[Any]) -> list[Any]:
    """Return the items that stand in both lists, each once."""
    inside = _members(other)
    return _distinct([item for item in one if _is_in(item, inside)], _same)


def difference(one: Iterable[Any], other: Iterable[Any]) -> list[Any]:
    """Return the items of the first list that the other lacks, each once."""
    inside = _members(other)
    return _distinct([item for item in one if not _is_in(item, inside)], _same)


def symmetric_difference(one: Iterable[Any], other: Iterable[Any]) -> list[Any]:
    """Return the items that only one of the lists has."""
    first, second = list(one), list(other)
    return difference(union(first, second), intersect(first, second))


def product(*values: Iterable[Any], repeat: int = 1) -> list[Any]:
    """Return each choice of one item of every list."""
    check_size(len(values) * repeat * 1000)
    return _bounded(itertools.product(*values, repeat=repeat))


def _bounded(groups: Iterator[tuple[Any, ...]]) -> list[Any]:
    """Return the groups, and stop as soon as they are too many together."""
    size, found = 0, []
    for group in groups:
        size += 1 + len(group)
        check_size(size)
        found.append(group)
    return found


FILTERS: dict[str, Callable[..., Any]] = {
    "combinations": lambda value, size: _bounded(itertools.combinations(list(value), size)),
    "difference": difference,
    "intersect": intersect,
    "permutations": lambda value, size=None: _bounded(itertools.permutations(list(value), size)),
    "product": product,
    "symmetric_difference": symmetric_difference,
    "union": union,
    "unique": unique,
    "zip": lambda *values: list(zip(*values, strict=False)),
    "zip_longest": lambda *values, fillvalue=None: list(
        itertools.zip_longest(*values, fillvalue=fillvalue)
    ),
}
