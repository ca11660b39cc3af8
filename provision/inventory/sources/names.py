"""Expand host names of inventories: ranges, and ports after a colon."""

from __future__ import annotations

import ipaddress
import re
import string
from collections.abc import Iterator, Sequence

_MOST = 65536
# A host name: labels of letters, digits, "_" and "-", any of which may hold ranges.
_RANGE = r"\[(?:[a-z]:[a-z]|[0-9]+:[0-9]+)(?::[0-9]+)?\]"
_LABEL = rf"(?!-)(?:[\w-]|{_RANGE})+(?<![_-])"
_HOST_NAME = rf"(?i:{_LABEL}(?:\.{_LABEL})*)"
_HEX_RANGE = r"(?i:\[[0-9a-f]+:[0-9a-f]+(?::[0-9]+)?\])"
_BRACKETED_PORT = r"\[(?P<name>.+)\]:(?P<port>[0-9]+)"
_PORT = r"(?P<name>(?:[^:\[\]]|\[[^\]]*\])*):(?P<port>[0-9]+)"


def split_port(pattern: str) -> tuple[str, int | None]:
    """Return a host pattern without its port, and the port or None.

    A pattern that is neither a host name nor an address is returned unchanged, colon included.
    """
    if ":" not in pattern:
        return pattern, None
    match = re.fullmatch(_BRACKETED_PORT, pattern) or re.fullmatch(_PORT, pattern)
    if match and _is_host(match["name"]):
        return match["name"], int(match["port"])
    return pattern, None


def _is_host(name: str) -> bool:
    if re.fullmatch(_HOST_NAME, name):
        return True
    try:
        return "%" not in name and bool(ipaddress.ip_address(re.sub(_HEX_RANGE, "1", name)))
    except ValueError:
        return False


def expand(pattern: str) -> Iterator[str]:
    """Yield the names that a range stands for: ``web[01:10]``, ``db-[a:f]``, ``n[0:8:2]``.

    Both ends are included. A range in an IPv6 address also needs brackets.

    Raises:
        ValueError: the range is malformed, or stands for too many names.
    """
    for count, name in enumerate(_expand(pattern)):
        if count == _MOST:
            raise ValueError(f"stands for more than {_MOST} names")
        yield name


def _expand(pattern: str) -> Iterator[str]:
    head, opening, rest = pattern.partition("[")
    if not opening:
        yield pattern
        return
    bounds, closing, tail = rest.partition("]")
    parts = bounds.split(":")
    if not closing or len(parts) not in (2, 3):
        raise ValueError("is not a range")
    for middle in _expand_bounds(*parts):
        for name in _expand(tail):
            yield head + middle + name


def _expand_bounds(first: str, last: str, step: str = "1") -> Sequence[str]:
    first = first or "0"
    if not step.isdecimal() or int(step) < 1:
        raise ValueError("the step must be an integer of 1 or more")
    # a leading zero means a fixed width, which both ends must have
    width = len(first) if first.startswith("0") and len(first) > 1 else 0
    if width and len(last) != width:
        raise ValueError(f"{first} and {last} have different widths")
    if first.isdecimal() and last.isdecimal():
        numbers = range(int(first), int(last) + 1, int(step))
        if len(numbers) > _MOST:
            raise ValueError(f"stands for more than {_MOST} names")
        names = [str(number).zfill(width) for number in numbers]
    elif len(first) == len(last) == 1 and {first, last} <= set(string.ascii_letters):
        letters = string.ascii_letters
        names = list(letters[letters.index(first) : letters.index(last) + 1 : int(step)])
    else:
        raise ValueError(f"{first} and {last} are neither two numbers nor two letters")
    if not names:
        raise ValueError(f"{first} comes after {last}")
    return names
