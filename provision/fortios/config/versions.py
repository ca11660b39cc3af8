"""Versions of FortiOS: their text, their ranges, and which of them this release knows."""

from __future__ import annotations

import re

Version = tuple[int, int, int]

# Release trains that the capabilities in `tables` describe.
TRAINS = ((6, 4), (7, 0), (7, 2), (7, 4), (7, 6), (8, 0))
# The version to assume where no FortiGate can be asked: the newest one that the tests run through.
NEWEST: Version = (8, 0, 0)

_WRITTEN = re.compile(r"v?(\d{1,3})\.(\d{1,3})(?:\.(\d{1,3}))?")
_LAST = 10**6  # a patch that no train reaches: its end


def format_version(version: Version) -> str:
    """Return ``version`` as people write it."""
    return ".".join(map(str, version))


def read_version(text: str) -> Version:
    """Return the version that a text such as ``7.2.8`` or ``7.4`` (its first release) names.

    Raises:
        ValueError: ``text`` is not a version.
    """
    match = _WRITTEN.fullmatch(text.strip())
    if not match:
        raise ValueError(f"a FortiOS version must be like 7.2.8 (got {text!r})")
    return int(match[1]), int(match[2]), int(match[3] or 0)


def is_within(ranges: str, version: Version) -> bool:
    """Return whether ``version`` is in ``ranges``; see :class:`Capability` for their form."""
    return any(_is_in_range(one_range.strip(), version) for one_range in ranges.split(","))


def _is_in_range(text: str, version: Version) -> bool:
    first, _, last = text.partition("-")
    end = (*read_version(last)[:2], _LAST) if last.count(".") == 1 else None
    end = end or (read_version(last) if last else (_LAST, 0, 0))
    return read_version(first) <= version <= end


def explain_refusal(version: Version) -> str:
    """Return why Banstitch does not configure this ``version``; empty if it does."""
    if version[:2] >= TRAINS[0]:
        return ""
    return (
        f"FortiOS {format_version(version)} is older than {format_train(TRAINS[0])}: its feeds in "
        "policies and its automation differ, and Fortinet no longer supports it; upgrade it"
    )


def format_train(train: tuple[int, int]) -> str:
    """Return a release train as people write it."""
    return f"{train[0]}.{train[1]}"
