"""Filters that search a text with a regular expression.

Python's regular expressions have no time limit: a hostile pattern can take very long. The bounds
below keep the memory small, not the time.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from provision.inventory.variables import Misused, Unusable

_LONGEST_SEARCHED = 100_000
_LONGEST_REPLACEMENT = 1000


def compile_pattern(regex: str, ignorecase: bool, multiline: bool) -> re.Pattern[str]:
    """Return ``regex`` compiled.

    Raises:
        Unusable: it is not a regular expression.
    """
    flags = (re.IGNORECASE if ignorecase else 0) | (re.MULTILINE if multiline else 0)
    try:
        return re.compile(regex, flags)
    except re.error as error:
        # the message of `re` quotes the pattern at times
        raise Unusable(f"it is not a regular expression: {error.msg}", "bad pattern") from None


def searchable(value: Any) -> str:
    """Return the text that a regular expression works on, unless it is too long."""
    text = str(value)
    if len(text) > _LONGEST_SEARCHED:
        what = f"a regular expression takes at most {_LONGEST_SEARCHED} characters"
        raise Misused(what)
    return text


def regex_replace(
    value: Any,
    pattern: str = "",
    replacement: str = "",
    ignorecase: bool = False,
    multiline: bool = False,
    count: int = 0,
    mandatory_count: int = 0,
) -> str:
    """Replace what ``pattern`` matches."""
    if len(replacement) > _LONGEST_REPLACEMENT:
        what = f"a replacement has at most {_LONGEST_REPLACEMENT} characters"
        raise Misused(what)
    compiled = compile_pattern(pattern, ignorecase, multiline)
    try:
        found, times = compiled.subn(replacement, searchable(value), count=count)
    except (re.error, IndexError):
        raise Unusable("the replacement names no group of the pattern", "bad replacement") from None
    if mandatory_count and times != mandatory_count:
        what = f"regex_replace matched {times} times, not {mandatory_count}"
        raise Misused(what)
    return found


def regex_findall(
    value: Any, regex: str, multiline: bool = False, ignorecase: bool = False
) -> list[Any]:
    """Return everything that ``regex`` matches."""
    return compile_pattern(regex, ignorecase, multiline).findall(searchable(value))


def regex_search(
    value: Any, regex: str, *groups: str, ignorecase: bool = False, multiline: bool = False
) -> Any:
    """Return the first match, or the groups of it that are named; `None` if there is none."""
    wanted: list[str | int] = []
    for group in groups:
        named = re.fullmatch(r"\\g<(\S+)>|\\(\d+)", group)
        if not named:
            raise Unusable("regex_search takes groups such as '\\\\1' or '\\\\g<name>'")
        wanted.append(int(named[2]) if named[2] else named[1])
    match = compile_pattern(regex, ignorecase, multiline).search(searchable(value))
    if match is None:
        return None
    try:
        return [match.group(group) for group in wanted] if wanted else match.group()
    except (IndexError, re.error):
        raise Unusable("regex_search names no group of the pattern") from None


def regex_escape(value: Any, re_type: str = "python") -> str:
    """Escape what a regular expression would read as its own."""
    if re_type == "python":
        return re.escape(str(value))
    if re_type == "posix_basic":
        return re.sub(r"([].[^$*\\])", r"\\\1", str(value))
    raise Unusable("regex_escape knows the types python and posix_basic")


FILTERS: dict[str, Callable[..., Any]] = {
    "regex_escape": regex_escape,
    "regex_findall": regex_findall,
    "regex_replace": regex_replace,
    "regex_search": regex_search,
}
