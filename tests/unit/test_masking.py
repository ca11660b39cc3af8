"""A secret does not leave the program, however the text that carries it spells it."""

from __future__ import annotations

import base64
import json
import re
import shlex
import threading
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provision.masking import MASK, SHORTEST, Secrets

TRICKY = "p\"a\\s$?+ w\u00f6rd'!"

SPOKEN = "it's-me"

SPELLINGS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "in a regular expression": re.escape,
    "in JSON": lambda value: json.dumps(value)[1:-1],
    "in a Python literal": lambda value: repr(value)[1:-1],
    "in a log of bytes": lambda value: repr(value.encode("utf-8", "surrogatepass"))[2:-1],
    "in FortiOS CLI": lambda value: re.sub(r"""([\\"'])""", r"\\\1", value),
}


def knowing(*values: str) -> Secrets:
    secrets = Secrets()
    for value in values:
        secrets.add(value)
    return secrets


@pytest.mark.parametrize("spell", SPELLINGS.values(), ids=SPELLINGS)
def test_every_spelling_of_a_tricky_secret_is_masked(spell: Callable[[str], str]) -> None:
    assert knowing(TRICKY).mask(f"before {spell(TRICKY)} after") == f"before {MASK} after"


@given(
    secret=st.text(alphabet=st.characters(exclude_characters="<>"), min_size=SHORTEST),
    spell=st.sampled_from(list(SPELLINGS.values())),
)
def test_any_secret_is_masked_in_any_spelling(secret: str, spell: Callable[[str], str]) -> None:
    assert knowing(secret).mask(f"<<{spell(secret)}>>") == f"<<{MASK}>>"


@given(
    user=st.text(alphabet="abcdefgh", min_size=1, max_size=9),
    secret=st.text(alphabet=st.characters(min_codepoint=33, max_codepoint=126), min_size=9),
)
def test_a_password_in_basic_authentication_is_masked_behind_any_user(
    user: str, secret: str
) -> None:
    header = base64.b64encode(f"{user}:{secret}".encode()).decode()

    masked = knowing(secret).mask(f"Authorization: Basic {header}")

    assert MASK in masked
    left = "".join(masked.removeprefix("Authorization: Basic ").split(MASK)).rstrip("=")
    # what is left decodes to the user's part and at most two characters of the password
    assert len(left) * 6 // 8 <= len(user) + 1 + 2


@given(text=st.text(alphabet=st.characters(exclude_characters="S")))
def test_text_without_a_secret_passes_unharmed(text: str) -> None:
    assert knowing("S3cret-token", "another-Secret").mask(text) == text


def test_nothing_is_masked_while_no_secret_is_known() -> None:
    assert Secrets().mask("anything at all") == "anything at all"


@pytest.mark.parametrize("value", ["", "a", "ab", "abc"])
def test_values_too_short_to_be_secrets_do_not_blank_out_ordinary_words(value: str) -> None:
    assert knowing(value).mask("abc about a cab") == "abc about a cab"


def test_a_secret_that_holds_another_one_is_masked_whole() -> None:
    assert knowing("hunter2", "hunter2-and-more").mask("x hunter2-and-more y") == f"x {MASK} y"


def test_secrets_that_overlap_in_a_text_leave_nothing_of_either() -> None:
    assert knowing("abcdef", "defghi").mask("<abcdefghi>") == f"<{MASK}>"


def test_each_line_of_a_secret_of_several_lines_is_masked_alone_too() -> None:
    """A diff and an indented message break a text into lines before or after it is masked."""
    masked = knowing("first-line\nsecond-line\n").mask("+first-line\n+second-line")

    assert masked == f"+{MASK}\n+{MASK}"


@pytest.mark.parametrize("shown", ["hunter 2/x", "hunter%202/x", "hunter%202%2Fx", "hunter+2%2Fx"])
def test_a_secret_inside_a_url_is_masked(shown: str) -> None:
    assert knowing("hunter 2/x").mask(f"https://u:{shown}@h/") == f"https://u:{MASK}@h/"


def test_a_secret_that_a_shell_quotes_is_masked() -> None:
    assert knowing(SPOKEN).mask(f"x {shlex.quote(SPOKEN)}") == f"x '{MASK}'"


@pytest.mark.parametrize("ends", [" ", "\t", "\r\n", "\n"])
def test_a_secret_is_masked_without_the_blanks_around_it(ends: str) -> None:
    assert knowing(f"{ends}hunter2{ends}\nand more{ends}").mask("(hunter2)(and more)") == (
        f"({MASK})({MASK})"
    )


def test_a_line_of_blanks_is_no_secret() -> None:
    assert knowing("one-line\n       \nend").mask("a        b") == "a        b"


def test_add_hands_the_value_back() -> None:
    assert Secrets().add("the-value") == "the-value"


def test_masking_wraps_a_writer() -> None:
    seen: list[str] = []
    knowing("hunter2").wrap_writer(seen.append)("my hunter2")
    assert seen == [f"my {MASK}"]


def test_secrets_learned_by_several_threads_at_once_are_all_masked() -> None:
    secrets = Secrets()
    values = [f"secret-number-{number}-end" for number in range(120)]
    start = threading.Barrier(4)

    def learn(part: list[str]) -> None:
        start.wait()
        for value in part:
            secrets.add(value)

    threads = [threading.Thread(target=learn, args=(values[i::4],)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert secrets.mask(" ".join(values)) == " ".join([MASK] * len(values))
