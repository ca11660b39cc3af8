"""Sources of an inventory: files, folders, lists of hosts, and several of them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from provision.cli.main import main
from provision.errors import InputError
from provision.inventory.loader import build_scopes, load
from tests.plays import load_plays
from tests.unit.inventory.inventories import SITE, list_problems, read_values, write, write_script


def test_of_several_sources_the_later_wins_with_its_own_group_vars(tmp_path: Path) -> None:
    write(
        tmp_path,
        one__hosts__yml="web: {hosts: {h: {a: 1, b: 1}}}",
        one__group_vars__web__yml="{c: 1, d: 1}",
        two__hosts__ini="[web]\nh b=2\n",
        two__group_vars__all__yml="{c: 2, d: 2}",
        two__group_vars__web__yml="c: 2",
        two__host_vars__h__yml="e: 2",
    )
    assert read_values([f"{tmp_path}/one", f"{tmp_path}/two/hosts.ini"], "h") == {
        "a": 1,
        "b": 2,
        "c": 2,
        "d": 1,
        "e": 2,
    }


def test_check_merges_several_inventories(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, a__hosts__yml=SITE, b__hosts__ini="[ban_hosts]\nbh2 ansible_host=192.0.2.3\n")
    options = ["-i", f"{tmp_path}/a", "-i", f"{tmp_path}/b/hosts.ini"]
    assert main(load_plays, ["check", *options]) == 0
    assert "2 sites" in capsys.readouterr().out


def test_variables_beside_the_playbook_beat_those_beside_the_inventory(tmp_path: Path) -> None:
    write(
        tmp_path,
        inventory__hosts__yml="web: {hosts: {h: {host: 1}}}",
        inventory__group_vars__all__yml="{all: 1, group: 1}",
        inventory__group_vars__web__yml="{group: 2, mixed: 2}",
        inventory__host_vars__h__yml="{host: 2, both: 2}",
        play__group_vars__all__yml="{all: 3, mixed: 3}",
        play__group_vars__web__yml="group: 4",
        play__host_vars__h__yml="both: 5",
    )
    found = read_values([f"{tmp_path}/inventory"], "h", tmp_path / "play")
    assert found == {"all": 3, "group": 4, "mixed": 2, "host": 2, "both": 5}


def test_playbook_dir_sets_the_folder_of_the_playbooks_variables(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, inventory__hosts__yml=SITE, group_vars__all__yml="receiver_portt: 1\n")
    inventory = ["check", "-i", f"{tmp_path}/inventory"]
    assert main(load_plays, inventory) == 0
    warning = capsys.readouterr().err
    assert f"{tmp_path}/group_vars is not read" in warning
    assert f"give --playbook-dir {tmp_path}" in warning
    assert main(load_plays, [*inventory, "--playbook-dir", str(tmp_path)]) == 3
    said = capsys.readouterr().err
    assert said.startswith(f"{tmp_path}/group_vars/all.yml:1: ")
    assert "unknown setting receiver_portt" in said


def test_a_list_of_hosts_on_the_command_line_is_an_inventory() -> None:
    found = load(["h1, h2:2222,[2001:db8::1]:22,"])
    assert found.groups["ungrouped"] == ("h1", "h2", "2001:db8::1")
    assert found.hosts["h2"].variables["ansible_port"].value == 2222
    assert build_scopes(found)["h1"]["inventory_file"] is None


def test_known_hosts_is_beside_the_first_source(tmp_path: Path) -> None:
    write(tmp_path, a__hosts__yml=SITE, b__hosts__yml="web: {hosts: {w: }}")
    assert load([f"{tmp_path}/a/hosts.yml", f"{tmp_path}/b"]).folder == tmp_path / "a"


def test_every_host_knows_the_file_that_names_it_first(tmp_path: Path) -> None:
    write(tmp_path, a__one__yml="web: {hosts: {h: }}", b__two__ini="[web]\nh\nw\n")
    found = build_scopes(load([f"{tmp_path}/a", f"{tmp_path}/b/two.ini"]))
    assert found["h"]["inventory_file"] == f"{tmp_path}/a/one.yml"
    assert found["w"]["inventory_dir"] == f"{tmp_path}/b"


def test_a_line_of_an_ini_file_is_known(tmp_path: Path) -> None:
    write(tmp_path, hosts__="\n[web]\n# note\nh a=1\n\n[web:vars]\nb=2\n")
    places = {n: str(v.where) for n, v in load(tmp_path).hosts["h"].variables.items()}
    assert places == {"a": f"{tmp_path}/hosts:4", "b": f"{tmp_path}/hosts:7"}


def test_our_groups_are_checked_strictly_and_the_variables_of_their_parents(
    tmp_path: Path,
) -> None:
    write(
        tmp_path,
        hosts__yml="""
        ban_hosts: {children: {inner: }}
        inner: {hots: {}}
        outer: {children: {fortigates: }, vars: {v: 1, v: 2}, note: x}
        all: {description: x}
        fortigates: {hosts: {f: {a: 1, a: 2}}}
        other: {note: x, hosts: {'a b': {c: 1, c: 2}, 10: }, children: [x]}
        """,
        host_vars__f__yml="x: 1\nx: 2\n",
        group_vars__other__yml="x: 1\nx: 2\n",
    )
    with pytest.raises(InputError) as error:
        load(tmp_path)
    assert list_problems(error, tmp_path) == [
        "host_vars/f.yml:2: x is given twice, first in line 1; keep one of them",
        "hosts.yml:3: hots is not a part of a group; did you mean hosts?",
        "hosts.yml:4: v is given twice, first in line 4; keep one of them",
        "hosts.yml:6: a is given twice, first in line 6; keep one of them",
    ]


def test_structure_of_other_groups_gives_warnings_with_file_and_line(tmp_path: Path) -> None:
    write(
        tmp_path,
        hosts__yml="""
        other: {note: x, hosts: {'a b': {c: pa55word, c: pa55word2}, 10: , 'r[': }, children: [x]}
        third: pa55word
        """,
        group_vars__other__yml="x: 1\nx: 2\n",
    )
    found = load(tmp_path)
    assert list(found.hosts) == ["a b"]
    assert [warning.replace(f"{tmp_path}/", "") for warning in found.warnings] == [
        "hosts.yml:2: c is given twice, first in line 2; the last one counts",
        "hosts.yml:2: note is not a part of a group; it is ignored",
        "hosts.yml:2: the host name 10 must be a string; it is ignored",
        "hosts.yml:2: host range r[: is not a range; it is ignored",
        "hosts.yml:2: children of group other must be a mapping, not a list; it is ignored",
        "hosts.yml:3: group third must be a mapping, not a text; it is ignored",
        "group_vars/other.yml:2: x is given twice, first in line 1; the last one counts",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "all: {vars: {ansible_password: *S3cretTail99}}",
        "all: {vars: {ansible_password: &S3cretTail99 *x}}",
        "all: {vars: {ansible_password: 'S3cretTail99}}",
        'all: {vars: {ansible_password: "S3cretTail99\\q"}}',
        "all:\n  vars:\n    ansible_password: S3cretTail99: x\n",
        "all:\n  vars:\n    ansible_password: {{S3cretTail99}}\n",
        "all:\n  vars:\n    ansible_password: @S3cretTail99\n",
        "all:\n  vars:\n    ansible_password: %S3cretTail99\n",
        "all:\n  vars:\n    ansible_password: !S3cretTail99!x y\n",
        "all:\n  vars:\n    ansible_password: |S3cretTail99\n",
        "%S3cretTail99 1.1\n---\na: 1\n",
        "[ban_hosts]\nb ansible_password=S3cretTail99 S3cretTail99\n",
        "[ban_hosts]\nb ansible_password='S3cretTail99\n",
        "[all:vars]\nS3cretTail99\n",
        "[all]\nS3cretTail99 S3cretTail99\nS3cretTail99:\n",
    ],
)
def test_no_error_about_the_form_of_a_file_quotes_a_value(tmp_path: Path, text: str) -> None:
    write(tmp_path, hosts__yml=text)
    with pytest.raises(InputError) as error:
        load(tmp_path)
    assert "hosts.yml:" in str(error.value)
    assert "S3cret" not in str(error.value)


def test_a_pipe_in_an_inventory_folder_is_not_read(tmp_path: Path) -> None:
    write(tmp_path, hosts__yml="web: {hosts: {h: }}")
    os.mkfifo(tmp_path / "pipe")
    assert load(tmp_path).warnings == (
        f"{tmp_path}/pipe: must be a regular file; the file is ignored",
    )


def test_a_password_of_digits_in_an_ini_file_is_a_text(tmp_path: Path) -> None:
    write(
        tmp_path,
        hosts__="[web]\nh ansible_password=00123456 ansible_port=22 x=1234\n[web:vars]\nmy_token=1234\n",
    )
    assert read_values([str(tmp_path)], "h") == {
        "ansible_password": "00123456",
        "ansible_port": 22,
        "x": 1234,
        "my_token": "1234",
    }


def test_an_encrypted_file_that_may_be_no_inventory_is_a_warning(tmp_path: Path) -> None:
    write(tmp_path, hosts__yml="web: {hosts: {h: }}", more__enc="$ANSIBLE_VAULT;1.1;AES256\n3138\n")
    found = load(tmp_path)
    (warning,) = found.warnings
    assert warning.startswith(f"{tmp_path}/more.enc: is encrypted with ansible-vault")
    assert list(found.hosts) == ["h"]


def test_looping_and_broken_links_are_skipped(tmp_path: Path) -> None:
    write(tmp_path, hosts__yml="web: {hosts: {h: }}")
    (tmp_path / "again").symlink_to(tmp_path)
    (tmp_path / "gone.yml").symlink_to(tmp_path / "nowhere")
    found = load(tmp_path)
    assert list(found.hosts) == ["h"]
    assert found.warnings == (f"{tmp_path}/gone.yml: must be a regular file; the file is ignored",)


def test_many_warnings_are_cut(tmp_path: Path) -> None:
    write(tmp_path, hosts__yml="\n".join(f"g{n}: {{note: x}}" for n in range(300)))
    found = load(tmp_path)
    assert len(found.warnings) == 51
    assert found.warnings[-1] == "250 more warnings about the inventory are not listed"


def test_an_empty_option_is_not_an_inventory(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(load_plays, ["check", "-i", ""]) == 3
    assert "-i: must name an inventory; give a file or a directory" in capsys.readouterr().err


def test_expressions_know_the_folder_of_the_playbook(tmp_path: Path) -> None:
    write(
        tmp_path,
        inventory__hosts__yml="web: {hosts: {h: }}",
        inventory__host_vars__h__yml="a: '{{ playbook_dir }}'\nb: \"{{ lookup('file', 'x') }}\"",
        play__x__txt="",
        play__x__="from the playbook",
    )
    found = build_scopes(load(tmp_path / "inventory", (), tmp_path / "play"))["h"]
    assert found["a"] == f"{tmp_path}/play"
    assert found["b"] == "from the playbook"


def test_no_name_of_an_inventory_can_add_a_line_to_the_output(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, answer__json=r'{"ban_hosts": {"hosts": ["bh1\nok: 1 site"]}}')
    path = write_script(tmp_path / "hosts", f"cat {tmp_path}/answer.json")
    assert main(load_plays, ["check", "-i", str(path)]) == 3
    lines = capsys.readouterr().err.splitlines()
    assert lines
    assert all(line.startswith(str(path)) for line in lines)


def test_no_warning_of_an_inventory_can_control_a_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key = r'"x\e[2J\nok: 1 site\u202e"'
    write(
        tmp_path,
        hosts__yml="{ban_hosts: {hosts: {bh1: {ansible_host: 192.0.2.1}}}, web: {hosts: {h2: }}}",
        host_vars__h2__yml=f"{key}: 1\n{key}: 2\n",
    )
    (tmp_path / "odd\x1b[2J\nok: 1 site").write_text("{no inventory")
    assert main(load_plays, ["check", "-i", str(tmp_path)]) == 0
    warned = capsys.readouterr().err.splitlines()
    assert len(warned) == 2
    assert all(line.startswith("warning: ") and line.isprintable() for line in warned)
