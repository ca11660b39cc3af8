"""Name what somebody set by hand on our objects and that stays as it is."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from provision.fortios.config.diff import Words, is_secret

# Attributes of one object that are named.
_MOST = 12
_LONGEST = 80
_NAME = re.compile(r"[a-z0-9][a-z0-9 _-]{0,39}", re.ASCII)
_PLAIN = re.compile(r"[A-Za-z0-9_.:/@+ -]{0,64}", re.ASCII)
_SECRET = re.compile(r"pass|secret|token|key|psk|auth")
NOT_SHOWN = "(value not shown)"


@dataclass(frozen=True)
class UnmanagedAttribute:
    """One attribute of an object of ours that the inventory does not set, with what it holds."""

    id: str
    attribute: str
    value: str

    @property
    def shown(self) -> str:
        return " ".join(filter(None, (self.attribute, self.value)))


def list_unmanaged(
    object_id: str, found: Iterable[tuple[str, Words]]
) -> tuple[UnmanagedAttribute, ...]:
    """Return what is left as it is of one object; odd names and values are not shown."""
    every = list(found)
    more = (
        [UnmanagedAttribute(object_id, f"{len(every) - _MOST} more", "")]
        if len(every) > _MOST
        else []
    )
    shown = (
        UnmanagedAttribute(
            object_id,
            name if _NAME.fullmatch(name) else "(an attribute with an odd name)",
            _value(name, words),
        )
        for name, words in every[:_MOST]
    )
    return (*shown, *more)


def _value(name: str, words: Words) -> str:
    said = " ".join(each.value for each in words)
    if _SECRET.search(name) or is_secret(words) or len(said) > _LONGEST:
        return NOT_SHOWN
    return said if all(_PLAIN.fullmatch(each.value) for each in words) else NOT_SHOWN


def format_note(found: Sequence[UnmanagedAttribute]) -> str:
    """Return one line about the attributes of one object; empty if there are none."""
    if not found:
        return ""
    return f"{found[0].id}: left as it is: {', '.join(each.shown for each in found)}"
