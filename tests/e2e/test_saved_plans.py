"""A plan that is saved, read, and applied later, with an inventory that real ansible-vault encrypted."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from provision.cli.main import main
from tests.e2e.labsite import FORTIGATE_PASSWORD, LabSite, Streams
from tests.plays import load_plays

pytestmark = pytest.mark.lab

VAULT_PASSWORD = "open-sesame"


def encrypt_password(site: LabSite, folder: Path) -> Path:
    """Move the FortiGate's password into an encrypted file; return the file with the vault's password."""
    (folder / "vault").write_text(f"{VAULT_PASSWORD}\n")
    hosts = site.folder / "hosts.yml"
    hosts.write_text(
        hosts.read_text().replace(f"          ansible_password: {FORTIGATE_PASSWORD}\n", "")
    )
    variables = site.folder / "group_vars" / "fortigates.yml"
    variables.parent.mkdir()
    variables.write_text(f"ansible_password: {FORTIGATE_PASSWORD}\n")
    program = Path(sys.executable).with_name("ansible-vault")
    subprocess.run(
        [sys.executable, program, "encrypt", "--vault-password-file", folder / "vault", variables],
        check=True,
        capture_output=True,
        env={"PATH": "/usr/bin:/bin", "ANSIBLE_HOME": str(folder), "LC_ALL": "C.UTF-8"},
    )
    return folder / "vault"


def test_what_was_approved_is_applied_once_and_nothing_else(site: LabSite, tmp_path: Path) -> None:
    password, plan = encrypt_password(site, tmp_path), tmp_path / "plan.json"
    opened = ("--vault-password-file", str(password))

    refused = site.run("plan", "--out", str(plan))
    assert refused.code == 3
    assert "vault" in refused.err

    saved = site.run("plan", "--out", str(plan), *opened)
    assert saved.code == 2, saved.out + saved.err
    assert FORTIGATE_PASSWORD not in plan.read_text() + saved.out + saved.err
    with Streams() as shown:
        assert main(load_plays, ["show", str(plan)]) == 0
    assert "external-resource" in shown.out

    done = site.run("apply", str(plan), "-y", *opened)
    assert done.code == 0, done.out + done.err
    assert FORTIGATE_PASSWORD not in done.out + done.err
    assert site.run("plan", *opened).code == 0

    before = site.list_files()
    again = site.run("apply", str(plan), "-y", *opened)
    assert again.code != 0
    assert site.list_files() == before
