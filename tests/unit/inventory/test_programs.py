"""Sources that are programs: inventory scripts, and what ansible-inventory reads."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from provision.cli.main import main
from provision.errors import InputError
from provision.inventory.loader import build_scopes, load
from provision.inventory.sources import program
from tests.plays import load_plays
from tests.unit.inventory.inventories import list_problems, write, write_script


def test_a_script_gets_the_environment_and_runs_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WHO", "h1")
    runs = tmp_path / "runs.txt"
    body = f'echo "$*" >> {runs}\necho "{{\\"web\\": [\\"$WHO\\"], \\"_meta\\": {{\\"hostvars\\": {{}}}}}}"'
    found = load(write_script(tmp_path / "inventory" / "list", body))
    assert found.groups["web"] == ("h1",)
    assert runs.read_text() == "--list\n"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("echo 1 >&2; echo 'no route' >&2; exit 3", "--list ends with exit code 3; it says: no route"),
        ("exit 1", "--list ends with exit code 1; it says nothing"),
        ("echo '{\"ban_hosts\": [pa55word'", "the inventory script --list must write JSON; run it by hand"),
        ("echo '[1]'", "must write JSON that is a mapping"),
        ("", "must write JSON"),
        ("echo '{\"ban_hosts\": {\"hosts\": \"pa55word\"}}'", "group ban_hosts of the inventory has"),
        ("echo '{\"a\": [\"h\"], \"_meta\": {\"hostvars\": {\"h\": 1}}}'", "of host h must be a mapping"),
        ("echo '{\"a\": [\"h\"], \"_meta\": {\"hostvars\": []}}'", "_meta.hostvars of the inventory must be"),
        ("kill -9 $$", "ends with exit code -9"),
    ],
)  # fmt: skip
def test_a_script_that_fails_is_named_with_the_reason(
    tmp_path: Path, body: str, expected: str
) -> None:
    path = write_script(tmp_path / "hosts.sh", body)
    with pytest.raises(InputError) as error:
        load(path)
    (found,) = list_problems(error, tmp_path)
    assert found.startswith("hosts.sh: ")
    assert expected in found
    assert "pa55word" not in found


def test_a_script_without_its_interpreter_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "hosts"
    path.write_text("#!/no/such/python\r\n")
    path.chmod(0o755)
    with pytest.raises(InputError, match=r"cannot be started: No such file.*first line \(#!\)"):
        load(path)


def is_running(process: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False


def test_a_script_that_never_ends_is_killed_with_its_children(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(program, "LONGEST", 0.5)
    path = write_script(tmp_path / "hosts", f"sleep 300 & echo $! > {tmp_path}/pid.txt; wait")
    with pytest.raises(InputError, match="the inventory script --list takes longer than"):
        load(path)
    child = int((tmp_path / "pid.txt").read_text())
    for _ in range(100):
        if not is_running(child):
            break
        time.sleep(0.05)
    assert not is_running(child)


def test_a_script_that_never_stops_writing_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(program, "LARGEST", 1024 * 1024)
    with pytest.raises(InputError, match="writes more than 1 MiB"):
        load(write_script(tmp_path / "hosts", "yes pa55word"))


def test_without_ansible_a_plugin_is_an_error_with_a_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, cmdb__yml="plugin: netbox.netbox.nb_inventory\ntoken: pa55word\n")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    with pytest.raises(InputError) as error:
        load(tmp_path / "cmdb.yml")
    (found,) = list_problems(error, tmp_path)
    assert found.startswith("cmdb.yml: configures the inventory plugin netbox.netbox.nb_inventory")
    assert "install ansible-core, or save its output: ansible-inventory -i" in found
    assert "pa55word" not in found


def test_a_plugin_that_fails_is_reported_with_ansibles_message(tmp_path: Path) -> None:
    write(tmp_path, cmdb__yml="plugin: no_such\ntoken: pa55word\n")
    with pytest.raises(InputError) as error:
        load(tmp_path / "cmdb.yml")
    assert "specifies unknown plugin 'no_such'" in str(error.value)
    assert "pa55word" not in str(error.value)


def test_unsafe_strings_of_a_plugin_are_not_templates(tmp_path: Path) -> None:
    write(
        tmp_path,
        a__yml="web: {hosts: {h: {raw: !unsafe '{{ b }}', b: 1, t: '{{ b }}'}}}",
        b__yml="plugin: ansible.builtin.constructed\ngroups: {tall: b == 1}\ncompose: {c: t}\n",
    )
    found = load(tmp_path)
    assert found.groups["tall"] == ("h",)
    scope = build_scopes(found)["h"]
    assert (scope["raw"], scope["t"]) == ("{{ b }}", 1)
    # what a file says itself keeps its line
    assert found.hosts["h"].variables["b"].where.line == 1


def test_no_ansible_cfg_can_run_a_program_for_an_inventory_in_toml(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write(
        tmp_path,
        ansible__cfg="[defaults]\ninventory_plugins = .\nvault_password_file = ./vault.sh\n",
        toml__py="raise SystemExit(open('ran', 'w').write('plugin'))\n",
        hosts__toml="[ban_hosts.hosts.bh1]\nansible_host = '192.0.2.1'\n",
    )
    write_script(tmp_path / "vault.sh", "touch ran; echo secret")
    monkeypatch.chdir(tmp_path)
    assert main(load_plays, ["check", "-i", "hosts.toml"]) == 0, capsys.readouterr().err
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("levels", [150, 900, 100_000])
def test_a_script_that_nests_values_without_end_is_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], levels: int
) -> None:
    deep = "[" * levels + "]" * levels
    write(tmp_path, answer__json=f'{{"all": {{"hosts": ["a"], "vars": {{"x": {deep}}}}}}}')
    path = write_script(tmp_path / "hosts", f"cat {tmp_path}/answer.json")
    assert main(load_plays, ["check", "-i", str(path)]) == 3
    assert f"{path}: the inventory script --list must write" in capsys.readouterr().err
