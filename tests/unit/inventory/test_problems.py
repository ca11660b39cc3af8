"""Problems of an inventory are reported with file, line and remedy, all of them at once."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provision.errors import InputError
from provision.inventory import yaml_lines
from provision.inventory.loader import load
from tests.unit.inventory.inventories import list_problems, read_inventory, write


def test_the_problems_of_all_files_are_reported_at_once(tmp_path: Path) -> None:
    with pytest.raises(InputError) as error:
        read_inventory(
            tmp_path,
            "ban_hosts:\n  hosts: [h]\n  hots: {}\n",
            extra=["nonsense"],
            more__yml="fortigates: {hosts: {h: }}\nfortigates: {}\n",
            group_vars__ban_hosts__yml="- x\n",
        )
    assert list_problems(error, tmp_path) == [
        "-e: a word is not a variable; write key=value, {json} or @file",
        "group_vars/ban_hosts.yml: a file of variables must be a mapping, not a list; "
        "write `name: value` lines, without a leading dash",
        "hosts.yml:2: hosts of group ban_hosts must be a mapping, not a list; "
        "write `name: value` lines, without a leading dash",
        "hosts.yml:3: hots is not a part of a group; did you mean hosts?",
        "more.yml:2: fortigates is given twice, first in line 1; keep one of them",
    ]


@pytest.mark.parametrize(
    ("hosts", "expected"),
    [
        ("a: {x: [}", "hosts.yml:1: is not YAML: "),
        ("ban_hosts:\n  vars:\n\t  a: 1\n", "hosts.yml:3: is not YAML: indented with a tab"),
        (
            "ban_hosts:\n  vars:\n    a: {{ b }}\n",
            'hosts.yml:3: a key must be a word, .*"{{ ... }}"',
        ),
        ("ban_hosts:\n  vars:\n    a: {{ b }}/c\n", "hosts.yml:3: is not YAML: .*quotes"),
        ("ban_hosts:\n  vars:\n    a: 1\n    b:\n      c: 1\n      c: 2\n", "line 5"),
        ("a: 1\n---\nb: 2\n", "hosts.yml:2: is not YAML"),
        ("just a text", "hosts.yml:1: each word after the name of a host must be"),
        ("ban_hosts: [h]", "hosts.yml:1: group ban_hosts must be a mapping, not a list"),
        ("ban_hosts: {hosts: {h: [1]}}", "hosts.yml:1: host h must be a mapping, not a list"),
        ("ban_hosts: {hosts: {10: }}", 'host name 10 must be a string; put quotes around it: "10"'),
        ("ban_hosts: {hosts: {'h[0:99999999]': }}", "more than 65536 names"),
        ("yes: {hosts: {h: }}", "group name True must be a string"),
        ("ban_hosts: {hosts: {'h[1:': }}", "host range h[1:: is not a range"),
        ("ban_hosts: {hosts: {'h[5:1]': }}", "host range h[5:1]: 5 comes after 1"),
        ("ban_hosts: {hosts: {'h[01:100]': }}", "01 and 100 have different widths"),
        ("a: {children: {b: {children: {a: }}}}", "group a contains itself: "),
        ("a: {children: {a: }}", "group a contains itself: a > a"),
        ("a: {children: {all: }}", "group all cannot be a child of a"),
        (
            "all: {vars: {ansible_group_priority: high}}",
            "ansible_group_priority must be a whole number",
        ),
        ("plugin: no_such", "hosts.yml: configures the inventory plugin no_such, and ansible-inv"),
        ("[ban_hosts]\nb1 'x", "hosts.yml:2: bad quoting: No closing quotation"),
        ("[ban_hosts]\nb1 x", "hosts.yml:2: each word after the name of a host must be"),
        ("[ban_hosts]\nb1:", "hosts.yml:2: the name of a host ends with a colon"),
        ("[ban_hosts:vars]\nx", "hosts.yml:2: a line of [ban_hosts:vars] must be key=value"),
        ("[ban_hosts:children]\na b", "hosts.yml:2: a line of [ban_hosts:children] must be the"),
        ("[ban_hosts:children]\nnobody", "hosts.yml:2: section [ban_hosts:children] names nobody"),
        (
            "[ban_hosts:vars]\nx=1",
            "hosts.yml:1: section [ban_hosts:vars] is for a group that no section declares",
        ),
        (
            "[ban_hosts:hots]\nb1",
            "section [ban_hosts:hots] has an unknown kind; did you mean hosts?",
        ),
        ("[a]\n[ban hosts]\nb1", "hosts.yml:2: a section must be"),
        ("a: &x {b: *x}", "an alias (*name) contains itself"),
        ("a: {<<: 1}", "hosts.yml:1: is not YAML: expected a mapping"),
        ("a: \x07", "hosts.yml:1: is not YAML: "),
        ("[" * 5000, "hosts.yml"),
    ],
)
def test_a_problem_names_its_line_and_what_to_do(tmp_path: Path, hosts: str, expected: str) -> None:
    with pytest.raises(InputError) as error:
        read_inventory(tmp_path, hosts)
    text = "\n".join(list_problems(error, tmp_path))
    for piece in expected.split(".*"):
        assert piece in text


def test_a_missing_inventory_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere\.yml: no such file"):
        load(tmp_path / "nowhere.yml")


def test_a_file_that_is_not_utf8_is_an_error_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "hosts.yml").write_bytes("web:\n  hosts:\n    h: {x: é}".encode("latin-1"))
    with pytest.raises(InputError) as error:
        load(tmp_path)
    assert list_problems(error, tmp_path) == [
        "hosts.yml:3: is not UTF-8 (byte 0xe9); save the file as UTF-8"
    ]


def test_an_unreadable_folder_of_variables_is_an_error(tmp_path: Path) -> None:
    write(tmp_path, hosts__yml="web: {hosts: {h: }}")
    (tmp_path / "group_vars").mkdir()
    (tmp_path / "group_vars" / "web.yml").mkdir()
    (tmp_path / "group_vars" / "web.yml" / "x.yml").symlink_to(tmp_path / "missing")
    with pytest.raises(InputError, match=r"x\.yml: no such file"):
        load(tmp_path)


@given(st.text(alphabet="ab:-[]{}&*!|>'\"#%@`,?\n\t 1\\<", max_size=40))
def test_any_text_is_a_value_or_an_input_error(text: str) -> None:
    with contextlib.suppress(InputError):
        yaml_lines.parse(text, "x.yml")


@given(st.binary(max_size=30))
def test_any_bytes_are_an_inventory_or_an_input_error(
    tmp_path_factory: pytest.TempPathFactory, raw: bytes
) -> None:
    path = tmp_path_factory.mktemp("any") / "hosts.yml"
    path.write_bytes(raw)
    with contextlib.suppress(InputError):
        load(path)


def test_a_folder_with_nothing_but_a_text_names_that_file(tmp_path: Path) -> None:
    (tmp_path / "notes").write_text("Ask the night shift first.")
    with pytest.raises(InputError, match="notes:1: each word"):
        load(tmp_path)
