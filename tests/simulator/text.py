"""Split a typed line into words, and write a word, as FortiOS does.

Source: the CLI basics of the FortiOS CLI reference. Outside quotes a backslash keeps the next
character; inside double quotes only `\\"`, `\\'` and `\\\\` are escapes; inside single quotes
nothing is. Pieces that touch make one word.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple


class Word(NamedTuple):
    """One word of a line; `quoted`: `show` writes it in quotes."""

    text: str
    quoted: bool = False


@dataclass(frozen=True)
class Split:
    """The words of a line; `open` holds the quote or backslash that Enter left unfinished."""

    words: tuple[Word, ...]
    open: str = ""


@lru_cache(1 << 14)  # a test types the same lines again and again
def split(line: str) -> Split:
    """Cut `line` into words; `open` holds an unfinished quote or a last lone backslash."""
    cutter = _Cutter()
    for character in line:
        cutter.take(character)
    cutter.finish_word()
    return Split(tuple(cutter.words), "\\" if cutter.escaped else cutter.quote)


class _Cutter:
    """The state of `split` between two characters."""

    def __init__(self) -> None:
        self.words: list[Word] = []
        self.quote = ""
        self.escaped = self._inside = self._quoted = False
        self._text: list[str] = []

    def take(self, character: str) -> None:
        if self.escaped:
            self._take_escaped(character)
        elif character == "\\" and self.quote != "'":
            self.escaped = self._inside = True
        elif self.quote:
            self._take_quoted(character)
        elif character in "\"'":
            self.quote, self._inside, self._quoted = character, True, True
        elif character in " \t\r\n":
            self.finish_word()
        else:
            self._inside = True
            self._text.append(character)

    def _take_escaped(self, character: str) -> None:
        if self.quote and character not in "\"'\\":
            self._text.append("\\")
        self._text.append(character)
        self.escaped = False

    def _take_quoted(self, character: str) -> None:
        if character == self.quote:
            self.quote = ""
        else:
            self._text.append(character)

    def finish_word(self) -> None:
        if self._inside:
            self.words.append(Word("".join(self._text), self._quoted))
        self._text, self._inside, self._quoted = [], False, False


def quote(text: str) -> str:
    """Write `text` as `show` does: in double quotes, with `"`, `'` and backslash escaped."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("'", "\\'")
    return f'"{escaped}"'


def write_word(word: Word) -> str:
    """Write one word the way `show` prints it."""
    return quote(word.text) if word.quoted else word.text
