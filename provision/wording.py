"""Numbers with their nouns, and text of others that is safe to print."""

from __future__ import annotations

_PLURALS = {"directory": "directories", "authority": "authorities"}


def spell_count(number: int, noun: str) -> str:
    """Return ``number`` with its noun, in the plural where that is due."""
    return f"{number} {noun if number == 1 else _PLURALS.get(noun, noun + 's')}"


def escape(text: str, but: str = "\n\t") -> str:
    """Return ``text`` with control characters ``but`` these in the spelling of a string literal."""
    return "".join(c if c.isprintable() or c in but else repr(c)[1:-1] for c in text)
