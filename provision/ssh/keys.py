"""Read private keys from files, as OpenSSH's client does, and from ssh-agent."""

from __future__ import annotations

import base64
import binascii
import io
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import paramiko
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from provision.ssh.causes import PassphraseNeeded, UnusableKey

# The files that `ssh` tries, in its order.
DEFAULT_FILES = ("id_rsa", "id_ecdsa", "id_ecdsa_sk", "id_ed25519", "id_ed25519_sk")
# Seconds for ssh-agent to list its keys.
AGENT_TIMEOUT = 5.0
# A private key of 16384 bits has 13 KB.
LONGEST_FILE = 1 << 18

_MAGIC = b"openssh-key-v1\0"
_OPENSSH = re.compile(
    rb"-----BEGIN OPENSSH PRIVATE KEY-----(.*?)-----END OPENSSH PRIVATE KEY-----", re.S
)
_LOAD = "load it into ssh-agent (ssh-add {}), or name a key without a passphrase"
_ANOTHER = (
    "set ansible_ssh_private_key_file to another key, such as one made with ssh-keygen -t ed25519"
)


@dataclass(frozen=True)
class Key:
    """A key that can be offered; ``source`` is its file or ssh-agent, ``signer`` signs with it."""

    source: str
    signer: paramiko.PKey

    @property
    def blob(self) -> bytes:
        """The public key, or the certificate, as it is offered."""
        certificate = getattr(self.signer, "public_blob", None)
        return certificate.key_blob if certificate else self.signer.asbytes()

    @property
    def type(self) -> str:
        """The type of the public key or the certificate."""
        certificate = getattr(self.signer, "public_blob", None)
        return certificate.key_type if certificate else self.signer.get_name()

    def __str__(self) -> str:
        short = self.type.partition("@")[0].removeprefix("ssh-").removesuffix("-cert-v01")
        kind = short.replace("ecdsa-sha2-nistp", "ecdsa ") + (
            " certificate" if "-cert-" in self.type else ""
        )
        return f"{self.source} ({kind}, {self.signer.fingerprint})"


def read_key(path: str) -> tuple[Key, ...]:
    """Return the key in the file at ``path``, preceded by its certificate if there is one beside it.

    Raises:
        UnusableKey: the file has no usable key; the text gives the reason and the remedy.
    """
    file = Path(path).expanduser()
    data = _read_file(file)
    _refuse_other_kinds(file, data)
    return add_certificate(Key(str(file), _load(file, data)), file)


def add_certificate(key: Key, file: Path) -> tuple[Key, ...]:
    """Return ``key``, preceded by the same key with the certificate beside ``file`` if there is one.

    Raises:
        UnusableKey: the certificate cannot be read, or belongs to another kind of key.
    """
    certificate = Path(f"{file}-cert.pub")
    if not certificate.exists():
        return (key,)
    try:
        return (Key(str(certificate), _Certified(key.signer, certificate)), key)
    except (OSError, ValueError, paramiko.SSHException) as error:
        raise UnusableKey(
            f"{certificate} is not a certificate of {file.name} ({type(error).__name__})",
            "replace it with the certificate of this key, or remove it",
        ) from None


class WrappedKey(paramiko.PKey):
    """A key that behaves as the one it wraps; base class of keys that differ in one method."""

    def __init__(self, key: paramiko.PKey) -> None:
        self._key = key
        self.public_blob = getattr(key, "public_blob", None)

    def get_name(self) -> str:
        return self._key.get_name()

    def asbytes(self) -> bytes:
        return self._key.asbytes()

    def sign_ssh_data(self, data: bytes, algorithm: str | None = None) -> Any:
        return self._key.sign_ssh_data(data, algorithm)


class _Certified(WrappedKey):
    """A key that is offered with a certificate."""

    def __init__(self, key: paramiko.PKey, certificate: Path) -> None:
        super().__init__(key)
        self.load_certificate(str(certificate))


