"""The inventory's settings of the way to a host, beside OpenSSH's own configuration."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from provision.cli.main import main
from provision.errors import InputError
from provision.inventory.loader import build_scopes, load
from provision.masking import Secrets
from provision.sites.connection import read_login
from tests.plays import load_plays
from tests.unit.inventory.ansible_core import start_ansible
from tests.unit.inventory.inventories import write
from tests.unit.sites.test_connection import login, warned

# Combinations of places for one option; the file of -F stands for ~/.ssh/config.
COMMON, EXTRA, FIRST = "ansible_ssh_common_args", "ansible_ssh_extra_args", "ansible_ssh_args"
CONFIG = """
Host 192.0.2.7
  HostName 192.0.2.77
  Port 2277
  User of-config
  ProxyJump of-config
  HostKeyAlias of-config
Host of-config of-common of-extra
  User jumper
  Port 2022
"""
CASES: list[dict[str, Any]] = [
    {},
    {"ansible_port": 1, "ansible_user": "of-variable"},
    {COMMON: "-p 2 -l of-common -J of-common"},
    {EXTRA: "-o Port=3 -o User=of-extra -o ProxyJump=of-extra"},
    {COMMON: "-p 2 -l of-common -J of-common", EXTRA: "-o Port=3 -o User=of-extra"},
    {EXTRA: "-p 3 -o ProxyJump=of-extra", "ansible_port": 1},
    {COMMON: "-p2 -lof-common", "ansible_port": 1, "ansible_user": "of-variable"},
    {FIRST: "-o Port=4 -o 'User=of-first'", "ansible_port": 1, "ansible_user": "of-variable"},
    {COMMON: "-o ProxyCommand='nc %h %p'", EXTRA: "-o ProxyJump=of-extra"},
    {COMMON: "-o ProxyJump=none"},
    {EXTRA: "-o 'HostName 192.0.2.78' -o HostKeyAlias=of-extra"},
]


def ask_openssh(argv: list[str]) -> dict[str, str]:
    """Return the options with which OpenSSH's client would run."""
    done = subprocess.run(
        [argv[0], "-G", *argv[1:]], capture_output=True, text=True, check=True, timeout=30
    )
    return dict(line.partition(" ")[::2] for line in done.stdout.splitlines())


def test_each_option_comes_from_the_place_that_ansible_and_openssh_take_it_from(
    tmp_path: Path,
) -> None:
    (tmp_path / "config").write_text(CONFIG)
    cases = [
        {"ansible_host": "192.0.2.7", **case, FIRST: f"-F {tmp_path}/config {case.get(FIRST, '')}"}
        for case in CASES
    ]
    (tmp_path / "ansible").mkdir()
    with start_ansible(tmp_path / "ansible") as ansible:
        commands = ansible.build_commands(cases)
    for case, command in zip(cases, commands, strict=True):
        theirs = ask_openssh(command)
        lines = "".join(f"{name}: {json.dumps(value)}\n" for name, value in case.items())
        ours = login(tmp_path / "inventory", lines)
        hop = ours.via.host.removeprefix("jump host ") if ours.via else ""
        assert (ours.destination, str(ours.port), ours.user, hop, ours.proxy_command) == (
            theirs["hostname"],
            theirs["port"],
            theirs["user"],
            theirs.get("proxyjump", ""),
            theirs.get("proxycommand", "").removesuffix("none"),
        )
        assert ours.host_key_alias == theirs.get("hostkeyalias", "")
        assert ours.address == "192.0.2.7"  # what is deployed does not depend on who deploys it


