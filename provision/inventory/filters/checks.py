"""The tests (``is NAME``) that Ansible adds to Jinja."""

from __future__ import annotations

import math
import operator
import os.path
import re
from collections.abc import Callable, Iterable
from typing import Any

from provision.inventory.filters.searches import as_searchable, compile_pattern
from provision.inventory.filters.text import read_bool
from provision.inventory.variables import Misused, Unusable

_HOW = ("match", "fullmatch", "search")


def matches_regex(
    value: Any,
    pattern: str = "",
    ignorecase: bool = False,
    multiline: bool = False,
    match_type: str = "search",
) -> bool:
    """Return whether a regular expression matches; ``match_type`` says where in the text (`regex`)."""
    if match_type not in _HOW:
        raise Unusable(f"regex knows match_type {', '.join(_HOW)}")
    find = getattr(compile_pattern(pattern, ignorecase, multiline), match_type)
    return bool(find(as_searchable(value)))


def matches_beginning(
    value: Any, pattern: str = "", ignorecase: bool = False, multiline: bool = False
) -> bool:
    """Return whether a regular expression matches the beginning of a text (`match`)."""
    return matches_regex(value, pattern, ignorecase, multiline, "match")


def matches_anywhere(
    value: Any, pattern: str = "", ignorecase: bool = False, multiline: bool = False
) -> bool:
    """Return whether a regular expression matches anywhere in a text (`search`)."""
    return matches_regex(value, pattern, ignorecase, multiline, "search")


_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    **dict.fromkeys(("==", "=", "eq"), operator.eq),
    **dict.fromkeys(("!=", "<>", "ne"), operator.ne),
    **dict.fromkeys((">", "gt"), operator.gt),
    **dict.fromkeys((">=", "ge"), operator.ge),
    **dict.fromkeys(("<", "lt"), operator.lt),
    **dict.fromkeys(("<=", "le"), operator.le),
}


_STRICT = re.compile(r"(\d+)\.(\d+)(?:\.(\d+))?(?:([ab])(\d+))?")
_SEMANTIC = re.compile(r"(\d+)\.(\d+)\.(\d+)(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?")


def _parse_loose(text: str) -> list[Any]:
    """Return the parts of any version: numbers compare as numbers, words as words."""
    return [int(w) if w.isdecimal() else w for w in re.findall(r"\d+|[a-z]+|[^.\da-z]+", text)]


def _parse_strict(text: str) -> list[Any]:
    parts = _STRICT.fullmatch(text)
    if not parts:
        raise Unusable("a strict version is like 1.2 or 1.2.3", "it is not a strict version")
    return [int(parts[1]), int(parts[2]), int(parts[3] or 0), parts[4] or "z", int(parts[5] or 0)]


def _parse_semantic(text: str) -> list[Any]:
    parts = _SEMANTIC.fullmatch(text)
    if not parts:
        raise Unusable("a semantic version is like 1.2.3-rc1", "it is not a semantic version")
    words = parts[4].split(".") if parts[4] else []
    before = [(0, int(w), "") if w.isdecimal() else (1, 0, w) for w in words]
    return [int(parts[1]), int(parts[2]), int(parts[3]), not before, before]


_FORMS: dict[str | None, Callable[[str], list[Any]]] = {
    None: _parse_loose,
    "loose": _parse_loose,
    "strict": _parse_strict,
    "semver": _parse_semantic,
    "semantic": _parse_semantic,
}


def compare_versions(
    value: Any,
    other: Any,
    operator: str = "eq",
    strict: bool | None = None,
    version_type: str | None = None,
) -> bool:
    """Return whether two versions compare as ``operator`` says (`version`)."""
    kind = "strict" if strict and version_type is None else version_type
    if kind not in _FORMS or operator not in _OPERATORS:
        raise Unusable("version does not know this operator or type", "bad version test")
    if not str(value) or not str(other):
        raise Unusable("version takes two versions, and one is empty", "an empty version")
    one, two = (_FORMS[kind](str(text)) for text in (value, other))
    try:
        return _OPERATORS[operator](one, two)
    except TypeError:
        raise Unusable("these versions cannot be compared", "bad version test") from None


def is_truthy(value: Any, convert_bool: bool = False) -> bool:
    """Return whether ``value`` counts as true (`truthy`)."""
    if convert_bool:
        try:
            return read_bool(value)
        except ValueError:
            pass
    return bool(value)


def _as_list(value: Any) -> list[Any]:
    if not isinstance(value, Iterable):
        raise Misused("this test takes lists")
    return list(value)


def is_subset(one: Any, other: Any) -> bool:
    """Return whether all items of one list are in the other (`subset`)."""
    inside = _as_list(other)
    return all(item in inside for item in _as_list(one))


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and math.isnan(value)


def _check_path(check: Callable[[str], bool]) -> Callable[[Any], bool]:
    return lambda value: check(str(value))


_URL = re.compile(r"(?:https?|ftps?|file|git|ssh|sftp)://\S+", re.IGNORECASE)

TESTS: dict[str, Callable[..., bool]] = {
    "abs": _check_path(os.path.isabs),
    "all": lambda value: all(_as_list(value)),
    "any": lambda value: any(_as_list(value)),
    "contains": lambda value, item: item in _as_list(value),
    "directory": _check_path(os.path.isdir),
    "exists": _check_path(os.path.exists),
    "falsy": lambda value, convert_bool=False: not is_truthy(value, convert_bool),
    "file": _check_path(os.path.isfile),
    "is_abs": _check_path(os.path.isabs),
    "is_dir": _check_path(os.path.isdir),
    "is_file": _check_path(os.path.isfile),
    "is_link": _check_path(os.path.islink),
    "isnan": _is_nan,
    "issubset": is_subset,
    "issuperset": lambda one, other: is_subset(other, one),
    "link": _check_path(os.path.islink),
    "link_exists": _check_path(os.path.lexists),
    "match": matches_beginning,
    "nan": _is_nan,
    "regex": matches_regex,
    "search": matches_anywhere,
    "subset": is_subset,
    "superset": lambda one, other: is_subset(other, one),
    "truthy": is_truthy,
    "url": lambda value: bool(_URL.fullmatch(str(value))),
    "version": compare_versions,
    "version_compare": compare_versions,
}
