"""What is ours is found in an output, however it arrives and whatever stands around it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from provision.linux.session.framing import Output, make_harmless

MARKER = "0123456789abcdef" * 2
ANSWER = b'{"ok": true}'
FRAMED = b"%s:answer:%d\n%s\n" % (MARKER.encode(), len(ANSWER), ANSWER)


@given(before=st.binary(max_size=200), after=st.binary(max_size=200), cut=st.integers(1, 60))
def test_an_answer_is_found_in_pieces_of_any_size(before: bytes, after: bytes, cut: int) -> None:
    output = Output(MARKER, 1000)
    whole = before + b"%s:ready\r\n" % MARKER.encode() + b"\n" + FRAMED + after
    for at in range(0, len(whole), cut):
        output.feed(whole[at : at + cut])
    assert output.answer == ANSWER
    assert [word for word, _ in output.said] == ["ready", "answer"]


def test_a_marker_of_another_exec_is_no_answer() -> None:
    output = Output("f" * 32, 1000)
    output.feed(FRAMED)
    assert output.answer is None
    assert output.said == []


def test_a_line_that_only_holds_the_marker_is_no_message() -> None:
    output = Output(MARKER, 1000)
    output.feed(f"+ env sh -c '...' {MARKER}\n{MARKER}:UP\n{MARKER}:ready now\n".encode())
    assert output.said == []


def test_a_length_beyond_the_limit_is_known_before_the_answer_arrives() -> None:
    output = Output(MARKER, 1000)
    output.feed(f"{MARKER}:answer:1001\n".encode())
    assert output.too_large


def test_messages_without_an_end_take_no_memory() -> None:
    output = Output(MARKER, 1000)
    output.feed(f"{MARKER}:ready\n".encode() * 5000 + FRAMED)
    assert len(output.said) < 100
    assert output.answer == ANSWER


def test_a_part_of_an_answer_is_not_among_the_other_words() -> None:
    output = Output(MARKER, 1000)
    output.feed(b"Welcome\n" + FRAMED[:-5])
    assert output.answer is None
    assert output.other == "Welcome\n"


def test_what_is_quoted_is_short_and_holds_nothing_like_a_secret() -> None:
    text = f"\n  first  \nBearer {'aB3' * 14}\n{'x' * 400}\n"
    assert make_harmless(text, 1) == "first"
    assert make_harmless(text, 3) == "first\nBearer ...\n(a line of 400 characters)"
    assert make_harmless(text, 1, last=True) == "(a line of 400 characters)"
