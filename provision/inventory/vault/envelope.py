"""Read and open what ansible-vault writes: formats 1.1 and 1.2 with the cipher AES256.

A header line is followed by hexadecimal digits of three lines, each of them in hexadecimal digits again: the
salt, an HMAC-SHA256, and the text in AES-CTR. PBKDF2 derives both keys and the counter from a password.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from binascii import Error as HexError
from binascii import unhexlify
from dataclasses import dataclass

from provision.inventory.variables import Unusable

HEADER = "$ANSIBLE_VAULT;"
_FORMATS = ("1.1", "1.2")
_CIPHER = "AES256"
_ROUNDS = 10_000
# Bytes of the key for AES, of the key for the HMAC, and of the counter.
_KEY, _COUNTER = 32, 16
_BLOCK = 16
_AGAIN = "encrypt it again"


class CannotDecrypt(Unusable):
    """Something encrypted stays so; the message follows its name and quotes nothing of it."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message, brief=message)
        self.remedy = remedy


@dataclass(frozen=True)
class Envelope:
    """An encrypted text; ``id`` is the vault id in its header, or empty."""

    id: str
    salt: bytes
    mac: bytes
    ciphertext: bytes


def read_envelope(text: str) -> Envelope:
    """Return the parts of what ansible-vault wrote; blanks and line ends in it do not matter.

    Raises:
        CannotDecrypt: it is damaged, or has another format.
    """
    header, _, body = text.strip().partition("\n")
    vault_id = _read_header(header)
    try:
        salt, mac, ciphertext = map(unhexlify, unhexlify("".join(body.split())).split(b"\n", 2))
    except (HexError, ValueError):
        raise _build_damage("digits are missing or wrong") from None
    if len(mac) != hashlib.sha256().digest_size or not ciphertext or len(ciphertext) % _BLOCK:
        raise _build_damage("digits are missing")
    return Envelope(vault_id, salt, mac, ciphertext)


def _read_header(header: str) -> str:
    """Return the vault id in a header, which 1.1 does not have."""
    mark, *words = (word.strip() for word in header.split(";"))
    if mark + ";" != HEADER or len(words) < 2:
        raise _build_damage(f"its first line must begin with {HEADER}1.1;{_CIPHER}")
    version, cipher, *ids = words
    if version not in _FORMATS or cipher != _CIPHER:
        message = f"is encrypted in another format than {' and '.join(_FORMATS)} with {_CIPHER}"
        raise CannotDecrypt(message, f"{_AGAIN}: ansible-vault rekey")
    return ids[0] if ids and re.fullmatch(r"[\w.@:/+-]{1,100}", ids[0]) else ""


def _build_damage(how: str) -> CannotDecrypt:
    return CannotDecrypt(f"is encrypted with ansible-vault, but damaged: {how}", _AGAIN)


def derive_keys(password: bytes, salt: bytes) -> bytes:
    """Return both keys and the counter; this takes milliseconds on purpose."""
    return hashlib.pbkdf2_hmac("sha256", password, salt, _ROUNDS, 2 * _KEY + _COUNTER)


def open_envelope(envelope: Envelope, keys: bytes) -> str | None:
    """Return the text, or None if ``keys`` are not those that it was encrypted with.

    Raises:
        CannotDecrypt: the text is not UTF-8.
    """
    cipher_key, mac_key, counter = keys[:_KEY], keys[_KEY : 2 * _KEY], keys[2 * _KEY :]
    if not hmac.compare_digest(hmac.digest(mac_key, envelope.ciphertext, "sha256"), envelope.mac):
        return None
    # only inventories with something encrypted need it
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    decryptor = Cipher(algorithms.AES(cipher_key), modes.CTR(counter)).decryptor()
    padded = decryptor.update(envelope.ciphertext) + decryptor.finalize()
    try:
        return padded[: -padded[-1]].decode("utf-8-sig")
    except UnicodeDecodeError:
        raise CannotDecrypt("is encrypted, and not UTF-8 when decrypted", _AGAIN) from None
