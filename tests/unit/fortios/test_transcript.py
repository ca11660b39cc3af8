"""The cost of reading output is proportional to its length, however it is cut into pieces."""

from __future__ import annotations

import re
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provision.fortios.config.text import Note, parse
from provision.fortios.session import prompts
from provision.fortios.session.transcript import PROMPTS, SHORT, Transcript

pytestmark = pytest.mark.slow

PROMPT = prompts.compile_last_prompt("FGT #")
# what terminals send between and inside of answers
CONTROLS = (
    "\r|\n|\r\n|\r\r\n|--More-- |\r         \r|\x1b[K|\x1b[31m|\x08 \x08|\x00|\x1b]0;x\x07|\u202e"
)
NOISE = st.sampled_from([*CONTROLS.split("|"), "FGT # ", "FGT (x) # ", " ", "a", "show", "(y/n) "])


class Cleaner:
    """A cleaner that counts the characters that it is given."""

    def __init__(self) -> None:
        self.characters = 0

    def __call__(self, text: str) -> str:
        self.characters += len(text)
        return prompts.clean(text)


def _read_pieces(pieces: Iterable[str]) -> tuple[Cleaner, Transcript, int]:
    """Read all ``pieces`` as a session does; return the number of characters that were parsed, too."""
    cleaner, looked = Cleaner(), 0
    transcript = Transcript(cleaner)
    for piece in pieces:
        transcript.add(piece)
        if transcript.is_due(False, PROMPT.search):
            looked += len(transcript.read_text())
    return cleaner, transcript, looked


@given(st.lists(NOISE, max_size=30), st.integers(1, 7))
def test_pieces_give_the_same_text_as_the_whole(said: list[str], size: int) -> None:
    whole = "".join(said)
    pieces = [whole[start : start + size] for start in range(0, len(whole), size)]
    _, transcript, _ = _read_pieces(pieces)
    assert transcript.read_text() == prompts.clean(whole)
    assert transcript.size == len(whole)


@given(st.lists(st.text("ab ", max_size=3), min_size=1, max_size=8))
def test_a_line_drawn_in_pieces_is_read_as_it_is_visible(parts: list[str]) -> None:
    shown, *rest = re.split(r"\r+", "\r".join(each or "x" for each in parts))
    for piece in rest:
        shown = piece if piece.startswith(shown) else shown.removesuffix(" ") + piece
    assert prompts.clean("\r".join(each or "x" for each in parts) + "\n") == shown + "\n"


@pytest.mark.parametrize(
    "line",
    ["    set comment nothing in particular\r\n", "FGT # \r\n", "FGT # ", "a\r", "x", "--More-- "],
)
def test_an_endless_stream_is_cleaned_and_parsed_only_a_few_times(line: str) -> None:
    size = 1 << 18
    piece = (line * (1024 // len(line) + 1))[:1024]
    cleaner, transcript, looked = _read_pieces(piece for _ in range(size // len(piece)))
    assert transcript.size >= size
    assert looked < (20 + PROMPTS) * size
    assert cleaner.characters < (20 + PROMPTS) * size


def test_the_cost_of_single_characters_is_bounded_by_their_number() -> None:
    size = 2 * SHORT
    cleaner, _, looked = _read_pieces("x" for _ in range(size))
    assert cleaner.characters < size * SHORT
    assert looked < size * SHORT


def test_a_prompt_full_of_brackets_is_matched_at_once() -> None:
    # each way to pair the brackets was tried, 2 ** 5000 of them
    assert not PROMPT.search("FGT " + "(x)" * 5000 + "!")
    assert PROMPT.search("FGT (x) (y(z)) #")


# Each of these took minutes, during which no other thread of a run got its turn.


def test_carriage_returns_without_an_end_are_read_at_once() -> None:
    text = "fgt # get x\n" + "\r" * (1 << 20)
    assert prompts.clean(text + "y\r\r\n") == "fgt # get x\ny\n"
    assert parse("#" + "\r" * (1 << 20)) == (Note("#", 1),)


def test_a_line_of_what_might_be_prompts_is_an_answer() -> None:
    line = "fgt (" * 100_000 + ")" * 500_000
    pattern = prompts.make_prompt_pattern("fgt #")
    text = f"fgt # get x\n{line}\nfgt # "
    assert prompts.split_answers(text, pattern, ["get x"]) == (line,)