def _read_file(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            data = opened.read(LONGEST_FILE + 1)
    except OSError as error:
        raise UnusableKey(
            f"{file} cannot be read: {error.strerror}", "check ansible_ssh_private_key_file"
        ) from None
    data = data.removeprefix(b"\xef\xbb\xbf").strip()
    if not data:
        raise UnusableKey(f"{file} is empty", _ANOTHER)
    if len(data) > LONGEST_FILE:
        raise UnusableKey(f"{file} is too long to be a private key", _ANOTHER)
    return data


def _refuse_other_kinds(file: Path, data: bytes) -> None:
    if data.startswith(b"PuTTY-User-Key-File-"):
        new = file.with_suffix(".key")
        raise UnusableKey(
            f"{file} is a PuTTY key",
            f"convert it with puttygen (puttygen {file} -O private-openssh -o {new}) and name {new}",
        )
    if re.match(
        rb"(ssh-|ecdsa-|sk-)\S+ |---- BEGIN SSH2 PUBLIC|-----BEGIN (RSA )?PUBLIC KEY", data
    ):
        private = str(file).removesuffix(".pub").removesuffix("-cert")
        private = private if private != str(file) else "the private key of the pair"
        raise UnusableKey(f"{file} is a public key", f"name the private one: {private}")
    if re.search(rb"-----BEGIN CERTIFICATE-----", data) and b"PRIVATE KEY" not in data:
        raise UnusableKey(f"{file} is a TLS certificate, not a key", _ANOTHER)
    if data.startswith(
        (b"SSH PRIVATE KEY FILE FORMAT 1", b"---- BEGIN SSH2 ENCRYPTED PRIVATE KEY")
    ):
        raise UnusableKey(f"{file} has a form that OpenSSH does not read", _ANOTHER)
    if b"BEGIN DSA PRIVATE KEY" in data:
        raise _build_dsa(file)


def _load(file: Path, data: bytes) -> paramiko.PKey:
    try:
        if opened := _OPENSSH.search(data):
            _check_openssh(file, opened[1])
            loaded = serialization.load_ssh_private_key(data[opened.start() :], None)
        else:
            loaded = serialization.load_pem_private_key(data, None)  # type: ignore[assignment]
        return _convert_for_paramiko(file, loaded)
    except TypeError:  # raised by cryptography for a key that needs a password
        raise PassphraseNeeded(f"{file} has a passphrase", _LOAD.format(file)) from None
    except (ValueError, UnsupportedAlgorithm, paramiko.SSHException):
        raise UnusableKey(f"{file} holds no private key that can be read", _ANOTHER) from None


def _check_openssh(file: Path, body: bytes) -> None:
    """Check the public part of a key in OpenSSH's own format.

    Raises:
        UnusableKey: it shows that the key cannot be used.
    """
    header = _read_openssh_header(body)
    if header is None:
        return
    cipher, public = header
    kind = paramiko.Message(public).get_string()
    if kind == b"ssh-dss":
        raise _build_dsa(file)
    if kind.startswith(b"sk-"):
        raise UnusableKey(
            f"{file} is on a FIDO token",
            _LOAD.format(file).replace("without a passphrase", "in a file"),
        )
    if cipher != b"none":
        raise PassphraseNeeded(f"{file} has a passphrase", _LOAD.format(file))


def _build_dsa(file: Path) -> UnusableKey:
    return UnusableKey(f"{file} is a DSA key, which SSH servers no longer take", _ANOTHER)


def _read_openssh_header(body: bytes) -> tuple[bytes, bytes] | None:
    """Return the cipher and the public key, which are never encrypted; None if there is no header."""
    try:
        raw = base64.b64decode(b"".join(body.split()))
    except binascii.Error:
        return None
    if not raw.startswith(_MAGIC):
        return None
    message = paramiko.Message(raw[len(_MAGIC) :])
    cipher, _, _ = (message.get_string() for _ in range(3))
    message.get_int()
    return cipher, message.get_string()


def read_public_part(path: str) -> bytes:
    """Return the public key of a key file: from its header, from the file beside it, or from itself."""
    file = Path(path).expanduser()
    try:
        data = _read_file(file)
        if opened := _OPENSSH.search(data):
            header = _read_openssh_header(opened[1])
            return header[1] if header else b""
        if re.match(rb"(ssh-|ecdsa-|sk-)\S+ ", data):
            return base64.b64decode(data.split()[1])
        words = Path(f"{file}.pub").read_text("ascii").split()
        return base64.b64decode(words[1])
    except (OSError, ValueError, IndexError, UnusableKey):
        return b""


def _convert_for_paramiko(file: Path, loaded: object) -> paramiko.PKey:
    reader: type[paramiko.PKey]
    if isinstance(loaded, rsa.RSAPrivateKey):
        reader = paramiko.RSAKey
    elif isinstance(loaded, ec.EllipticCurvePrivateKey):
        reader = paramiko.ECDSAKey
    elif isinstance(loaded, ed25519.Ed25519PrivateKey):
        reader = paramiko.Ed25519Key
    else:
        raise UnusableKey(f"{file} is a key of a kind that SSH does not use", _ANOTHER)
    text = loaded.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.OpenSSH,
        serialization.NoEncryption(),
    )
    return reader.from_private_key(io.StringIO(text.decode()))


def find_default_keys() -> Iterator[Key | UnusableKey]:
    """Yield the keys in ~/.ssh that `ssh` would try; for an unusable one, yield the error."""
    for name in DEFAULT_FILES:
        file = Path.home() / ".ssh" / name
        if file.is_file():
            try:
                yield from read_key(str(file))
            except UnusableKey as error:
                yield error


class Agent:
    """The keys of ssh-agent, as a context manager; without ssh-agent there are none.

    ``problem``: the reason why its keys cannot be read, or an empty string.
    """

    def __enter__(self) -> Agent:
        self.problem = ""
        self._agent: paramiko.Agent | None = None
        # a stopped ssh-agent, or one at the far end of a broken connection, never answers
        opening = threading.Thread(target=self._open, daemon=True)
        opening.start()
        opening.join(AGENT_TIMEOUT)
        if opening.is_alive():
            self.problem = f"ssh-agent has not answered within {AGENT_TIMEOUT:g} s"
        return self

    def _open(self) -> None:
        try:
            agent = paramiko.Agent()
            if not all(key.get_name() for key in agent.get_keys()):
                raise paramiko.SSHException("it lists a key without a type")
            self._agent = agent
        except Exception as error:  # noqa: BLE001 - paramiko does not check its answer
            self.problem = f"ssh-agent does not answer as one ({error or type(error).__name__})"

    def __exit__(self, *_: object) -> None:
        if self._agent:
            self._agent.close()

    def __iter__(self) -> Iterator[Key]:
        """Iterate over the keys."""
        agent_keys = self._agent.get_keys() if self._agent else ()
        return iter(
            [Key(f"ssh-agent's {_clean_comment(key.comment) or 'key'}", key) for key in agent_keys]
        )


def _clean_comment(comment: str) -> str:
    return "".join(c for c in comment if c.isprintable())[:100]
