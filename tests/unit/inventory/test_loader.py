"""Hosts, groups and the precedence of variables are as in Ansible."""

from __future__ import annotations

from pathlib import Path

import pytest

from provision.inventory.loader import build_scopes, load
from tests.unit.inventory.inventories import read_inventory, write

# Ansible's documentation, "Understanding variable precedence", weakest first, the part about
# inventories; among groups: all, parents before children, then priority, then the alphabet.
LAYERS = {
    "file_all": "vars of group all in the inventory file",
    "file_parent": "vars of a parent group in the inventory file",
    "file_aaa": "vars of a group, first of the alphabet",
    "file_zzz": "vars of a group, last of the alphabet",
    "file_loud": "vars of a group with a higher ansible_group_priority",
    "dir_all": "group_vars/all",
    "dir_parent": "group_vars of the parent",
    "dir_aaa": "group_vars of the first group",
    "dir_zzz": "group_vars of the last group",
    "dir_loud": "group_vars of the group with the higher priority",
    "file_host": "vars of the host in the inventory file",
    "dir_host": "host_vars",
    "extra": "-e",
}


@pytest.mark.parametrize("strongest", range(len(LAYERS)))
def test_the_strongest_layer_that_sets_a_variable_wins(tmp_path: Path, strongest: int) -> None:
    present = list(LAYERS)[: strongest + 1]

    def x(layer: str) -> str:
        return f"x: {layer}" if layer in present else "other: 1"

    found = read_inventory(
        tmp_path,
        f"""
        all:
          vars: {{{x("file_all")}}}
          children:
            parent:
              vars: {{{x("file_parent")}}}
              children:
                zzz: {{vars: {{{x("file_zzz")}}}, hosts: {{h: {{{x("file_host")}}}}}}}
                loud: {{vars: {{ansible_group_priority: 10, {x("file_loud")}}}, hosts: {{h: }}}}
                aaa: {{vars: {{{x("file_aaa")}}}, hosts: {{h: }}}}
        """,
        extra=["x=extra"] if "extra" in present else [],
        group_vars__all__yml=x("dir_all"),
        group_vars__parent__yml=x("dir_parent"),
        group_vars__aaa__yml=x("dir_aaa"),
        group_vars__zzz__yml=x("dir_zzz"),
        group_vars__loud__yml=x("dir_loud"),
        host_vars__h__yml=x("dir_host"),
    )
    assert found.hosts["h"].variables["x"].value == present[-1]
    assert found.hosts["h"].groups == ("all", "parent", "aaa", "zzz", "loud")


def test_a_mapping_of_higher_precedence_replaces_the_whole_mapping(tmp_path: Path) -> None:
    found = read_inventory(
        tmp_path,
        "all: {hosts: {h: {m: {b: 2}}}, vars: {m: {a: 1}}}",
    )
    assert found.hosts["h"].variables["m"].value == {"b": 2}


def test_a_group_described_in_several_places_is_one_group(tmp_path: Path) -> None:
    folder = write(
        tmp_path,
        a__yml="web: {hosts: {h1: {x: 1}}, vars: {y: 1, z: 1}}",
        b__yml="""
        all: {children: {web: {hosts: {h2: }, vars: {y: 2}}}}
        web: {hosts: {h1: {v: 1}}}
        """,
    )
    found = load(folder)
    assert found.groups["web"] == ("h1", "h2")
    values = {name: var.value for name, var in found.hosts["h1"].variables.items()}
    assert values == {"x": 1, "y": 2, "z": 1, "v": 1}


def test_a_host_without_a_group_is_ungrouped_and_any_host_is_in_all(tmp_path: Path) -> None:
    found = read_inventory(tmp_path, "all: {hosts: {lone: , h: }}\nweb: {hosts: {h: }}")
    assert found.groups == {"all": ("lone", "h"), "ungrouped": ("lone",), "web": ("h",)}


def test_hosts_of_child_groups_belong_to_the_parents(tmp_path: Path) -> None:
    found = read_inventory(
        tmp_path,
        "top: {children: {mid: }}\nmid: {children: {low: }}\nlow: {hosts: {h: }}",
    )
    assert [found.groups[name] for name in ("top", "mid", "low")] == [("h",)] * 3
    assert found.hosts["h"].groups == ("all", "top", "mid", "low")


