"""Connection variables are read as Ansible reads them, and none that has no effect is silent."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from provision.cli.main import main
from provision.errors import InputError
from provision.inventory.loader import build_scopes, load
from provision.masking import Secrets
from provision.sites.connection import read_login
from provision.ssh.login import Login
from tests.plays import load_plays
from tests.unit.inventory.ansible_core import start_ansible
from tests.unit.inventory.inventories import write


def login(folder: Path, variables: str, linux: bool = True, extra: Sequence[str] = ()) -> Login:
    """Return the login of a host with these variables, one a line."""
    write(folder, hosts__yml="all: {hosts: {h: }}", host_vars__h__yml=variables)
    found = load(folder, extra)
    return read_login(found.hosts["h"], build_scopes(found)["h"], linux, Secrets())


def warned(folder: Path, variables: str, linux: bool = True) -> list[str]:
    found = login(folder, variables, linux).warnings
    return [str(each).replace(f"{folder}/", "") for each in found]


# Pairs and triples of names for one thing: Ansible takes the last of them in its own order.
NAMES: list[dict[str, Any]] = [
    {"ansible_host": "one", "ansible_ssh_host": "two"},
    {"ansible_ssh_host": "two"},
    {"ansible_port": "2201", "ansible_ssh_port": 2202},
    {"ansible_port": "2201"},
    {"ansible_user": "one", "ansible_ssh_user": "two"},
    {"ansible_ssh_user": "two"},
    {"ansible_password": "pass-one", "ansible_ssh_pass": "pass-two"},
    {"ansible_ssh_password": "pass-three", "ansible_ssh_pass": "pass-two"},
    {"ansible_ssh_pass": "pass-two"},
    {"ansible_become_password": "pass-one", "ansible_become_pass": "pass-two"},
    {"ansible_sudo_pass": "pass-three", "ansible_become_pass": "pass-two"},
    {"ansible_sudo_pass": "pass-three"},
    {"ansible_private_key_file": "KEY", "ansible_ssh_private_key_file": "KEY2"},
    {"ansible_ssh_private_key_file": "KEY2"},
]


def test_each_name_for_a_thing_has_the_rank_that_it_has_in_ansible(tmp_path: Path) -> None:
    keys = {name: str(tmp_path / name) for name in ("KEY", "KEY2")}
    for path in keys.values():
        Path(path).write_text("private")
    given = [{name: keys.get(str(v), v) for name, v in each.items()} for each in NAMES]
    ansible_folder = tmp_path / "ansible"
    ansible_folder.mkdir()
    with start_ansible(ansible_folder) as ansible:
        logins = ansible.read_logins(given)
    for variables, theirs in zip(given, logins, strict=True):
        lines = "".join(f"{name}: {value!r}\n" for name, value in variables.items())
        ours = login(tmp_path, lines)
        assert ours.address == ("h" if theirs["host"] == "inventory_hostname" else theirs["host"])
        assert ours.port == (theirs["port"] or 22)
        assert theirs["remote_user"] in (None, ours.user)
        assert (ours.password, ours.become_password) == (theirs["password"], theirs["become_pass"])
        assert ours.private_key_file == theirs["private_key_file"]


@pytest.mark.parametrize(
    ("written", "become"),
    [(word, True) for word in ("yes", "'yes'", "on", "'On'", "'True'", "1", "'1'", "'y'", "'t'")]
    + [(word, False) for word in ("no", "'off'", "0", "'n'", "'f'", "'FALSE'", "0.0")]
    + [("\"{{ 'yes' | bool }}\"", True), ('"{{ nothing | default(omit) }}"', True)],
)
def test_a_boolean_has_each_of_ansibles_spellings(
    tmp_path: Path, written: str, become: bool
) -> None:
    assert login(tmp_path, f"ansible_user: deploy\nansible_become: {written}").become is become


@pytest.mark.parametrize("method", ["sudo", "ansible.builtin.sudo"])
def test_sudo_is_accepted_by_its_full_name(tmp_path: Path, method: str) -> None:
    assert login(tmp_path, f"ansible_user: u\nansible_become_method: {method}").become


@pytest.mark.parametrize(
    "kind",
    [
        "ssh",
        "ansible.builtin.ssh",
        "smart",
        "paramiko",
        "ansible.builtin.paramiko_ssh",
        "network_cli",
        "ansible.netcommon.network_cli",
        "ansible.netcommon.libssh",
    ],
)
@pytest.mark.parametrize("linux", [True, False])
def test_a_connection_that_is_ssh_needs_no_word(tmp_path: Path, kind: str, linux: bool) -> None:
    assert warned(tmp_path, f"ansible_connection: {kind}", linux) == []


@pytest.mark.parametrize("kind", ["httpapi", "ansible.netcommon.httpapi", "local"])
def test_a_fortigate_that_ansible_reaches_otherwise_is_reached_by_ssh(
    tmp_path: Path, kind: str
) -> None:
    (found,) = warned(tmp_path, f"\nansible_connection: {kind}", linux=False)
    assert found.startswith("host_vars/h.yml:2: ansible_connection has no effect: Banstitch logs")


def test_the_port_of_httpapi_is_distinguished_from_that_of_ssh(tmp_path: Path) -> None:
    found = warned(tmp_path, "ansible_connection: httpapi\nansible_port: 443", linux=False)
    assert "host_vars/h.yml:2: ansible_port is used as the port of SSH" in found[1]
    both = "ansible_connection: httpapi\nansible_port: 443\nansible_ssh_port: 22"
    assert len(warned(tmp_path, both, linux=False)) == 1
    assert login(tmp_path, both, linux=False).port == 22


@pytest.mark.parametrize("kind", ["winrm", "docker", "community.docker.docker", "psrp", "httpapi"])
def test_a_ban_host_that_no_ssh_reaches_is_an_error(tmp_path: Path, kind: str) -> None:
    with pytest.raises(InputError, match=r"h.yml:1: ansible_connection must be ssh: Banstitch"):
        login(tmp_path, f"ansible_connection: {kind}")


@pytest.mark.parametrize(
    ("line", "linux", "expected"),
    [
        ("ansible_ssh_common_args: -o StrictHostKeyChecking=no", True, "keys are always checked"),
        ("ansible_host_key_checking: false", True, "host keys are always checked"),
        ("ansible_ssh_host_key_checking: 'no'", False, "host keys are always checked"),
        ("ansible_ssh_executable: /opt/ssh", True, "does not run OpenSSH's client"),
        ("ansible_paramiko_proxy_command: nc", True, "into ansible_ssh_common_args"),
        ("ansible_paramiko_password: secret-word", True, "write ansible_password"),
        ("ansible_ssh_private_key: secret-word", True, "a key is read from a file only"),
        ("ansible_private_key_passphrase: secret-word", True, "load it with ssh-add"),
        ("ansible_become_exe: /opt/sudo", True, "root is reached by the program sudo"),
        ("ansible_become_flags: -i", True, "sudo is run without further options"),
        ("ansible_command_timeout: 90", False, "Banstitch has its own time limits"),
        ("ansible_network_os: cisco.ios.ios", False, "must be FortiGates"),
    ],
)
def test_a_variable_without_effect_is_named_with_file_and_line(
    tmp_path: Path, line: str, linux: bool, expected: str
) -> None:
    (found,) = warned(tmp_path, f"x: 1\n{line}", linux)
    name = line.split(":")[0]
    assert found.startswith(f"host_vars/h.yml:2: {name} has no effect: ")
    assert expected in found
    assert "secret-word" not in found


@pytest.mark.parametrize(
    "line",
    [
        "ansible_ssh_pipelining: true",
        "ansible_pipelining: true",
        "ansible_remote_tmp: /tmp/x",
        "ansible_ssh_transfer_method: scp",
        "ansible_control_path_dir: /tmp/x",
        "ansible_ssh_common_args: ''",
        "ansible_ssh_common_args: -o ProxyJump=bastion",
        "ansible_ssh_extra_args: -J bastion",
        "ansible_ssh_args: '-o ProxyCommand=\"ssh -W %h:%p b\"'",
        "ansible_ssh_args: -C -o ControlMaster=auto -o ControlPersist=60s",
        "ansible_host_key_checking: true",
        "ansible_shell_type: sh",
        "ansible_network_os: fortinet.fortios.fortios",
        "ansible_httpapi_use_ssl: true",
        "ansible_become_exe: ''",
    ],
)
@pytest.mark.parametrize("linux", [True, False])
def test_a_harmless_variable_needs_no_word(tmp_path: Path, line: str, linux: bool) -> None:
    assert warned(tmp_path, line, linux) == []


def test_a_warning_is_printed_once_however_many_hosts_have_the_variable(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(
        tmp_path,
        hosts__yml="""
        all: {vars: {ansible_ssh_common_args: -o StrictHostKeyChecking=no}}
        ban_hosts: {hosts: {"ban[01:20]": }}
        """,
    )
    assert main(load_plays, ["check", "-i", str(tmp_path)]) == 0
    told = capsys.readouterr().err
    assert told.count("ansible_ssh_common_args has no effect: host keys are always") == 1
    assert "hosts.yml:2: " in told


def test_a_variable_of_the_command_line_is_named_as_such(tmp_path: Path) -> None:
    (found,) = login(tmp_path, "x: 1", extra=["ansible_become_flags=-i"]).warnings
    assert str(found).startswith("-e: ansible_become_flags has no effect")


def test_a_password_of_another_lookup_is_needed_by_who_connects_only(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    proof = tmp_path / "proof"
    write(
        tmp_path / "inventory",
        hosts__yml="ban_hosts: {hosts: {ban1: {ansible_host: 127.0.0.1}}}",
        group_vars__all__yml=f"""ansible_password: "{{{{ lookup('password', '{proof}') }}}}"\n""",
    )
    arguments = ["-i", str(tmp_path / "inventory")]
    assert main(load_plays, ["check", *arguments]) == 0
    assert "ansible_password: lookup('password') is not carried out" in capsys.readouterr().err
    assert main(load_plays, ["plan", *arguments]) == 3
    told = capsys.readouterr().err
    assert "all.yml:1: ansible_password: lookup('password') is not carried out" in told
    assert "lookup('env', 'NAME')" in told
    assert not proof.exists()
