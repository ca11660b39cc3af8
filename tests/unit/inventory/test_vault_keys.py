"""Deriving keys from vault passwords takes milliseconds, so it is not done twice."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from provision.inventory.loader import build_scopes, load
from provision.inventory.variables import Where
from provision.inventory.vault.hidden import Hidden
from provision.inventory.vault.keyring import Keyring
from provision.inventory.vault.passwords import VaultOptions
from provision.masking import MASK, Secrets
from tests.unit.inventory.inventories import write
from tests.unit.inventory.vault_files import OTHER, PASSWORD, VALUES, VaultFiles


@pytest.fixture
def derived(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Return a list that gets the password of each derivation of keys."""
    calls: list[Any] = []
    derive = hashlib.pbkdf2_hmac

    def count(name: str, password: bytes, *rest: Any) -> bytes:
        calls.append(password)
        return derive(name, password, *rest)

    monkeypatch.setattr(hashlib, "pbkdf2_hmac", count)
    return calls


def test_a_value_of_many_hosts_costs_one_derivation(
    tmp_path: Path, vaulted: VaultFiles, derived: list[Any]
) -> None:
    hosts = "ban_hosts: {hosts: {'h[01:50]': }}"
    variables = f"x: {vaulted.inline('long')}y: {vaulted.inline('short')}"
    folder = write(tmp_path, hosts__yml=hosts, group_vars__ban_hosts__yml=variables)
    keyring = vaulted.open_keyring(Secrets())
    scopes = build_scopes(load(folder, keyring=keyring))
    assert {scope["x"] for scope in scopes.values()} == {VALUES["long"]}
    assert derived == [PASSWORD.encode()]


def test_of_several_passwords_the_one_that_fitted_last_is_tried_first(
    vaulted: VaultFiles, derived: list[Any]
) -> None:
    folder = vaulted.folder
    options = VaultOptions((f"a@{folder}/other", f"b@{folder}/password"))
    keyring = Keyring(options, environment={})
    assert [keyring.decrypt(vaulted.values[name]) for name in VALUES] == list(VALUES.values())
    assert derived == [OTHER.encode(), *[PASSWORD.encode()] * len(VALUES)]


def test_the_keys_of_many_values_are_derived_beforehand(
    vaulted: VaultFiles, derived: list[Any]
) -> None:
    keyring = vaulted.open_keyring(Secrets())
    texts = [*vaulted.values.values(), vaulted.read("vars.yml"), "$ANSIBLE_VAULT;1.1;AES256\n31"]
    keyring.prepare(texts)
    assert len(derived) == len(texts) - 1
    keyring.decrypt(texts[0])
    assert len(derived) == len(texts) - 1


def test_passwords_are_masked_and_names_of_hosts_are_not(vaulted: VaultFiles) -> None:
    secrets = Secrets()
    hidden = Hidden(secrets)
    hidden.spare(["ban-host-1"])
    Keyring(vaulted.options(), hidden, environment={}).decrypt(vaulted.values["long"])
    hidden.hide(["ban-host-1", "ban-host-1-pw"], "x", Where("hosts.yml", 1))
    assert secrets.mask(f"{PASSWORD} ban-host-1") == f"{MASK} ban-host-1"
