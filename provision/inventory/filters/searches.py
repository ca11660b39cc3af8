"""Filters that search a text with a regular expression.

Python's regular expressions have no time limit, so a hostile pattern can take very long. The limits below
bound the memory, not the time.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from provision.inventory.variables import Misused, Unusable

_LONGEST_SEARCHED = 100_000
_LONGEST_REPLACEMENT = 1000


def compile_pattern(regex: str, ignorecase: bool, multiline: bool) -> re.Pattern[str]:
    """Return the compiled ``regex``.

    Raises:
        Unusable: it is not a regular expression.
    """
    flags = (re.IGNORECASE if ignorecase else 0) | (re.MULTILINE if multiline else 0)
    try:
        return re.compile(regex, flags)
    except re.error as error:
        # the message of `re` may quote the pattern
        raise Unusable(f"it is not a regular expression: {error.msg}", "bad pattern") from None


def as_searchable(value: Any) -> str:
    """Return ``value`` as the text of a search.

    Raises:
        Misused: it is too long.
    """
    text = str(value)
    if len(text) > _LONGEST_SEARCHED:
        message = f"a regular expression takes at most {_LONGEST_SEARCHED} characters"
        raise Misused(message)
    return text


def replace_matches(
    value: Any,
    pattern: str = "",
    replacement: str = "",
    ignorecase: bool = False,
    multiline: bool = False,
    count: int = 0,
    mandatory_count: int = 0,
) -> str:
    """Return a text with the matches of ``pattern`` replaced (`regex_replace`)."""
    if len(replacement) > _LONGEST_REPLACEMENT:
        message = f"a replacement has at most {_LONGEST_REPLACEMENT} characters"
        raise Misused(message)
    compiled = compile_pattern(pattern, ignorecase, multiline)
    try:
        text, times = compiled.subn(replacement, as_searchable(value), count=count)
    except (re.error, IndexError):
        raise Unusable("the replacement names no group of the pattern", "bad replacement") from None
    if mandatory_count and times != mandatory_count:
        message = f"regex_replace matched {times} times, not {mandatory_count}"
        raise Misused(message)
    return text


def find_matches(
    value: Any, regex: str, multiline: bool = False, ignorecase: bool = False
) -> list[Any]:
    """Return all matches of ``regex`` (`regex_findall`)."""
    return compile_pattern(regex, ignorecase, multiline).findall(as_searchable(value))


def find_first_match(
    value: Any, regex: str, *groups: str, ignorecase: bool = False, multiline: bool = False
) -> Any:
    """Return the first match, or ``groups`` of it; `None` if there is none (`regex_search`)."""
    names: list[str | int] = []
    for group in groups:
        named = re.fullmatch(r"\\g<(\S+)>|\\(\d+)", group)
        if not named:
            raise Unusable("regex_search takes groups such as '\\\\1' or '\\\\g<name>'")
        names.append(int(named[2]) if named[2] else named[1])
    match = compile_pattern(regex, ignorecase, multiline).search(as_searchable(value))
    if match is None:
        return None
    try:
        return [match.group(group) for group in names] if names else match.group()
    except (IndexError, re.error):
        raise Unusable("regex_search names no group of the pattern") from None


def escape_pattern(value: Any, re_type: str = "python") -> str:
    """Return a text in which the special characters of regular expressions are escaped (`regex_escape`)."""
    if re_type == "python":
        return re.escape(str(value))
    if re_type == "posix_basic":
        return re.sub(r"([].[^$*\\])", r"\\\1", str(value))
    raise Unusable("regex_escape knows the types python and posix_basic")


FILTERS: dict[str, Callable[..., Any]] = {
    "regex_escape": escape_pattern,
    "regex_findall": find_matches,
    "regex_replace": replace_matches,
    "regex_search": find_first_match,
}
