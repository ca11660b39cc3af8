"""Vault passwords come from files, programs, the terminal and Ansible's environment variables."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from provision.inventory.vault.envelope import CannotDecrypt
from provision.inventory.vault.hidden import Hidden
from provision.inventory.vault.keyring import Keyring
from provision.inventory.vault.passwords import Ask, VaultOptions
from provision.masking import MASK, Secrets
from tests.unit.inventory.inventories import write_script
from tests.unit.inventory.vault_files import OTHER, PASSWORD, PROD, VALUES, VaultFiles

# Nothing of the machine's own environment.
NOTHING: Mapping[str, str] = {}


def open_long(
    vaulted: VaultFiles,
    options: VaultOptions,
    environment: Mapping[str, str] = NOTHING,
    ask: Ask | None = None,
) -> str:
    """Return the decrypted value that has no id."""
    keyring = Keyring(options, ask=ask, environment=environment)
    return keyring.decrypt(vaulted.values["long"])


def refuse(vaulted: VaultFiles, options: VaultOptions, ask: Ask | None = None) -> str:
    with pytest.raises(CannotDecrypt) as error:
        open_long(vaulted, options, ask=ask)
    return str(error.value)


@pytest.mark.parametrize("form", ["{}", "any@{}", "prod@{}"])
def test_an_id_names_a_file(vaulted: VaultFiles, form: str) -> None:
    options = VaultOptions((form.format(vaulted.folder / "password"),))
    assert open_long(vaulted, options) == VALUES["long"]


def test_a_program_prints_the_password_once_for_all_values(
    tmp_path: Path, vaulted: VaultFiles
) -> None:
    script = write_script(tmp_path / "ask.sh", f"echo run >> {tmp_path}/runs; echo {PASSWORD}")
    keyring = Keyring(VaultOptions((), (str(script),)), environment=NOTHING)
    assert not (tmp_path / "runs").exists()
    assert [keyring.decrypt(text) for text in vaulted.values.values()] == list(VALUES.values())
    assert (tmp_path / "runs").read_text() == "run\n"


def test_a_client_gets_the_id(tmp_path: Path, vaulted: VaultFiles) -> None:
    client = write_script(
        tmp_path / "my-client.sh", f'test "$*" = "--vault-id prod" && echo {OTHER}'
    )
    keyring = Keyring(VaultOptions((f"prod@{client}",)), environment=NOTHING)
    assert keyring.decrypt(vaulted.prod) == PROD


def test_a_pipe_gives_the_password(vaulted: VaultFiles) -> None:
    reader, writer = os.pipe()
    os.write(writer, f"{PASSWORD}\n".encode())
    os.close(writer)
    try:
        options = VaultOptions((), (f"/dev/fd/{reader}",))
        assert open_long(vaulted, options) == VALUES["long"]
    finally:
        os.close(reader)


@pytest.mark.parametrize(
    ("options", "environment", "prompt"),
    [
        (VaultOptions(ask=True), {}, "Vault password: "),
        (VaultOptions(("prompt",)), {}, "Vault password (default): "),
        (VaultOptions(("prod@prompt",)), {}, "Vault password (prod): "),
        (VaultOptions(), {"ANSIBLE_ASK_VAULT_PASS": "True"}, "Vault password: "),
    ],
)
def test_a_password_is_typed(
    vaulted: VaultFiles, options: VaultOptions, environment: dict[str, str], prompt: str
) -> None:
    asked: list[str] = []

    def answer(text: str) -> str:
        asked.append(text)
        return PASSWORD

    assert open_long(vaulted, options, environment, answer) == VALUES["long"]
    assert asked == [prompt]


@pytest.mark.parametrize(
    "name",
    ["ANSIBLE_VAULT_PASSWORD_FILE", "ANSIBLE_VAULT_IDENTITY_LIST"],
)
@pytest.mark.parametrize("home", [True, False])
def test_the_environment_names_files(
    vaulted: VaultFiles, monkeypatch: pytest.MonkeyPatch, name: str, home: bool
) -> None:
    monkeypatch.setenv("HOME", str(vaulted.folder))
    file = "~/password" if home else f"{vaulted.folder}/password"
    listed = f"prod@{vaulted.folder}/other , {file}" if name.endswith("LIST") else file
    assert open_long(vaulted, VaultOptions(), {name: listed}) == VALUES["long"]


def test_an_empty_variable_of_the_environment_names_nothing(vaulted: VaultFiles) -> None:
    environment = {"ANSIBLE_VAULT_PASSWORD_FILE": "", "ANSIBLE_VAULT_IDENTITY_LIST": ""}
    with pytest.raises(CannotDecrypt, match="no password was given"):
        open_long(vaulted, VaultOptions(), environment)


def test_the_ids_of_the_environment_come_before_those_of_the_command_line(
    vaulted: VaultFiles,
) -> None:
    other = f"{vaulted.folder}/other"
    environment = {
        "ANSIBLE_VAULT_PASSWORD_FILE": other,
        "ANSIBLE_VAULT_IDENTITY_LIST": f"a@{other}",
        "ANSIBLE_VAULT_IDENTITY": "mine",
    }
    with pytest.raises(CannotDecrypt, match=r"ids tried: a, b, mine\)"):
        open_long(vaulted, VaultOptions((f"b@{other}",), (other,)), environment)


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("/nowhere/at/all", "/nowhere/at/all: No such file or directory"),
        ("HERE", "HERE is a directory"),
        ("HERE/empty", "HERE/empty gives an empty password"),
        ("HERE/encrypted", "HERE/encrypted is itself encrypted"),
        ("HERE/fails", "HERE/fails ends with exit code 7"),
        ("HERE/silent", "HERE/silent gives an empty password"),
        ("~nobody-has-this-name/x", "~nobody-has-this-name/x: Could not determine home directory"),
        ("/dev/zero", "/dev/zero has more than 1 MiB"),
        ("HERE/endless", "HERE/endless writes more than 64 MiB"),
        (
            "HERE/plain",
            "HERE/plain: Exec format error; if it is not a program, remove its executable bit",
        ),
    ],
)
def test_a_password_that_cannot_be_read_is_named(
    tmp_path: Path, vaulted: VaultFiles, file: str, expected: str
) -> None:
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "encrypted").write_text(vaulted.read("key.txt"))
    write_script(tmp_path / "fails", f"echo {PASSWORD}; exit 7")
    write_script(tmp_path / "silent", "true")
    write_script(tmp_path / "endless", "exec cat /dev/zero")
    (tmp_path / "plain").write_text(PASSWORD)
    (tmp_path / "plain").chmod(0o755)
    told = refuse(vaulted, VaultOptions((), (file.replace("HERE", str(tmp_path)),)))
    assert told.startswith("is encrypted with ansible-vault, and no password could be read: ")
    assert expected.replace("HERE", str(tmp_path)) in told
    assert PASSWORD not in told


def test_without_a_terminal_and_with_an_empty_answer_there_is_no_password(
    vaulted: VaultFiles,
) -> None:
    options = VaultOptions(ask=True)
    assert "it must be typed, and there is no terminal" in refuse(vaulted, options)
    assert "the typed password is empty" in refuse(vaulted, options, lambda _: " ")


def test_one_password_that_cannot_be_read_is_a_warning(vaulted: VaultFiles) -> None:
    hidden = Hidden()
    options = VaultOptions(("old@/nowhere",), (f"{vaulted.folder}/password",))
    keyring = Keyring(options, hidden, environment=NOTHING)
    assert keyring.decrypt(vaulted.values["long"]) == VALUES["long"]
    assert hidden.warnings == (
        "a vault password cannot be read: /nowhere: No such file or directory",
    )


def test_a_password_that_could_not_be_read_is_named_where_no_other_fits(
    vaulted: VaultFiles,
) -> None:
    keyring = Keyring(
        VaultOptions((f"x@{vaulted.folder}/password", "prod@/nowhere")), environment={}
    )
    with pytest.raises(CannotDecrypt, match=r"ids tried: x\); not read: /nowhere: No such file"):
        keyring.decrypt(vaulted.prod)


def test_the_password_itself_is_masked(vaulted: VaultFiles) -> None:
    secrets = Secrets()
    vaulted.open_keyring(secrets).decrypt(vaulted.values["long"])
    assert secrets.mask(f"it is {PASSWORD}") == f"it is {MASK}"


@pytest.mark.parametrize("written", ["", "prod@"])
def test_an_id_without_a_file_asks_nobody(vaulted: VaultFiles, written: str) -> None:
    asked: list[str] = []

    def answer(text: str) -> str:
        asked.append(text)
        return PASSWORD

    with pytest.raises(CannotDecrypt, match="names no file"):
        open_long(vaulted, VaultOptions((written,)), NOTHING, answer)
    assert not asked


def test_a_typed_password_that_is_no_text_is_named(vaulted: VaultFiles) -> None:
    with pytest.raises(CannotDecrypt, match="the typed password is not UTF-8"):
        open_long(vaulted, VaultOptions(ask=True), NOTHING, lambda _: "caf\udce9")
