"""Spell out characters that nobody sees, and those that move others: attackers type both.

Two kinds of characters are spelled out:

- what Python does not call printable: controls, formats such as those of the direction of writing, separators
  but the space, surrogates, and what is private or not assigned (categories Cc, Cf, Zl, Zp, Zs, Cs, Co, Cn)
- what is printable by its category and yet blank. These are the other code points with the property
  Default_Ignorable_Code_Point (DerivedCoreProperties.txt of Unicode 16; UAX 44, 5.1), and the few symbols and
  letters whose glyph is blank by their name in UnicodeData.txt.

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later, standard library only.
"""

from __future__ import annotations

_IGNORABLE = (
    (0x034F, 0x034F),  # combining grapheme joiner
    (0x115F, 0x1160),  # Hangul fillers
    (0x17B4, 0x17B5),  # inherent vowels of Khmer
    (0x180B, 0x180F),  # variation selectors of Mongolian
    (0x3164, 0x3164),  # Hangul filler
    (0xFE00, 0xFE0F),  # variation selectors
    (0xFFA0, 0xFFA0),  # halfwidth Hangul filler
    (0xE0100, 0xE01EF),  # more variation selectors
)
_BLANK = (
    (0x2800, 0x2800),  # Braille pattern blank
    (0xFFFC, 0xFFFC),  # object replacement character, in place of an object that is not there
    (0x13441, 0x13442),  # full and half blank of Egyptian hieroglyphs
    (0x16FE4, 0x16FE4),  # filler of the Khitan small script
    (0x1D159, 0x1D159),  # musical symbol null notehead
)
_HIDDEN = frozenset(
    chr(number) for first, last in (*_IGNORABLE, *_BLANK) for number in range(first, last + 1)
)


def is_visible(text: str) -> bool:
    """Return whether each character of a text can be seen, and moves no other."""
    return text.isprintable() and _HIDDEN.isdisjoint(text)


def spell_hidden(text: str, but: str = "") -> str:
    """Return a text with an escape such as ``\\u202e`` for each hidden character, ``but`` these."""
    if is_visible(text):
        return text
    return "".join(c if c in but or is_visible(c) else _escape(c) for c in text)


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
