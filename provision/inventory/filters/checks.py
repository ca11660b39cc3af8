"""The tests (``is NAME``) that Ansible adds to Jinja."""

from __future__ import annotations

import math
import operator
import os.path
import re
from collections.abc import Callable, Iterable
from typing import Any

from provision.inventory.filters.searches import compile_pattern, searchable
from provision.inventory.filters.text import read_bool
from provision.inventory.variables import Misused, Unusable

_HOW = ("match", "fullmatch", "search")


def regex(
    value: Any,
    pattern: str = "",
    ignorecase: bool = False,
    multiline: bool = False,
    match_type: str = "search",
) -> bool:
    """Check whether a regular expression matches somewhere in a text, or all of it."""
    if match_type not in _HOW:
        raise Unusable(f"regex knows match_type {', '.join(_HOW)}")
    find = getattr(compile_pattern(pattern, ignorecase, multiline), match_type)
    return bool(find(searchable(value)))


def match(value: Any, pattern: str = "", ignorecase: bool = False, multiline: bool = False) -> bool:
    """Check whether a regular expression matches the beginning of a text."""
    return regex(value, pattern, ignorecase, multiline, "match")


def search(
    value: Any, pattern: str = "", ignorecase: bool = False, multiline: bool = False
) -> bool:
    """Check whether a regular expression matches somewhere in a text."""
    return regex(value, pattern, ignorecase, multiline, "search")


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


def _loose(text: str) -> list[Any]:
    """Return the parts of any version: numbers compare as numbers, words as words."""
    return [int(w) if w.isdecimal() else w for w in re.findall(r"\d+|[a-z]+|[^.\da-z]+", text)]


def _strict(text: str) -> list[Any]:
    found = _STRICT.fullmatch(text)
    if not found:
        raise Unusable("a strict version is like 1.2 or 1.2.3", "it is not a strict version")
    return [int(found[1]), int(found[2]), int(found[3] or 0), found[4] or "z", int(found[5] or 0)]


def _semantic(text: str) -> list[Any]:
    found = _SEMANTIC.fullmatch(text)
    if not found:
        raise Unusable("a semantic version is like 1.2.3-rc1", "it is not a semantic version")
    words = found[4].split(".") if found[4] else []
    before = [(0, int(w), "") if w.isdecimal() else (1, 0, w) for w in words]
    return [int(found[1]), int(found[2]), int(found[3]), not before, before]


_FORMS: dict[str | None, Callable[[str], list[Any]]] = {
    None: _loose,
    "loose": _loose,
    "strict": _strict,
    "semver": _semantic,
    "semantic": _semantic,
}


def version(
    value: Any,
    other: Any,
    operator: str = "eq",
    strict: bool | None = None,
    version_type: str | None = None,
) -> bool:
    """Compare two versions."""
    kind = "strict" if strict and version_type is None else version_type
    if kind not in _FORMS or operator not in _OPERATORS:
        raise Unusable("version does not know this operator or type", "bad version test")
    if not str(value) or not str(other):
        raise Unusable("version takes two versions, and one is empty", "an empty version")
    one, two = (_FORMS[kind](str(each)) for each in (value, other))
    try:
        return _OPERATORS[operator](one, two)
    except TypeError:
        raise Unusable("these versions cannot be compared", "bad version test") from None


def truthy(value: Any, convert_bool: bool = False) -> bool:
    """Check whether ``value`` counts as true."""
    if convert_bool:
        try:
            return read_bool(value)
        except ValueError:
            pass
    return bool(value)


def _list(value: Any) -> list[Any]:
    if not isinstance(value, Iterable):
        raise Misused("this test takes lists")
    return list(value)


def subset(one: Any, other: Any) -> bool:
    """Check whether all items of a list stand in the other."""
    inside = _list(other)
    return all(item in inside for item in _list(one))


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and math.isnan(value)


def _path(check: Callable[[str], bool]) -> Callable[[Any], bool]:
    return lambda value: check(str(value))


_URL = re.compile(r"(?:https?|ftps?|file|git|ssh|sftp)://\S+", re.IGNORECASE)

TESTS: dict[str, Callable[..., bool]] = {
    "abs": _path(os.path.isabs),
    "all": lambda value: all(_list(value)),
    "any": lambda value: any(_list(value)),
    "contains": lambda value, item: item in _list(value),
    "directory": _path(os.path.isdir),
    "exists": _path(os.path.exists),
    "falsy": lambda value, convert_bool=False: not truthy(value, convert_bool),
    "file": _path(os.path.isfile),
    "is_abs": _path(os.path.isabs),
    "is_dir": _path(os.path.isdir),
    "is_file": _path(os.path.isfile),
    "is_link": _path(os.path.islink),
    "isnan": _is_nan,
    "issubset": subset,
    "issuperset": lambda one, other: subset(other, one),
    "link": _path(os.path.islink),
    "link_exists": _path(os.path.lexists),
    "match": match,
    "nan": _is_nan,
    "regex": regex,
    "search": search,
    "subset": subset,
    "superset": lambda one, other: subset(other, one),
    "truthy": truthy,
    "url": lambda value: bool(_URL.fullmatch(str(value))),
    "version": version,
    "version_compare": version,
}
