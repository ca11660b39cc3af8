"""Find and read the passwords of ansible-vault: in files, from programs, or from the terminal."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from provision.inventory.vault.envelope import HEADER

# Seconds that a program may take: it may ask for a password itself.
LONGEST = 300.0
_PROMPT = "prompt"
_TRUE = ("1", "true", "yes", "on", "y", "t")

# Asks on the terminal and returns what was typed; the text is the prompt.
Ask = Callable[[str], str]


@dataclass(frozen=True)
class VaultOptions:
    """The options of the command line that name vault passwords."""

    ids: tuple[str, ...] = ()
    password_files: tuple[str, ...] = ()
    ask: bool = False


NO_PASSWORDS = VaultOptions()


@dataclass(frozen=True)
class Source:
    """A place of one password: a file, or the terminal if ``file`` is empty; ``id`` may be empty."""

    id: str
    file: str
    prompt: str = ""


class PasswordError(Exception):
    """A password cannot be read; the text names the place and the reason."""


def list_sources(options: VaultOptions, environment: Mapping[str, str]) -> list[Source]:
    """Return the sources of all passwords, in the order in which ansible-core tries them."""
    listed = environment.get("ANSIBLE_VAULT_IDENTITY_LIST", "").split(",")
    ids = [*filter(None, map(str.strip, listed)), *options.ids]
    files = [*options.password_files, environment.get("ANSIBLE_VAULT_PASSWORD_FILE", "")]
    default = get_default_id(environment)
    sources = list(map(_parse_id, ids))
    sources += [Source(default, file) for file in files if file]
    if options.ask or is_set(environment, "ANSIBLE_ASK_VAULT_PASS"):
        # AWX and Semaphore wait for exactly this text
        sources.append(Source(default, "", "Vault password: "))
    return sources


def get_default_id(environment: Mapping[str, str]) -> str:
    """Return the id of passwords that were given without one."""
    return environment.get("ANSIBLE_VAULT_IDENTITY") or "default"


def is_set(environment: Mapping[str, str], name: str) -> bool:
    """Return whether a setting of Ansible's is true in the environment."""
    return environment.get(name, "").strip().lower() in _TRUE


def _parse_id(text: str) -> Source:
    vault_id, at, rest = text.partition("@")
    vault_id, file = (vault_id, rest) if at else ("", text)
    if file == _PROMPT:
        return Source(vault_id, "", f"Vault password ({vault_id or 'default'}): ")
    return Source(vault_id, file)


def read_password(source: Source, ask: Ask | None) -> bytes:
    """Return the password of ``source``.

    Raises:
        PasswordError: it cannot be read, or is empty.
    """
    if not source.file:
        return _ask_for_password(source, ask)
    path = Path(os.path.expandvars(source.file)).expanduser().absolute()
    try:
        if path.is_dir():
            raise PasswordError(f"{path} is a directory")
        runs = os.access(path, os.X_OK)
        password = _run(path, source.id).strip(b"\r\n") if runs else path.read_bytes().strip()
    except OSError as error:
        hint = "; if it is not a program, take away its bit to execute"
        reason = f"{path}: {error.strerror or error}"
        raise PasswordError(reason + (hint if os.access(path, os.X_OK) else "")) from None
    if not password:
        raise PasswordError(f"{path} gives an empty password")
    if password.startswith(HEADER.encode()):
        raise PasswordError(f"{path} is itself encrypted")
    return password


def _ask_for_password(source: Source, ask: Ask | None) -> bytes:
    if ask is None:
        raise PasswordError("it must be typed, and there is no terminal")
    password = ask(source.prompt).strip().encode()
    if not password:
        raise PasswordError("the typed password is empty")
    return password


def _run(path: Path, vault_id: str) -> bytes:
    """Return the output of a program, which may use the terminal to ask for a password itself."""
    is_client = path.stem.endswith("-client")
    arguments = ["--vault-id", vault_id] if is_client and vault_id else []
    try:
        done = subprocess.run(
            [str(path), *arguments], stdout=subprocess.PIPE, timeout=LONGEST, check=False
        )
    except subprocess.TimeoutExpired:
        raise PasswordError(f"{path} takes longer than {LONGEST:.0f} s") from None
    if done.returncode:
        raise PasswordError(f"{path} ends with exit code {done.returncode}")
    return done.stdout
