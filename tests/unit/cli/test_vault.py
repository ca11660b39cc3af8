"""Vault passwords on the command line, and decrypted values that leave the program in no form."""

from __future__ import annotations

import getpass
import logging
import sys
from pathlib import Path
from typing import Any, NoReturn

import pytest

from provision.errors import Unreachable
from provision.linux.session import session
from provision.ssh.login import Login
from tests.unit.cli.command_line import Cli, Terminal
from tests.unit.inventory.inventories import write, write_script
from tests.unit.inventory.vault_files import OTHER, PASSWORD, PROD, VALUES, VaultFiles

SECRET = VALUES["long"]
FILE_SECRET = "s3cret-in-a-file"
# The ban host's password is encrypted in its place; that of the FortiGates, in an encrypted file.
HOST_VARS = "ansible_user: root\nansible_password: "
GROUP_VARS = "ansible_password: '{{ pw }}'\n"


@pytest.fixture
def sites(cli: Cli, vaulted: VaultFiles) -> Cli:
    """Return the command line on an inventory with encrypted passwords."""
    hosts = (cli.folder / "hosts.yml").read_text()
    (cli.folder / "hosts.yml").write_text(hosts.replace("ansible_password", "unused"))
    write(
        cli.folder,
        host_vars__bh1__yml=HOST_VARS + vaulted.inline("long"),
        group_vars__fortigates__a__yml=GROUP_VARS,
        group_vars__fortigates__vault__yml=vaulted.read("vars.yml"),
    )
    return cli