def test_a_jump_host_has_neither_the_key_nor_the_user_of_its_target(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("private")
    (tmp_path / "other").write_text("private")
    found = login(
        tmp_path,
        f"""
ansible_user: of-target
ansible_password: long-enough
ansible_ssh_private_key_file: {tmp_path}/key
ansible_ssh_common_args: -J joe@b1 -i {tmp_path}/other
""",
    )
    assert (found.private_key_file, found.identity_files) == (
        f"{tmp_path}/key",
        (f"{tmp_path}/other",),
    )
    hop = found.via
    assert hop
    assert (hop.user, hop.password, hop.private_key_file, hop.identity_files) == (
        "joe",
        None,
        None,
        (),
    )


def test_the_key_of_the_arguments_counts_as_one_of_the_inventory(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("private")
    (tmp_path / "config").write_text("IdentityFile /keys/of-config\n")
    found = login(tmp_path, f"{COMMON}: -i {tmp_path}/key -F {tmp_path}/config")
    assert (found.private_key_file, found.identity_files) == (f"{tmp_path}/key", ())
    found = login(tmp_path, f"{COMMON}: -F {tmp_path}/config")
    assert (found.private_key_file, found.identity_files) == (None, ("/keys/of-config",))


def test_a_password_in_a_command_is_masked(tmp_path: Path) -> None:
    write(
        tmp_path,
        hosts__yml="all: {hosts: {h: }}",
        host_vars__h__yml=f"""
        bastion_password: of-the-bastion
        {COMMON}: -o ProxyCommand="sshpass -p {{{{ bastion_password }}}} ssh -W %h:%p b1"
        """,
    )
    found, secrets = load(tmp_path), Secrets()
    host = found.hosts["h"]
    read = read_login(host, build_scopes(found)["h"], True, secrets)
    assert read.proxy_command == "sshpass -p of-the-bastion ssh -W %h:%p b1"
    assert secrets.mask(read.proxy_command) == "sshpass -p ******** ssh -W %h:%p b1"


def test_a_fortigate_takes_the_user_of_the_configuration_before_admin(tmp_path: Path) -> None:
    (tmp_path / "config").write_text("User forti\n")
    assert login(tmp_path, "x: 1", linux=False).user == "admin"
    assert login(tmp_path, f"{COMMON}: -F {tmp_path}/config", linux=False).user == "forti"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("-4 -J b", "ansible_ssh_common_args: -4 has no effect; of ssh's arguments, Banstitch reads"),
        ("-W x:1", "ansible_ssh_common_args: -W has no effect"),
        ("-o BindAddress=192.0.2.1", "ansible_ssh_common_args: -o BindAddress has no effect"),
        ("secret-word -J b", "ansible_ssh_common_args: a word that is no option has no effect"),
        ("-o StrictHostKeyChecking=no", "ansible_ssh_common_args has no effect: host keys are"),
    ],
)  # fmt: skip
def test_an_argument_without_effect_is_named_with_file_and_line(
    tmp_path: Path, line: str, expected: str
) -> None:
    (found,) = warned(tmp_path, f"x: 1\n{COMMON}: {line}")
    assert found.startswith(f"host_vars/h.yml:2: {expected}")
    assert "secret-word" not in found


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (f"{COMMON}: -J", f"{COMMON} cannot be used: -J needs a value"),
        (f'{COMMON}: "-J \'open"', f"{COMMON} cannot be used: a quote is not closed"),
        (f"{COMMON}: -o Secretword", f"{COMMON} cannot be used: -o needs KEYWORD=VALUE"),
        (f"{COMMON}: -p 99999", f"{COMMON}: Port must be a TCP port"),
        (f"{COMMON}: -J b1:b2:b3", f"{COMMON}: ProxyJump must name jump hosts"),
        (f"{COMMON}: [-J b]", f"{COMMON} must be a string"),
        (f"{COMMON}: -F /nowhere/config", f"{COMMON}: the file of -F is not read"),
        (f"{COMMON}: -F /dev/zero", f"{COMMON}: the file of -F is not read: it is not a regular"),
        (f"{COMMON}: '{{{{ nowhere }}}}'", COMMON),
        ("ssh_hop_limit: 0", "ssh_hop_limit must be a number of logins"),
        ("ssh_hop_limit: many", "ssh_hop_limit must be a number of logins"),
    ],
)
def test_an_argument_that_cannot_be_used_is_an_error(
    tmp_path: Path, line: str, expected: str
) -> None:
    with pytest.raises(InputError) as caught:
        login(tmp_path, f"x: 1\n{line}")
    assert f"h.yml:2: {expected}" in str(caught.value)


def test_the_limit_of_logins_is_a_setting(tmp_path: Path) -> None:
    found = login(tmp_path, f"{COMMON}: -J b1\nssh_hop_limit: 3")
    assert found.hop_limit == 3
    assert login(tmp_path, "x: 1").hop_limit == 10


@pytest.mark.parametrize(("second", "code"), [("-J b2", 0), ("-J b1", 3)])
def test_two_hosts_may_have_one_address_behind_different_jump_hosts(
    tmp_path: Path, second: str, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    write(
        tmp_path,
        hosts__yml=f"""
        ban_hosts:
          vars: {{ansible_host: 192.168.1.99, receiver_address: 192.168.1.99}}
          hosts:
            bh1: {{{COMMON}: -J b1}}
            bh2: {{{COMMON}: {second}}}
        """,
    )
    assert main(load_plays, ["check", "-i", str(tmp_path)]) == code
    assert ("has the address of bh1" in capsys.readouterr().err) == (code == 3)


def test_a_check_needs_no_arguments_that_only_a_command_prints(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    proof = tmp_path / "proof"
    write(
        tmp_path / "inventory",
        hosts__yml=f"""
        ban_hosts:
          vars:
            ansible_host: 192.168.1.99
            {COMMON}: "-J {{{{ lookup('pipe', 'touch {proof}') }}}}"
          hosts: {{bh1: , bh2: }}
        """,
    )
    assert main(load_plays, ["check", "-i", str(tmp_path / "inventory")]) == 0
    assert not proof.exists()