def test_a_single_file_uses_group_vars_and_host_vars_beside_it(tmp_path: Path) -> None:
    write(
        tmp_path,
        prod__yml="web: {hosts: {h: }}",
        other__yml="web: {hosts: {stranger: }}",
        group_vars__web__yml="x: 1",
        host_vars__h__yaml="y: 2",
    )
    found = load(tmp_path / "prod.yml")
    assert list(found.hosts) == ["h"]
    assert {n: v.value for n, v in found.hosts["h"].variables.items()} == {"x": 1, "y": 2}


def test_a_folder_of_variables_is_read_in_the_order_of_its_names(tmp_path: Path) -> None:
    found = read_inventory(
        tmp_path,
        "web: {hosts: {h: }}",
        group_vars__web__10__yml="{x: 10, y: 10}",
        group_vars__web__20__="x: 20",
        group_vars__web__deep__30__json='{"z": 30}',
    )
    values = {name: var.value for name, var in found.hosts["h"].variables.items()}
    assert values == {"x": 20, "y": 10, "z": 30}


def test_files_that_ansible_ignores_are_ignored(tmp_path: Path) -> None:
    (tmp_path / "group_vars" / "web").mkdir(parents=True)
    for name in (
        *(".hidden.yml", "hosts.yml.orig", "hosts.yml~", "README.md", "ansible.cfg", "known_hosts"),
        *("group_vars/web/x.txt", "group_vars/web/.x.yml", "group_vars/web/x.yml~"),
    ):
        (tmp_path / name).write_text("not: [yaml")
    found = read_inventory(tmp_path, "web: {hosts: {h: }}")
    assert list(found.hosts) == ["h"]
    assert found.warnings == ()


def test_files_that_are_not_read_are_named_in_warnings(tmp_path: Path) -> None:
    found = read_inventory(
        tmp_path,
        "web: {hosts: {h: }}",
        notes__="Ask the night shift first.",
        group_vars__web__x__yml="a: 1",
        group_vars__web__yml="b: 1",
    )
    notes, shadowed = sorted(found.warnings, reverse=True)
    assert notes.startswith(f"{tmp_path}/notes:1: each word after the name of a host must be")
    assert notes.endswith("the file is ignored")
    assert "group_vars/web.yml is ignored because" in shadowed


def test_a_port_after_the_host_name_is_its_ansible_port(tmp_path: Path) -> None:
    found = read_inventory(tmp_path, 'web: {hosts: {"h:2222": }}')
    assert found.hosts["h"].variables["ansible_port"].value == 2222


def test_a_single_name_stands_for_a_mapping_with_that_name(tmp_path: Path) -> None:
    found = read_inventory(tmp_path, "top: {children: web}\nweb: {hosts: h}")
    assert found.groups["top"] == ("h",)


def test_every_variable_knows_where_it_was_written(tmp_path: Path) -> None:
    found = read_inventory(
        tmp_path,
        "web:\n  hosts:\n    h:\n      a: 1\n  vars:\n    b: 1\n",
        extra=["d=1"],
        group_vars__web__yml="\n\nc: 1\n",
    )
    places = {n: str(v.where) for n, v in found.hosts["h"].variables.items()}
    assert places == {
        "a": f"{tmp_path}/hosts.yml:4",
        "b": f"{tmp_path}/hosts.yml:6",
        "c": f"{tmp_path}/group_vars/web.yml:3",
        "d": "-e",
    }
    assert str(found.hosts["h"].where) == f"{tmp_path}/hosts.yml:3"


def test_merge_keys_and_aliases_work(tmp_path: Path) -> None:
    found = read_inventory(
        tmp_path,
        """
        web:
          hosts:
            h1: &common {a: 1, b: 1}
            h2: {<<: *common, b: 2}
        """,
    )
    values = {name: var.value for name, var in found.hosts["h2"].variables.items()}
    assert values == {"a": 1, "b": 2}


def test_an_inventory_with_variables_for_other_tools_is_usable(tmp_path: Path) -> None:
    found = read_inventory(
        tmp_path,
        """
        all:
          vars:
            broken: "{{ nope"
            secret: !vault |
              $ANSIBLE_VAULT;1.1;AES256
              3138
            raw: !unsafe "{{ not a template }}"
            odd: !mine {a: 1}
            date: 2026-13-45
            when: 2026-01-02
          hosts: {h: {ours: 1}}
          children: {others: {hosts: {o: }}}
        """,
        group_vars__others__yml="$ANSIBLE_VAULT;1.1;AES256\n3138\n",
    )
    scope = build_scopes(found)["h"]
    assert scope["ours"] == 1
    assert scope["raw"] == "{{ not a template }}"
    assert scope["date"] == "2026-13-45"
