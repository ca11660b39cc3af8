"""Report attributes of our objects that somebody set by hand and that stay as they are."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from provision.fortios.config.diff import Words, get_values, is_secret

# Attributes of one object that are reported by name.
_MAX_ATTRIBUTES = 12
_MAX_CHARACTERS = 80
_NAME = re.compile(r"[a-z0-9][a-z0-9 _-]{0,39}", re.ASCII)
_PLAIN = re.compile(r"[A-Za-z0-9_.:/@+ -]{0,64}", re.ASCII)
_SECRET = re.compile(r"pass|secret|token|key|psk|auth")
NOT_SHOWN = "(value not shown)"


@dataclass(frozen=True)
class UnmanagedAttribute:
    """One attribute of an object of ours that the inventory does not set, with its value."""

    id: str
    attribute: str
    value: str

    @property
    def shown(self) -> str:
        return " ".join(filter(None, (self.attribute, self.value)))


def list_unmanaged(
    object_id: str, attributes: Iterable[tuple[str, Words]]
) -> tuple[UnmanagedAttribute, ...]:
    """Return the unmanaged attributes of one object; odd names and values are not shown."""
    pairs = list(attributes)
    more = len(pairs) - _MAX_ATTRIBUTES
    rest = [UnmanagedAttribute(object_id, f"{more} more", "")] if more > 0 else []
    shown = (
        UnmanagedAttribute(
            object_id,
            name if _NAME.fullmatch(name) else "(an attribute with an odd name)",
            _format_value(name, words),
        )
        for name, words in pairs[:_MAX_ATTRIBUTES]
    )
    return (*shown, *rest)


def _format_value(name: str, words: Words) -> str:
    text = " ".join(get_values(words))
    if _SECRET.search(name) or is_secret(words) or len(text) > _MAX_CHARACTERS:
        return NOT_SHOWN
    return text if all(map(_PLAIN.fullmatch, get_values(words))) else NOT_SHOWN


def format_note(attributes: Sequence[UnmanagedAttribute]) -> str:
    """Return one line about the attributes of one object; empty if there are none."""
    if not attributes:
        return ""
    return f"{attributes[0].id}: left as it is: {', '.join(each.shown for each in attributes)}"
