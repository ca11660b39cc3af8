"""Another process that gets a job reads its secrets by itself."""

from __future__ import annotations

import pickle
from pathlib import Path

from provision.masking import Secrets
from provision.sites.selection import Choice, read_sites
from tests.plays import load_plays
from tests.unit.inventory.inventories import write
from tests.unit.inventory.vault_files import VALUES, VaultFiles


def test_a_pickled_job_holds_no_secret_and_finds_all_of_them(
    tmp_path: Path, vaulted: VaultFiles
) -> None:
    hosts = "ban_hosts: {hosts: {bh1: {ansible_user: root}}}"
    runs = f"echo run >> {tmp_path}/runs; echo of-a-command"
    folder = write(
        tmp_path / "inventory",
        hosts__yml=hosts,
        host_vars__bh1__yml=f"ansible_password: {vaulted.inline('long')}"
        f"ansible_ssh_pass: \"{{{{ lookup('pipe', '{runs}') }}}}\"",
    )
    choice = Choice((str(folder),), vault=vaulted.options(), runs_commands=True)
    pickled = pickle.dumps(read_sites(choice, load_plays(), Secrets()))
    for secret in (VALUES["long"], "of-a-command"):
        assert secret.encode() not in pickled
    again = pickle.loads(pickled)
    assert again["bh1"].site.ban_host.login.password == "of-a-command"
    assert "of-a-command" in again.hidden
    assert (tmp_path / "runs").read_text() == "run\nrun\n"
