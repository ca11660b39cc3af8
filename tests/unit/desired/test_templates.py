"""A value of the inventory stays a value in every output language, and a slip in a template is named."""

from __future__ import annotations

import configparser
import enum
import gc
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provision.desired import templates
from provision.desired.templates import escape_fail2ban, format_literal, quote_systemd, render
from provision.errors import InputError
from provision.fortios.config.text import Config, Statement, forti_quote, parse


class Verb(enum.Enum):
    PLAN = "plan"


LITERALS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


@given(LITERALS)
def test_a_python_literal_reads_back_as_the_same_value(value: object) -> None:
    assert eval(format_literal(value)) == value


@pytest.mark.parametrize("value", [Path("/"), {1}, float("nan"), object(), Verb.PLAN])
def test_what_python_cannot_spell_as_a_literal_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="must not be part of a literal"):
        format_literal({"path": [value]})


def test_sites_are_rendered_in_threads_of_their_own() -> None:
    """Python 3.11.7 and Debian 12's lose track of a parser that another thread interrupts."""
    value = {f"key{number}": [number, {"inner": [1, 2, 3]}] for number in range(100)}
    before = gc.get_threshold()
    gc.set_threshold(10)
    try:
        with ThreadPoolExecutor(8) as pool:
            texts = set(pool.map(lambda _: format_literal(value), range(400)))
    finally:
        gc.set_threshold(*before)
    assert texts == {format_literal(value)}


@given(st.text())
def test_a_fail2ban_value_reads_back_as_the_same_text_or_is_refused(text: str) -> None:
    try:
        written = escape_fail2ban(text)
    except ValueError:
        return
    parser = configparser.ConfigParser(inline_comment_prefixes=(";",))
    parser.read_string(f"[jail]\nfirst = 1\nvalue = {written}\nlast = 2\n")
    assert parser.get("jail", "value") == text.strip()
    assert parser.get("jail", "last") == "2"


@pytest.mark.parametrize("text", ["a\nb = c", "a\r[x]", "a ; b", "# a", "a\x00", "a\u2028b"])
def test_a_fail2ban_value_cannot_begin_a_line_or_a_comment(text: str) -> None:
    with pytest.raises(ValueError):
        escape_fail2ban(text)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("plain-word_1", "plain-word_1"),
        ("0.0.0.0:5000", "0.0.0.0:5000"),
        ("[::]:5000", "[::]:5000"),
        ("50%", "50%%"),
        ("two words", '"two words"'),
        ('say "x"', '"say \\"x\\""'),
        ("back\\slash", '"back\\\\slash"'),
        ("", '""'),
    ],
)
def test_a_systemd_value_is_one_word_without_specifiers(value: str, written: str) -> None:
    assert quote_systemd(value) == written


@pytest.mark.parametrize("value", ["a\nExecStart=/bin/sh", "$HOME", "a\tb", "a\x00"])
def test_a_systemd_value_cannot_be_a_second_setting_or_a_variable(value: str) -> None:
    with pytest.raises(ValueError):
        quote_systemd(value)


@given(st.text(alphabet=st.characters(exclude_categories=("Cc", "Cs"))))
def test_a_quoted_fortios_value_reads_back_as_the_same_word(text: str) -> None:
    (config,) = parse(f"config x\nset comments {forti_quote(text)}\nend\n")
    assert isinstance(config, Config)
    (statement,) = config.body
    assert isinstance(statement, Statement)
    assert [word.value for word in statement.words[1:]] == [text]


@pytest.fixture
def template_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(templates, "TEMPLATES", tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("one\n{{ missing }}\n", 2, "missing"),
        ("one\ntwo\n{% if %}\n", 3, "Expected an expression"),
        ("one\n{{ value | nofilter }}\n", 2, "nofilter"),
        ("one\n{{ value | f2b }}\n", 2, "line break"),
        ("{{ value.nothing }}", 1, "nothing"),
    ],
)
def test_a_template_that_fails_is_named_with_its_line(
    template_folder: Path, text: str, line: int, words: str
) -> None:
    (template_folder / "x.j2").write_text(text)
    with pytest.raises(InputError) as caught:
        render("x.j2", value="a\nb")
    (fault,) = caught.value.problems
    assert (fault.file, fault.line) == ("templates/x.j2", line)
    assert words in fault.message


def test_a_template_that_is_not_there_is_named() -> None:
    with pytest.raises(InputError, match=r"templates/nothing\.j2"):
        render("nothing.j2")


class Counted:
    """A value that counts how often a template prints it; all of them are equal."""

    printed = 0

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Counted)

    def __hash__(self) -> int:
        return 0

    def __str__(self) -> str:
        Counted.printed += 1
        return "counted"


def test_a_template_is_rendered_once_for_equal_values(template_folder: Path) -> None:
    (template_folder / "x.j2").write_text("{{ value }} {{ names[0] }}")
    before = Counted.printed
    for _ in range(3):
        assert render("x.j2", value=Counted(), names=["a"]) == "counted a"
    assert render("x.j2", value=Counted(), names=["b"]) == "counted b"
    assert Counted.printed == before + 2


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (True, 1),
        ([1], [True]),
        ([1], (1,)),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        ({"a": {"b": 0}}, {"a": {"b": False}}),
    ],
)
def test_values_that_print_differently_are_rendered_apart(
    template_folder: Path, first: object, second: object
) -> None:
    (template_folder / "x.j2").write_text("{{ value }}")
    assert render("x.j2", value=first) == str(first)
    assert render("x.j2", value=second) == str(second)
