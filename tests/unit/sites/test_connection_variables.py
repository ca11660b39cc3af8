"""Check that Ansible's variables of connections apply."""

from __future__ import annotations

import getpass
import os
import platform
import pwd
from pathlib import Path

import pytest

from provision.engine.requests import name_operator
from tests.unit.sites.sites_model import GOOD, build


def test_a_host_with_no_connection_variables_is_reached_by_its_name(tmp_path: Path) -> None:
    (site,) = build(tmp_path, GOOD)
    linux, unit = site.ban_host.login, site.fortigates[0].login
    assert (linux.address, linux.port, linux.user) == ("ban1", 22, getpass.getuser())
    assert (unit.address, unit.port, unit.user, unit.become) == ("fw1", 22, "admin", False)
    assert linux.password is linux.private_key_file is None


def test_an_operator_without_a_name_logs_in_by_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A container that runs as any user has no line about it in /etc/passwd."""

    def find_nobody(number: int) -> None:
        raise KeyError(f"getpwuid(): uid not found: {number}")

    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", find_nobody)

    (site,) = build(tmp_path, GOOD)

    assert site.ban_host.login.user == str(os.getuid())
    assert name_operator() == f"{os.getuid()}@{platform.node()}"


def test_ansibles_connection_variables_apply(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("private")
    (site,) = build(
        tmp_path,
        f"""
        ban_hosts:
          hosts:
            ban1:
              ansible_host: 192.0.2.1
              ansible_port: "2222"
              ansible_user: deploy
              ansible_ssh_pass: hunter2
              ansible_ssh_private_key_file: {tmp_path}/key
              ansible_become_pass: swordfish
        """,
    )
    login = site.ban_host.login
    assert (login.address, login.port, login.user) == ("192.0.2.1", 2222, "deploy")
    assert (login.password, login.become, login.become_password) == ("hunter2", True, "swordfish")
    assert login.private_key_file == f"{tmp_path}/key"


@pytest.mark.parametrize(
    ("variables", "become"),
    [
        ("{ansible_user: root}", False),
        ("{ansible_user: deploy}", True),
        ("{ansible_user: deploy, ansible_become: no}", False),
        ("{ansible_user: root, ansible_become: 'true'}", True),
    ],
)
def test_everybody_but_root_becomes_root(tmp_path: Path, variables: str, become: bool) -> None:
    (site,) = build(tmp_path, f"ban_hosts: {{hosts: {{ban1: {variables}}}}}")
    assert site.ban_host.login.become is become


@pytest.mark.parametrize(
    ("variables", "seconds"),
    [
        ("", 15),
        ("ansible_timeout: 60", 60),
        ("ansible_timeout: '60'", 60),
        ("ansible_ssh_timeout: 45", 45),
        ("ansible_paramiko_timeout: 45", 45),
        ("ansible_timeout: 60, ansible_ssh_timeout: 45", 45),
    ],
)
def test_the_time_out_of_a_login_is_ansibles(tmp_path: Path, variables: str, seconds: int) -> None:
    (site,) = build(tmp_path, f"ban_hosts: {{hosts: {{ban1: {{{variables}}}}}}}")
    assert site.ban_host.login.timeout == seconds
    assert not site.ban_host.login.warnings


@pytest.mark.parametrize(
    ("value", "python"),
    [
        ("auto", None),
        ("auto_silent", None),
        ("auto_legacy", None),
        ("''", None),
        ("/usr/bin/python3.11", "/usr/bin/python3.11"),
        ("/usr/bin/env python3", "/usr/bin/env python3"),
        ("\"{{ '/opt/' ~ 'python' }}\"", "/opt/python"),
    ],
)
def test_the_python_of_a_ban_host_may_be_named(
    tmp_path: Path, value: str, python: str | None
) -> None:
    (site,) = build(
        tmp_path, f"ban_hosts: {{hosts: {{b: {{ansible_python_interpreter: {value}}}}}}}"
    )
    assert site.ban_host.login.python == python


@pytest.mark.parametrize(
    "variables",
    [
        "{ansible_user: joe, ansible_become_user: root, ansible_become_method: ansible.builtin.sudo}",
        "{ansible_user: joe, ansible_become: no, ansible_become_user: www}",
        "{ansible_user: root, ansible_become_user: www}",
    ],
)
def test_a_user_to_become_matters_only_where_sudo_is_used(tmp_path: Path, variables: str) -> None:
    (site,) = build(tmp_path, f"ban_hosts: {{hosts: {{b: {variables}}}}}")
    assert site.ban_host.login.become == ("joe" in variables and "no," not in variables)


def test_a_tilde_in_the_key_file_is_the_home_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "key").write_text("private")
    (site,) = build(tmp_path, "ban_hosts: {hosts: {b: {ansible_ssh_private_key_file: ~/key}}}")
    assert site.ban_host.login.private_key_file == f"{tmp_path}/key"


def test_two_fortigates_behind_one_address_differ_by_port(tmp_path: Path) -> None:
    (site,) = build(
        tmp_path,
        """
        ban_hosts: {hosts: {ban1: }}
        fortigates:
          vars: {ban_host: ban1, ansible_host: 192.0.2.1}
          hosts: {fw1: , fw2: {ansible_port: 2222}}
        """,
    )
    assert [unit.login.port for unit in site.fortigates] == [22, 2222]
