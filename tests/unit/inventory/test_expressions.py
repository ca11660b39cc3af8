"""Expressions and lookups in the values of variables."""

from __future__ import annotations

from pathlib import Path

import pytest

from provision.errors import InputError
from provision.inventory.loader import build_scopes, load
from provision.inventory.templates import build_environment
from tests.unit.inventory.inventories import list_problems, read_inventory, read_scope, write


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("plain text", "plain text"),
        ("5000", 5000),
        ("'{{ number }}'", 5),
        ("'{{ number + 1 }}'", 6),
        ("'{{ listed }}'", [5, "h"]),
        ("'port {{ number }}'", "port 5"),
        ("'{{ number }}{{ number }}'", "55"),
        ("'{{ nothing | default(7) }}'", 7),
        ("'{{ text | upper }}'", "HELLO"),
        ("'{{ \"yes\" | bool }}'", True),
        ("'{% if number == 5 %}five{% endif %}'", "five"),
        ("['{{ number }}', {a: '{{ text }}'}]", [5, {"a": "hello"}]),
        ("'{{ inventory_hostname }} {{ group_names }}'", "h ['ungrouped']"),
        ("'{{ groups.all | length }}'", 1),
        ("'{{ hostvars[inventory_hostname].number }}'", 5),
        ("!unsafe '{{ number }}'", "{{ number }}"),
        ("'{# nothing #}x'", "x"),
        ("'line\\n'", "line\\n"),
        ('"{{ text }}\\n"', "hello\n"),
    ],
)
def test_a_value_is_resolved_and_a_lone_expression_keeps_its_type(
    tmp_path: Path, written: str, value: object
) -> None:
    text = f"x: {written}\nnumber: 5\ntext: hello\nlisted: ['{{{{ number }}}}', h]\n"
    assert read_scope(tmp_path, text)["x"] == value


def test_the_environment_and_files_can_be_looked_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FW_PASSWORD", "from env")
    write(tmp_path, secret__="from file\n")
    found = read_scope(
        tmp_path,
        """
        a: "{{ lookup('env', 'FW_PASSWORD') }}"
        b: "{{ lookup('file', 'secret') }}"
        c: "{{ lookup('env', 'NOT_THERE') | default('other', true) }}"
        """,
    )
    assert [found[name] for name in "abc"] == ["from env", "from file", "other"]


def test_a_variable_that_is_omitted_counts_as_not_set(tmp_path: Path) -> None:
    found = read_scope(
        tmp_path,
        """
        a: "{{ nothing | default(omit) }}"
        b: {x: "{{ a }}", y: 1}
        """,
    )
    assert found.get("a") is None
    assert found["b"] == {"y": 1}


def test_the_folder_of_the_playbook_is_the_one_that_was_named(tmp_path: Path) -> None:
    write(tmp_path / "play", files__banner__txt="of the playbook\n")
    write(
        tmp_path / "inv",
        hosts__yml="all: {hosts: {h: {a: '{{ playbook_dir }}', b: \"{{ lookup('file', 'banner.txt') }}\"}}}",
        banner__txt="of the inventory\n",
    )
    named = build_scopes(load(tmp_path / "inv", playbook=tmp_path / "play"))["h"]
    assert (named["a"], named["b"]) == (str(tmp_path / "play"), "of the playbook")
    assert build_scopes(load(tmp_path / "inv"))["h"]["b"] == "of the inventory"


def test_a_variable_of_another_host_is_resolved_with_that_hosts_variables(tmp_path: Path) -> None:
    found = read_inventory(
        tmp_path,
        """
        all:
          vars: {me: "{{ inventory_hostname }}"}
          hosts:
            a: {x: "{{ hostvars['b'].me }} {{ hostvars.b['me'] }}"}
            b:
        """,
    )
    assert build_scopes(found)["a"]["x"] == "b b"


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("'{{ nowhere }}'", "x: 'nowhere' is undefined; define it, or give it a default"),
        ("'a {{ nowhere }}'", "x: 'nowhere' is undefined"),
        ("'{{ y }}'\ny: '{{ nowhere }}'", "host_vars/h.yml:2: y: 'nowhere' is undefined"),
        ("'{{ x }}'", "x refers to itself: x -> x"),
        ("'{{ y }}'\ny: 'a{{ x }}'", "x refers to itself: x -> y -> x"),
        ("'{{ hostvars.h.x }}'", "x refers to itself"),
        ("'{{ nope'", "x: the template fails: unexpected end of template"),
        ("'{{ 1 | nofilter }}'", "No filter named 'nofilter'"),
        ("'{{ 1 + \"a\" }}'", "x: the template fails: unsupported operand"),
        ("'{{ 1 / 0 }}'", "x: the template fails: ZeroDivisionError"),
        ("'{{ hostvars.nobody.x }}'", "x: "),
        ('\'{{ lookup("url", "x") }}\'', "lookup('url') is not carried out by this version"),
        ('\'{{ lookup("file", "missing") }}\'', "No such file"),
        ("!vault abc", "x is encrypted with ansible-vault, but damaged"),
        ("[1, !vault abc]", "x is encrypted with ansible-vault"),
        ("!strange 1", "x has the YAML tag !strange"),
    ],
)
def test_a_value_that_cannot_be_resolved_is_an_error_at_its_line(
    tmp_path: Path, written: str, expected: str
) -> None:
    found = read_scope(tmp_path, f"x: {written}\nok: 1")
    assert found["ok"] == 1
    with pytest.raises(InputError) as error:
        found["x"]
    (problem,) = list_problems(error, tmp_path)
    assert problem.startswith("host_vars/h.yml:")
    for piece in expected.split(".*"):
        assert piece in problem


def test_a_failing_template_shows_no_value_that_may_be_secret(tmp_path: Path) -> None:
    found = read_scope(tmp_path, "x: \"{{ {'a': 1}[pw] / [].index(pw) }}\"\npw: hunter2")
    with pytest.raises(InputError) as error:
        found["x"]
    assert "hunter2" not in str(error.value).replace("hunter2' is undefined", "")


def test_the_shared_environment_refuses_what_is_undefined_and_keeps_line_ends() -> None:
    env = build_environment()
    assert env.from_string("a\n{% if true %}\nb\n{% endif %}\n").render() == "a\nb\n"
    with pytest.raises(Exception, match="'x' is undefined"):
        env.from_string("{{ x }}").render()
