"""Make text harmless before a channel sends it: what an attacker typed may stand in it.

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later, standard library only.
"""

from __future__ import annotations

import unicodedata

from banstitch_shared.times import format_minute
from banstitch_shared.visible import is_visible, spell_hidden

# Characters of a text, and of a name that somebody typed.
LONGEST, LONGEST_NAME = 200, 40
# Characters, beside letters and digits, that no channel gives a meaning to.
_BETWEEN = "._-"


def spell_typed(name: str) -> str:
    """Return a name that somebody typed, with everything but letters, digits and ``. _ - @`` as %XX.

    So no markup, mention or line break is left, whatever the channel. Other letters stay if they are written
    from left to right.
    """
    kept = "".join(_spell(name, number) for number in range(len(name)))
    return kept if len(kept) <= LONGEST_NAME else kept[:LONGEST_NAME] + "..."


def _spell(name: str, number: int) -> str:
    character = name[number]
    if character == "@":  # within a mail address; alone it begins a mention
        around = name[max(number - 1, 0) : number], name[number + 1 : number + 2]
        is_plain = all(each.isascii() and each.isalnum() for each in around)
    else:
        is_plain = _is_plain(character)
    if is_plain:
        return character
    return "".join("%%%02X" % byte for byte in character.encode("utf-8", "replace"))


def _is_plain(character: str) -> bool:
    if character.isascii():
        return character.isalnum() or character in _BETWEEN
    # letters and digits that are seen and written from left to right, without marks that combine
    is_letter = unicodedata.category(character) in ("Lu", "Ll", "Lo", "Nd")
    is_in_order = unicodedata.bidirectional(character) in ("L", "EN")
    return is_letter and is_in_order and is_visible(character)


def clean(text: str) -> str:
    """Return a text on one line, without hidden characters, bounded."""
    spelled = spell_hidden(text)
    return spelled if len(spelled) <= LONGEST else spelled[: LONGEST - 3] + "..."


def format_time(at: float) -> str:
    """Return a time in UTC."""
    return format_minute(at) + " UTC"


def format_span(seconds: float) -> str:
    """Return a span of time in its largest unit, rounded down."""
    for size, unit in ((2 * 86400, "d"), (2 * 3600, "h"), (120, "min")):
        if seconds >= size:
            return "%d %s" % (seconds // {"d": 86400, "h": 3600, "min": 60}[unit], unit)
    return "%d s" % max(seconds, 0)
