"""Filters that treat lists as sets, and filters that combine lists."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any

from provision.inventory.sandbox import check_size


def _deduplicate(items: Iterable[Any], get_key: Callable[[Any], Any]) -> list[Any]:
    """Return the items without repetitions, each at its first position."""
    seen: set[Any] = set()
    unhashable: list[Any] = []
    result = []
    for item in items:
        mark = get_key(item)
        try:
            new = mark not in seen
            seen.add(mark)
        except TypeError:
            new = mark not in unhashable
            unhashable.append(mark)
        if new:
            result.append(item)
    return result


def find_unique(
    value: Iterable[Any], case_sensitive: bool = False, attribute: str | None = None
) -> list[Any]:
    """Return the items of a list without repetitions (`unique`)."""

    def get_key(item: Any) -> Any:
        for step in attribute.split(".") if attribute else ():
            item = item[step] if isinstance(item, Mapping) else item[int(step)]
        return item.lower() if not case_sensitive and isinstance(item, str) else item

    return _deduplicate(value, get_key)


def _get_same(item: Any) -> Any:
    return item


def _collect_members(items: Iterable[Any]) -> Collection[Any]:
    """Return the items as a set, which is fast, or as a list if one of them is not hashable."""
    listed = list(items)
    try:
        return set(listed)
    except TypeError:
        return listed


def _is_in(item: Any, inside: Collection[Any]) -> bool:
    try:
        return item in inside
    except TypeError:  # an unhashable item is in no set
        return False


def combine_lists(one: Iterable[Any], other: Iterable[Any]) -> list[Any]:
    """Return the items of both lists, each once (`union`)."""
    return _deduplicate([*one, *other], _get_same)


def find_shared(one: Iterable[Any], other: Iterable[Any]) -> list[Any]:
    """Return the items that are in both lists, each once (`intersect`)."""
    inside = _collect_members(other)
    return _deduplicate([item for item in one if _is_in(item, inside)], _get_same)


def subtract(one: Iterable[Any], other: Iterable[Any]) -> list[Any]:
    """Return the items of the first list that are not in the other, each once (`difference`)."""
    inside = _collect_members(other)
    return _deduplicate([item for item in one if not _is_in(item, inside)], _get_same)


def find_unshared(one: Iterable[Any], other: Iterable[Any]) -> list[Any]:
    """Return the items that are in only one of the lists (`symmetric_difference`)."""
    first, second = list(one), list(other)
    return subtract(combine_lists(first, second), find_shared(first, second))


def build_product(*values: Iterable[Any], repeat: int = 1) -> list[Any]:
    """Return all combinations of one item from each list (`product`)."""
    check_size(len(values) * repeat * 1000)
    return _take_bounded(itertools.product(*values, repeat=repeat))


def _take_bounded(groups: Iterator[tuple[Any, ...]]) -> list[Any]:
    """Return the groups; raise as soon as they are too large together."""
    size, taken = 0, []
    for group in groups:
        size += 1 + len(group)
        check_size(size)
        taken.append(group)
    return taken


FILTERS: dict[str, Callable[..., Any]] = {
    "combinations": lambda value, size: _take_bounded(itertools.combinations(list(value), size)),
    "difference": subtract,
    "intersect": find_shared,
    "permutations": lambda value, size=None: _take_bounded(
        itertools.permutations(list(value), size)
    ),
    "product": build_product,
    "symmetric_difference": find_unshared,
    "union": combine_lists,
    "unique": find_unique,
    "zip": lambda *values: list(zip(*values, strict=False)),
    "zip_longest": lambda *values, fillvalue=None: list(
        itertools.zip_longest(*values, fillvalue=fillvalue)
    ),
}
