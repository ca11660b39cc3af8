"""Decrypt with the vault passwords of a run."""

from __future__ import annotations

import os
from collections.abc import Container, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from provision.errors import InputError
from provision.inventory.variables import Where
from provision.inventory.vault.envelope import (
    CannotDecrypt,
    Envelope,
    derive_keys,
    open_envelope,
    read_envelope,
)
from provision.inventory.vault.hidden import Hidden
from provision.inventory.vault.passwords import (
    NO_PASSWORDS,
    Ask,
    PasswordError,
    VaultOptions,
    get_default_id,
    is_set,
    list_sources,
    read_password,
)

# Fewer keys are derived one after the other, when each of them is needed.
_FEW = 4


class EncryptedFile(InputError):
    """A file that cannot be decrypted."""


class Keyring:
    """The vault passwords of a run; they are read when the first encrypted thing is used.

    ``ask`` asks on the terminal; without it, there is none.
    """

    def __init__(
        self,
        options: VaultOptions = NO_PASSWORDS,
        hidden: Hidden | None = None,
        ask: Ask | None = None,
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        self.hidden = hidden or Hidden()
        self._ask = ask
        self._options = options
        self._environment = environment
        self._only_matching = is_set(environment, "ANSIBLE_VAULT_ID_MATCH")
        self._passwords: list[tuple[str, bytes]] | None = None
        self._failures: list[str] = []
        self._keys: dict[tuple[bytes, bytes], bytes] = {}
        self._texts: dict[str, str] = {}

    def list_arguments(self) -> list[str]:
        """Return the options that give ansible-inventory the passwords, without typed ones."""
        files = (s for s in list_sources(self._options, {}) if s.file)
        return [w for s in files for w in ("--vault-id", f"{s.id}@{s.file}" if s.id else s.file)]

    def decrypt(self, text: str) -> str:
        """Return the decrypted text of what ansible-vault wrote.

        Raises:
            CannotDecrypt: it is damaged, no password was given, or none fits.
        """
        if text not in self._texts:
            self._texts[text] = self._decrypt(read_envelope(text))
        return self._texts[text]

    def decrypt_file(self, raw: bytes, file: str) -> str:
        """Return the decrypted text of a file.

        Raises:
            EncryptedFile: as for :meth:`decrypt`.
        """
        try:
            return self.decrypt(raw.decode("ascii", errors="replace"))
        except CannotDecrypt as error:
            raise EncryptedFile([Where(file).problem(str(error), error.remedy)]) from None

    def prepare(self, texts: Iterable[str]) -> None:
        """Derive the keys of many values at once, on all processors."""
        distinct = [text for text in dict.fromkeys(texts) if text not in self._texts]
        # without a password, and for what is damaged, the errors come when the values are used
        if len(distinct) > _FEW and self._load_passwords():
            with ThreadPoolExecutor(os.cpu_count()) as threads:
                list(threads.map(self._prepare, distinct))

    def _prepare(self, text: str) -> None:
        with suppress(CannotDecrypt):
            envelope = read_envelope(text)
            for _, password in self._list_candidates(envelope)[:1]:
                self._get_keys(password, envelope.salt)

    def _decrypt(self, envelope: Envelope) -> str:
        passwords = self._load_passwords()
        if not passwords:
            raise self._build_missing(envelope)
        candidates = self._list_candidates(envelope)
        for vault_id, password in candidates:
            text = open_envelope(envelope, self._get_keys(password, envelope.salt))
            if text is not None:
                # the next value of the same id, or without one, probably has the same password
                passwords.remove((vault_id, password))
                passwords.insert(0, (vault_id, password))
                return text
        raise self._build_refusal(envelope, [vault_id for vault_id, _ in candidates])

    def _list_candidates(self, envelope: Envelope) -> list[tuple[str, bytes]]:
        """Return the passwords to try, those of the same vault id first."""
        wanted = envelope.id or get_default_id(self._environment)
        passwords = self._load_passwords()
        matching = [pair for pair in passwords if pair[0] == wanted]
        if self._only_matching:
            return matching
        if not envelope.id:  # a text without an id may have been encrypted with any password
            return passwords[:]
        return [*matching, *(pair for pair in passwords if pair[0] != wanted)]

    def _get_keys(self, password: bytes, salt: bytes) -> bytes:
        if (password, salt) not in self._keys:
            self._keys[password, salt] = derive_keys(password, salt)
        return self._keys[password, salt]

    def _load_passwords(self) -> list[tuple[str, bytes]]:
        """Return the passwords with their ids; those that cannot be read are warnings, as in Ansible."""
        if self._passwords is None:
            self._passwords = []
            for source in list_sources(self._options, self._environment):
                try:
                    password = read_password(source, self._ask)
                except PasswordError as error:
                    self._failures.append(str(error))
                    continue
                self.hidden.add(password.decode(errors="replace"))
                vault_id = source.id or get_default_id(self._environment)
                self._passwords.append((vault_id, password))
            for failure in self._failures:
                self.hidden.warn(f"a vault password cannot be read: {failure}")
        return self._passwords

    def _build_missing(self, envelope: Envelope) -> CannotDecrypt:
        with_id = f" (id {envelope.id})" if envelope.id else ""
        if self._failures:
            reason = f"no password could be read: {'; '.join(self._failures)}"
            remedy = "correct the options or ANSIBLE_VAULT_... that name it"
        else:
            reason = "no password was given"
            remedy = (
                f"give --vault-id {envelope.id or 'ID'}@FILE, --vault-password-file FILE "
                "or --ask-vault-pass"
            )
        return CannotDecrypt(f"is encrypted with ansible-vault{with_id}, and {reason}", remedy)

    def _build_refusal(self, envelope: Envelope, tried: Iterable[str]) -> CannotDecrypt:
        ids = ", ".join(dict.fromkeys(tried)) or "none, because ANSIBLE_VAULT_ID_MATCH is set"
        message = f"is encrypted with ansible-vault, and no given password fits (ids tried: {ids})"
        if self._failures:
            message += f"; not read: {'; '.join(self._failures)}"
        return CannotDecrypt(message, _advise(envelope.id, ids.split(", ")))


def _advise(vault_id: str, tried: Container[str]) -> str:
    """Return the remedy where no password fits."""
    if vault_id and vault_id not in tried:
        return f"its id is {vault_id}: give --vault-id {vault_id}@FILE"
    return "check the passwords; if they are right, the text was changed"
