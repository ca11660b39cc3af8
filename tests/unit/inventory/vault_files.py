"""Values and files that the real ansible-vault has encrypted."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from provision.inventory.vault.hidden import Hidden
from provision.inventory.vault.keyring import Keyring
from provision.inventory.vault.passwords import VaultOptions
from provision.masking import Secrets

PASSWORD, OTHER = "open-sesame", "second-password"
# What is encrypted, by name.
VALUES = {
    "long": "s3cret-of-fw1",
    "short": "abc",
    "braces": "a{{ b }}c",
    "lines": "one-line\ntwo-line\n",
}
PROD = "s3cret-of-prod"
FILES = {
    "vars.yml": "pw: s3cret-in-a-file\nmade: \"{{ 'joined-' ~ pw }}\"\npin: 271828\n"
    "day: 2031-12-24\nflag: true\nport: 22\n",
    "hosts.yml": "web: {hosts: {h: {pw: s3cret-in-the-inventory}}}\n",
    "hosts.ini": "[web]\nh pw=s3cret-in-ini\n",
    "plugin-wrong.yml": "plugin: constructed\nkeyed_groups: s3cret-in-a-plugin\n",
    "plugin.yml": "plugin: constructed\nstrict: true\ngroups: {everybody: true}\n",
    "key.txt": "first line of the key\nsecond line of the key\n",
    "wrong.yml": "a: [1\n",
}


@dataclass(frozen=True)
class VaultFiles:
    """A folder with the files in :data:`FILES`, encrypted, and the passwords in files.

    ``values`` are those of :data:`VALUES`, encrypted without an id, and ``prod`` with the id prod.
    """

    folder: Path
    values: dict[str, str]
    prod: str

    def read(self, name: str) -> str:
        """Return the encrypted text of a file."""
        return (self.folder / name).read_text()

    def inline(self, name: str, indent: int = 2) -> str:
        """Return a value as it is written in YAML."""
        return as_inline(self.prod if name == "prod" else self.values[name], indent)

    def options(self, *ids: str) -> VaultOptions:
        """Return the options that give the password of all but ``prod``, and those of these ids."""
        return VaultOptions(tuple(ids), (str(self.folder / "password"),))

    def open_keyring(self, secrets: Secrets, *ids: str) -> Keyring:
        """Return a keyring with these options that adds what it decrypts to ``secrets``."""
        return Keyring(self.options(*ids), Hidden(secrets), environment={})


def as_inline(text: str, indent: int = 2) -> str:
    """Return an encrypted text as a value in YAML."""
    return "!vault |\n" + "".join(f"{' ' * indent}{line}\n" for line in text.splitlines())


def share_vault_files(top: Path) -> VaultFiles:
    """Return the files in a folder of ``top``; only the first process to come encrypts them."""
    folder, made = top / "vault", top / "vault.json"
    with (top / "vault.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            folder.mkdir(exist_ok=True)  # of a process that was killed meanwhile
            files = _create_vault_files(folder)
            made.write_text(json.dumps([files.values, files.prod]))
        values, prod = json.loads(made.read_text())
    return VaultFiles(folder, values, prod)


def _create_vault_files(folder: Path) -> VaultFiles:
    """Encrypt everything; ansible-vault needs most of a second for each call."""
    (folder / "password").write_text(f"{PASSWORD}\n")
    (folder / "other").write_text(f"{OTHER}\n")
    for name, text in FILES.items():
        (folder / name).write_text(text)
    mine, other = f"default@{folder}/password", f"prod@{folder}/other"
    _run(folder, "encrypt", "--vault-id", mine, *FILES)
    texts = _run(folder, "encrypt_string", "--vault-id", mine, *VALUES.values())
    (prod,) = _run(folder, "encrypt_string", "--vault-id", other, PROD)
    return VaultFiles(folder, dict(zip(VALUES, texts, strict=True)), prod)


def _run(folder: Path, *arguments: str) -> list[str]:
    """Return what ansible-vault prints, each value without its tag."""
    program = Path(sys.executable).with_name("ansible-vault")
    inherited = {name: value for name, value in os.environ.items() if "ANSIBLE" not in name}
    done = subprocess.run(
        [sys.executable, str(program), *arguments],
        cwd=folder,
        env=inherited | {"ANSIBLE_HOME": str(folder), "LC_ALL": "C.UTF-8"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
    )
    parts = done.stdout.split("!vault |\n")[1:]
    return ["".join(f"{word}\n" for word in part.split()) for part in parts]
