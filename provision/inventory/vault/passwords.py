"""Find and read the passwords of ansible-vault: in files, from programs, or from the terminal."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from provision.inventory.sources import program
from provision.inventory.vault.envelope import HEADER

# Bytes of a file: a device might never end.
_LARGEST = 1024 * 1024
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
    """A place of one password: a file, or the terminal if there is a ``prompt``; ``id`` may be empty."""

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
    if source.prompt:
        return _ask_for_password(source, ask)
    if not source.file:
        raise PasswordError(f"--vault-id {source.id}{'@' if source.id else ''} names no file")
    try:
        path = Path(os.path.expandvars(source.file)).expanduser().absolute()
    except RuntimeError as error:
        raise PasswordError(f"{source.file}: {str(error).rstrip('.')}") from None
    try:
        if path.is_dir():
            raise PasswordError(f"{path} is a directory")
        runs = os.access(path, os.X_OK)
        password = _run(path, source.id).strip(b"\r\n") if runs else _read(path).strip()
    except OSError as error:
        hint = "; if it is not a program, remove its executable bit"
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
    try:
        password = ask(source.prompt).strip().encode()
    except UnicodeError:
        raise PasswordError("the typed password is not UTF-8") from None
    if not password:
        raise PasswordError("the typed password is empty")
    return password


def _run(path: Path, vault_id: str) -> bytes:
    """Return the output of a program, which may use the terminal to ask for a password itself."""
    is_client = path.stem.endswith("-client")
    arguments = ["--vault-id", vault_id] if is_client and vault_id else []
    deadline = time.monotonic() + program.LONGEST
    try:
        done = program.run([str(path), *arguments], deadline, os.environ, asks=True, inherits=True)
    except program.ProgramError as error:
        raise PasswordError(f"{path} {error}") from None
    if done.code:
        raise PasswordError(f"{path} ends with exit code {done.code}")
    return done.output


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        content = file.read(_LARGEST + 1)
    if len(content) > _LARGEST:
        raise PasswordError(f"{path} has more than 1 MiB")
    return content