@pytest.fixture
def talkative(sites: Cli, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """Return the command line, with a network whose errors and logs quote the password."""

    def connect(login: Login, *_: Any, **__: Any) -> NoReturn:
        logging.getLogger("paramiko").debug("sent %s", login.password)
        raise Unreachable(f"bh1 refused {login.password} and {FILE_SECRET!r}", f"not {SECRET}")

    monkeypatch.setattr(session, "connect", connect)
    return sites


def test_check_decrypts_what_it_needs(sites: Cli, vaulted: VaultFiles) -> None:
    password = str(vaulted.folder / "password")
    assert sites("check", "--vault-password-file", password).code == 0
    assert sites("check", "--vault-id", f"x@{password}").code == 0
    assert sites("check", "--vault-pass-file", password, "--json").code == 0
    said = sites("check")
    assert said.code == 3
    assert "group_vars/fortigates/vault.yml: is encrypted with ansible-vault, and no" in said.err
    assert "--vault-password-file FILE or --ask-vault-pass" in said.err


def test_the_environment_gives_the_password(
    sites: Cli, vaulted: VaultFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANSIBLE_VAULT_PASSWORD_FILE", str(vaulted.folder / "password"))
    assert sites("check").code == 0


@pytest.mark.parametrize("options", [[], ["-vvv"], ["--json"], ["--json", "-vvv"], ["-D"]])
def test_no_output_shows_a_decrypted_value(
    talkative: Cli, vaulted: VaultFiles, options: list[str]
) -> None:
    said = talkative("plan", "--vault-password-file", str(vaulted.folder / "password"), *options)
    assert said.code == 4
    assert "bh1 refused ********" in said.out + said.err
    for secret in (SECRET, FILE_SECRET, PASSWORD):
        assert secret not in said.out + said.err


def test_no_output_shows_the_output_of_a_command(talkative: Cli) -> None:
    write(
        talkative.folder,
        host_vars__bh1__yml=HOST_VARS + f"\"{{{{ lookup('pipe', 'echo {SECRET}') }}}}\"",
        group_vars__fortigates__vault__yml=f"pw: {FILE_SECRET}",
    )
    said = talkative("plan", "-vvv")
    assert said.code == 4, said.err
    assert "bh1 refused ********" in said.out + said.err
    assert SECRET not in said.out + said.err


def test_a_value_that_is_too_short_to_be_masked_is_a_warning(
    sites: Cli, vaulted: VaultFiles
) -> None:
    text = (
        f"{HOST_VARS}{vaulted.inline('long')}receiver_port: '{{{{ odd | length + 5000 }}}}'\nodd: "
    )
    write(sites.folder, host_vars__bh1__yml=text + vaulted.inline("short"))
    said = sites("check", "--vault-password-file", str(vaulted.folder / "password"))
    assert said.code == 0, said.err
    assert (
        "host_vars/bh1.yml:10: odd is secret, but with fewer than 4 characters it is not masked"
        in said.err
    )


def test_a_password_is_typed_on_a_terminal(
    sites: Cli, vaulted: VaultFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "there is no terminal" in sites("check", "--ask-vault-pass").err
    asked: list[str] = []
    monkeypatch.setattr(sys, "stdin", Terminal())

    def answer(prompt: str) -> str:
        asked.append(prompt)
        return PASSWORD

    monkeypatch.setattr(getpass, "getpass", answer)
    for option in ("-J", "--ask-vault-pass", "--ask-vault-password"):
        assert sites("check", option).code == 0
    assert asked == ["Vault password: "] * 3


def test_a_terminal_that_is_closed_gives_no_password(
    sites: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    def close(_: str) -> NoReturn:
        raise EOFError

    monkeypatch.setattr(sys, "stdin", Terminal())
    monkeypatch.setattr(getpass, "getpass", close)
    assert "the typed password is empty" in sites("check", "--ask-vault-pass").err


def test_check_and_render_run_the_password_s_program_and_no_command_of_a_value(
    sites: Cli, vaulted: VaultFiles, tmp_path: Path
) -> None:
    script = write_script(tmp_path / "vault.sh", f"touch {tmp_path}/asked; echo {PASSWORD}")
    pipe = f"{{{{ lookup('pipe', 'touch {tmp_path}/ran') }}}}"
    values = [
        f'{name}: "{pipe}"\n' for name in ("ansible_password", "ansible_port", "receiver_port")
    ]
    write(sites.folder, host_vars__bh1__yml="".join(values))
    options = ["--vault-password-file", str(script)]
    for arguments in (["check"], ["render", str(tmp_path / "out")]):
        said = sites(*arguments, *options)
        assert (said.code, said.err) == (0, "")
        assert (tmp_path / "asked").exists()
        assert not (tmp_path / "ran").exists()
    assert "receiver_port" in sites("plan", *options).err
    assert (tmp_path / "ran").exists()


def test_check_takes_parts_of_outputs_for_the_parts_that_they_will_be(sites: Cli) -> None:
    output = "(lookup('pipe', 'sops -d hosts.json') | from_json)"
    parts = {
        "ansible_host": "[inventory_hostname]",
        "ansible_password": ".password",
        "ansible_become_password": "[9:]",
    }
    text = "".join(f'{name}: "{{{{ {output}{part} }}}}"\n' for name, part in parts.items())
    write(sites.folder, host_vars__bh1__yml=text, group_vars__fortigates__vault__yml=text)
    said = sites("check")
    assert (said.code, said.err) == (0, "")


def test_another_id_opens_only_its_own_values(sites: Cli, vaulted: VaultFiles) -> None:
    write(sites.folder, host_vars__bh1__yml=HOST_VARS + vaulted.inline("prod"))
    mine, other = vaulted.folder / "password", vaulted.folder / "other"
    said = sites("check", "--vault-id", f"default@{mine}")
    assert said.code == 3
    assert (
        "bh1.yml:2: bh1: ansible_password is encrypted with ansible-vault, and no given" in said.err
    )
    assert "(ids tried: default); its id is prod: give --vault-id prod@FILE" in said.err
    assert sites("check", "--vault-id", f"default@{mine}", "--vault-id", f"prod@{other}").code == 0
    assert PROD not in said.err
    assert OTHER not in said.err
