"""What a FortiGate says costs work in proportion to its length, however it is cut into pieces."""

from __future__ import annotations

import re
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provision.fortios.session import prompts
from provision.fortios.session.transcript import PROMPTS, SHORT, Transcript

PROMPT = prompts.compile_last_prompt("FGT #")
# what terminals send between and inside of answers
CONTROLS = (
    "\r|\n|\r\n|\r\r\n|--More-- |\r         \r|\x1b[K|\x1b[31m|\x08 \x08|\x00|\x1b]0;x\x07|\u202e"
)
NOISE = st.sampled_from([*CONTROLS.split("|"), "FGT # ", "FGT (x) # ", " ", "a", "show", "(y/n) "])


class Cleaner:
    """Cleans like the terminal, and counts the characters that it is given."""

    def __init__(self) -> None:
        self.characters = 0

    def __call__(self, text: str) -> str:
        self.characters += len(text)
        return prompts.clean(text)


def _listen(pieces: Iterable[str]) -> tuple[Cleaner, Transcript, int]:
    """Hear all ``pieces`` as a session does; also how many characters it looked at in the end."""
    cleaner, looked = Cleaner(), 0
    heard = Transcript(cleaner)
    for piece in pieces:
        heard.add(piece)
        if heard.is_due(False, PROMPT.search):
            looked += len(heard.read_text())
    return cleaner, heard, looked


@given(st.lists(NOISE, max_size=30), st.integers(1, 7))
def test_pieces_give_the_same_text_as_the_whole(said: list[str], size: int) -> None:
    whole = "".join(said)
    pieces = [whole[start : start + size] for start in range(0, len(whole), size)]
    _, heard, _ = _listen(pieces)
    assert heard.read_text() == prompts.clean(whole)
    assert heard.size == len(whole)


@given(st.lists(st.text("ab ", max_size=3), min_size=1, max_size=8))
def test_a_line_drawn_in_pieces_reads_as_it_is_seen(parts: list[str]) -> None:
    shown, *rest = re.split(r"\r+", "\r".join(each or "x" for each in parts))
    for piece in rest:
        shown = piece if piece.startswith(shown) else shown.removesuffix(" ") + piece
    assert prompts.clean("\r".join(each or "x" for each in parts) + "\n") == shown + "\n"


@pytest.mark.parametrize(
    "line",
    ["    set comment nothing in particular\r\n", "FGT # \r\n", "FGT # ", "a\r", "x", "--More-- "],
)
def test_a_stream_without_an_end_is_cleaned_and_looked_at_a_few_times_only(line: str) -> None:
    size = 1 << 20
    piece = (line * (1024 // len(line) + 1))[:1024]
    cleaner, heard, looked = _listen(piece for _ in range(size // len(piece)))
    assert heard.size >= size
    assert looked < (20 + PROMPTS) * size
    assert cleaner.characters < (20 + PROMPTS) * size


def test_the_cost_of_single_characters_is_bounded_by_their_number() -> None:
    size = 2 * SHORT
    cleaner, _, looked = _listen("x" for _ in range(size))
    assert cleaner.characters < size * SHORT
    assert looked < size * SHORT


def test_a_prompt_full_of_brackets_is_matched_at_once() -> None:
    # each way to pair the brackets was tried, 2 ** 5000 of them
    assert not PROMPT.search("FGT " + "(x)" * 5000 + "!")
    assert PROMPT.search("FGT (x) (y(z)) #")
