"""Whatever is wrong with an inventory is said with file, line and a way out, all of it in one go."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provision.errors import InputError
from provision.inventory import yaml_lines
from provision.inventory.loader import load
from tests.unit.inventories import faults, inventory, write


def test_all_faults_of_all_files_come_at_once(tmp_path: Path) -> None:
    with pytest.raises(InputError) as error:
        inventory(
            tmp_path,
            "web:\n  hosts: [h]\n  hots: {}\n",
            extra=["nonsense"],
            more__yml="a: {hosts: {h: }}\na: {}\n",
            group_vars__web__yml="- x\n",
        )
    assert faults(error, tmp_path) == [
        "-e: a word is no variable; write key=value, {json} or @file",
        "group_vars/web.yml: a file of variables must be a mapping, not a list; "
        "write `name: value` lines, without a leading dash",
        "hosts.yml:2: hosts of group web must be a mapping, not a list; "
        "write `name: value` lines, without a leading dash",
        "hosts.yml:3: hots is no part of a group; did you mean hosts?",
        "more.yml:2: a is given twice, first in line 1; keep one of them",
    ]


@pytest.mark.parametrize(
    ("hosts", "expected"),
    [
        ("a: {x: [}", "hosts.yml:1: is not YAML: "),
        ("web:\n  vars:\n\t  a: 1\n", "hosts.yml:3: is not YAML: indented with a tab"),
        ("web:\n  vars:\n    a: {{ b }}\n", 'hosts.yml:3: a key must be a word, .*"{{ ... }}"'),
        ("web:\n  vars:\n    a: {{ b }}/c\n", "hosts.yml:3: is not YAML: .*quotes"),
        ("web:\n  vars:\n    a: 1\n    b:\n      c: 1\n      c: 2\n", "line 5"),
        ("a: 1\n---\nb: 2\n", "hosts.yml:2: is not YAML"),
        ("just a text", "hosts.yml: an inventory must be a mapping, not a text"),
        ("web: [h]", "hosts.yml:1: group web must be a mapping, not a list"),
        ("web: {hosts: {h: [1]}}", "hosts.yml:1: host h must be a mapping, not a list"),
        ("web: {hosts: {10: }}", 'host name 10 is no single word; put quotes around it: "10"'),
        ("web: {hosts: {'a b': }}", "host name 'a b' is no single word; write one word"),
        ("[web]\nh ansible_host=192.0.2.1\n", "hosts.yml:1: is Ansible's INI form"),
        ("# ours\n\n[web:vars]\nx=1\n", "hosts.yml:3: is Ansible's INI form; .*ansible-inventory"),
        ('web: {hosts: {"a\\0b": }}', "host name 'a\\x00b' is no single word"),
        ("web: {hosts: {../h: }}", "host name '../h' is no single word"),
        ("web: {hosts: {'h[0:99999999]': }}", "more than 65536 names"),
        ("yes: {hosts: {h: }}", "group name True is no single word"),
        ("web: {hosts: {'h[1:': }}", "host range h[1:: is not a range"),
        ("web: {hosts: {'h[5:1]': }}", "host range h[5:1]: 5 comes after 1"),
        ("web: {hosts: {'h[01:100]': }}", "01 and 100 have different widths"),
        ("a: {children: {b: {children: {a: }}}}", "group a contains itself: "),
        ("a: {children: {a: }}", "group a contains itself: a > a"),
        ("a: {children: {all: }}", "group all cannot be a child of a"),
        ("a: {vars: {ansible_group_priority: high}}", "ansible_group_priority is no whole number"),
        ("plugin: netbox", "configures the inventory plugin netbox; save what it yields"),
        ("a: &x {b: *x}", "an alias (*name) contains itself"),
        ("a: {<<: 1}", "hosts.yml:1: is not YAML: expected a mapping"),
        ("a: \x07", "hosts.yml:1: is not YAML: "),
        ("[" * 5000, "hosts.yml"),
    ],
)
def test_a_fault_names_its_line_and_what_to_do(tmp_path: Path, hosts: str, expected: str) -> None:
    with pytest.raises(InputError) as error:
        inventory(tmp_path, hosts)
    text = "\n".join(faults(error, tmp_path))
    for piece in expected.split(".*"):
        assert piece in text


def test_a_missing_inventory_is_a_fault(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere\.yml: no such file"):
        load(tmp_path / "nowhere.yml")


def test_a_file_that_is_not_utf8_is_a_fault_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "hosts.yml").write_bytes("web:\n  hosts:\n    h: {x: é}".encode("latin-1"))
    with pytest.raises(InputError) as error:
        load(tmp_path)
    assert faults(error, tmp_path) == [
        "hosts.yml:3: is not UTF-8 (byte 0xe9); save the file as UTF-8"
    ]


def test_an_ini_inventory_is_refused_with_the_command_that_converts_it(tmp_path: Path) -> None:
    write(tmp_path, hosts__ini="[web]\nh1\n")
    with pytest.raises(InputError, match=r"ansible-inventory -i .*hosts\.ini --list --yaml"):
        load(tmp_path / "hosts.ini")


def test_an_unreadable_folder_of_variables_is_a_fault(tmp_path: Path) -> None:
    write(tmp_path, hosts__yml="web: {hosts: {h: }}")
    (tmp_path / "group_vars").mkdir()
    (tmp_path / "group_vars" / "web.yml").mkdir()
    (tmp_path / "group_vars" / "web.yml" / "x.yml").symlink_to(tmp_path / "missing")
    with pytest.raises(InputError, match=r"x\.yml: no such file"):
        load(tmp_path)


@given(st.text(alphabet="ab:-[]{}&*!|>'\"#%@`,?\n\t 1\\<", max_size=40))
def test_any_text_is_a_value_or_faults_and_never_another_exception(text: str) -> None:
    with contextlib.suppress(InputError):
        yaml_lines.parse(text, "x.yml")


@given(st.binary(max_size=30))
def test_any_bytes_are_an_inventory_or_faults(
    tmp_path_factory: pytest.TempPathFactory, raw: bytes
) -> None:
    path = tmp_path_factory.mktemp("any") / "hosts.yml"
    path.write_bytes(raw)
    with contextlib.suppress(InputError):
        load(path)


def test_a_folder_with_nothing_but_an_ini_file_names_that_file(tmp_path: Path) -> None:
    (tmp_path / "hosts").write_text("[ban_hosts]\nb1 ansible_host=192.0.2.1\n")
    with pytest.raises(InputError) as caught:
        load(tmp_path)
    assert f"{tmp_path / 'hosts'}: is no YAML inventory" in str(caught.value)
    assert f"ansible-inventory -i {tmp_path / 'hosts'} --list --yaml" in str(caught.value)
