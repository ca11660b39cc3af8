"""Characters that nobody sees, or that move others, are spelled out wherever text of an attacker is shown."""

from __future__ import annotations

import subprocess
import unicodedata

import pytest
from banstitch_shared.visible import is_visible, spell_hidden
from watch.alarms.texts import clean, spell_typed

from provision.masking import escape

# Perl has Unicode's own table of the characters that a font shows as nothing.
LIST_IGNORABLE = r"""
for (0 .. 0xd7ff, 0xe000 .. 0x10ffff) { print "$_ " if chr($_) =~ /\p{Default_Ignorable_Code_Point}/ }
"""
HANGUL_FILLERS = "\u115f\u1160\u3164\uffa0"
BLANK = "\u2800\ufffc\U00013441\U00013442\U00016fe4\U0001d159"
ORDER = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
SPACES = "\u00a0\u1680\u2000\u2009\u202f\u205f\u3000\u2028\u2029\t\n"
SEEN = "M\u00fcller \u5c71\u7530 \u05d0\u05d1 \u0e01\u0e33 e\u0301 \u2400\u2422\ufffd\u303f"


def test_whatever_unicode_lets_a_font_ignore_is_hidden() -> None:
    found = subprocess.run(["perl", "-e", LIST_IGNORABLE], capture_output=True, check=True).stdout
    ignorable = list(map(chr, map(int, found.split())))
    assert len(ignorable) > 4000
    assert not [hex(ord(c)) for c in ignorable if is_visible(c)]


@pytest.mark.parametrize("character", [*HANGUL_FILLERS, *BLANK, *ORDER, *SPACES, "\x1b", "\ud800"])
def test_a_hidden_character_is_an_escape_wherever_it_is_shown(character: str) -> None:
    escaped = character.encode("unicode_escape").decode()
    text = f"ad{character}min"
    assert spell_hidden(text) == clean(text) == escape(text, but="") == f"ad{escaped}min"
    assert spell_typed(text).isascii()
    assert "%" in spell_typed(text)


def test_what_people_read_stays_as_it_is() -> None:
    assert spell_hidden(SEEN) == SEEN
    assert escape("a\tb\n\u3164") == "a\tb\n\\u3164"


def test_no_control_or_format_is_visible_in_any_version_of_unicode() -> None:
    kinds = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
    shown = [n for n in range(0x110000) if unicodedata.category(chr(n)) in kinds]
    assert not [hex(n) for n in shown if is_visible(chr(n))]
