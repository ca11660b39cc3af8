"""Variables from the command line, in each of Ansible's forms."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provision.errors import InputError
from provision.inventory import extra_vars


def test_extra_variables_have_ansibles_three_spellings(tmp_path: Path) -> None:
    (tmp_path / "more.yml").write_text("d: {x: 1}\n")
    found = extra_vars.read(
        ["a=1 b='two words'", '{"c": [1, 2]}', f"@{tmp_path}/more.yml", "a=3", "{e: yes}"]
    )
    values = {name: variable.value for name, variable in found.items()}
    assert values == {"a": "3", "b": "two words", "c": [1, 2], "d": {"x": 1}, "e": True}
    assert str(found["d"].where) == f"{tmp_path}/more.yml:1"


@pytest.mark.parametrize(
    ("argument", "expected"),
    [
        ("word", "-e: a word is not a variable; write key=value, {json} or @file"),
        ("=x", "-e: no name before =; write key=value, {json} or @file"),
        ("a-b=x", "-e: the name before = is not a valid variable name"),
        ("a='x", "-e: bad quoting: No closing quotation"),
        ("{a: [}", "-e:1: is not YAML"),
        ("[1]", "-e: extra variables must be a mapping, not a list"),
        ("@/nowhere/x.yml", "/nowhere/x.yml: no such file"),
    ],
)
def test_a_wrong_extra_variable_is_an_error(argument: str, expected: str) -> None:
    with pytest.raises(InputError) as error:
        extra_vars.read([argument])
    assert expected in str(error.value)


def test_an_encrypted_file_of_extra_variables_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "v.yml").write_text("$ANSIBLE_VAULT;1.1;AES256\n61\n")
    with pytest.raises(InputError, match="is encrypted with ansible-vault"):
        extra_vars.read([f"@{tmp_path}/v.yml"])


@given(st.dictionaries(st.from_regex(r"[a-z_]{1,5}", fullmatch=True), st.text(max_size=8)))
def test_quoted_values_arrive_as_they_are(values: dict[str, str]) -> None:
    argument = " ".join(f"{name}={shlex.quote(value)}" for name, value in values.items())
    found = extra_vars.read([argument])
    assert {name: variable.value for name, variable in found.items()} == values
