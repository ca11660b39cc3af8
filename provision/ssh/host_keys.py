"""Decide which host keys are trusted, as OpenSSH's client does with the same known_hosts files.

Host certificates follow PROTOCOL.certkeys in OpenSSH's sources.
"""

from __future__ import annotations

import base64
import hashlib
import os
import shlex
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import paramiko

from provision.errors import UnknownKey, Unreachable
from provision.ssh.known_hosts import Known, Line, split_strings

_RSA_SIGNATURES = ("rsa-sha2-512", "rsa-sha2-256", "ssh-rsa")
_CERTIFICATE = "-cert-v01@openssh.com"
_HOST_CERTIFICATE = 2  # 1 is a user's
# The signatures of a CA that are accepted, by the type of its key; as in OpenSSH, none uses SHA-1.
_CA_SIGNATURES = {
    "ssh-rsa": ("rsa-sha2-512", "rsa-sha2-256"),
    **{f"ecdsa-sha2-nistp{bits}": (f"ecdsa-sha2-nistp{bits}",) for bits in (256, 384, 521)},
    "ssh-ed25519": ("ssh-ed25519",),
}
# The number of strings that form the public key, after type and nonce.
_KEY_PARTS = {"ssh-ed25519": 1, "ssh-rsa": 2, "ecdsa": 2}


class HostKeyRefused(Exception):
    """A host key that is not trusted: the ``message``, and the ``remedy``.

    ``unknown``: nobody has accepted a key of this host yet.
    """

    def __init__(self, message: str, remedy: str, unknown: bool = False) -> None:
        self.message = message
        self.remedy = remedy
        self.unknown = unknown
        super().__init__(message)

    def locate(self, where: str) -> Unreachable:
        """Return the error for the operator; ``where`` names the target."""
        return (UnknownKey if self.unknown else Unreachable)(
            f"{where}: {self.message}", self.remedy
        )


# --- Keys ------------------------------------------------------------------------------------------------


def format_fingerprint(blob: bytes) -> str:
    """Return the fingerprint of a public key as `ssh-keygen -l` prints it: ``SHA256:...``."""
    digest = hashlib.sha256(blob).digest()
    return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")


def describe_key(key: paramiko.PKey) -> str:
    """Return the type and the fingerprint of a key, for messages."""
    return f"{key.get_name()} key {format_fingerprint(key.asbytes())}"


def append_key(file: Path, name: str, key: paramiko.PKey) -> None:
    """Add the key of the host ``name`` to a known_hosts file.

    Raises:
        OSError: the file cannot be written.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    line = f"{name} {key.get_name()} {key.get_base64()}\n"
    with file.open("a+b") as opened:
        opened.seek(max(0, opened.seek(0, os.SEEK_END) - 1))
        line_end = "" if opened.read() in (b"", b"\n") else "\n"  # edited by hand
        opened.write((line_end + line).encode())


def order_types(known: Known, types: Sequence[str]) -> tuple[str, ...]:
    """Return the host key ``types`` in the order to offer them: those that known_hosts has come first.

    If known_hosts has a CA for the host, certificates come before keys.
    """
    known_types = {line.key_type for line in known.keys or known.plain}
    ordered = sorted(types, key=lambda name: _strip_signature(name) not in known_types)
    certified = [name + _CERTIFICATE for name in ordered] if known.authorities else []
    return (*certified, *ordered)


def _strip_signature(algorithm: str) -> str:
    return "ssh-rsa" if algorithm in _RSA_SIGNATURES else algorithm


def is_trusted(known: Known, key: paramiko.PKey, host: str) -> bool:
    """Return whether ``key`` is known, or certified by a CA that is known.

    Raises:
        HostKeyRefused: it is revoked, or only a certificate could vouch for it and that is invalid.
    """
    blob = key.asbytes()
    _refuse_revoked(known, blob, f"the {describe_key(key)} of the host")
    certificate = _find_certificate(key)
    problem = ""
    if certificate is not None:
        ca = certificate.ca
        _refuse_revoked(known, ca, f"the CA {format_fingerprint(ca)}, which signed its key,")
        if ca in [line.blob for line in known.authorities]:
            try:
                check_certificate(certificate, host)
                return True
            except ValueError as error:
                problem = str(error)
    # as in OpenSSH, a key of the plain name counts only if this port has none of its own
    if blob in [line.blob for line in known.keys or known.plain]:
        return True
    if problem:
        raise HostKeyRefused(
            f"the host certificate must not be trusted: {problem}",
            "have the CA sign the host's key again, or add the key itself to known_hosts",
        )
    return False


def _refuse_revoked(known: Known, blob: bytes, message: str) -> None:
    for line in known.revoked:
        if line.blob == blob:
            raise HostKeyRefused(
                f"{message} is revoked by {line}",
                "do not log in there: ask the person who revoked the key; the host needs a new one",
            )


def build_refusal(known: Known, key: paramiko.PKey, file: Path) -> HostKeyRefused:
    """Return the error for a key that is not trusted; ``file``: the known_hosts file to add keys to."""
    if known.keys:
        return _build_changed(known, key)
    message = f"{known.name} shows an unknown {describe_key(key)}"
    if known.authorities:
        message += f", and no certificate of the CA in {known.authorities[0]}"
    return HostKeyRefused(
        message,
        "compare the fingerprint on the host's console, then run again with "
        f"--accept-new-host-keys (adds it to {file})",
        unknown=True,
    )


def _build_changed(known: Known, key: paramiko.PKey) -> HostKeyRefused:
    """Return the error for a host of which other keys are known than the one it sends."""
    same_type = [line for line in known.keys if line.key_type == key.get_name()]
    line = (same_type or known.keys)[0]
    remove = _describe_removal(line, known.name)
    known_key = f"{line.key_type} key {format_fingerprint(line.blob)}"
    if same_type:
        return HostKeyRefused(
            f"the host key has CHANGED: {line} has the {known_key}, "
            f"the host shows the {describe_key(key)}",
            f"if the host was reinstalled, {remove}; otherwise somebody may be intercepting the "
            "connection",
        )
    return HostKeyRefused(
        f"the host shows a key of another type: {line} has the {known_key}, "
        f"the host shows the {describe_key(key)} and offers no {line.key_type} key",
        "compare the fingerprint on the host's console; if it is the host's, "
        f"{remove} and run again with --accept-new-host-keys",
    )


def _describe_removal(line: Line, name: str) -> str:
    """Return how to remove ``line``; ssh-keygen removes no line whose pattern stands for several hosts."""
    if any(letter in line.names for letter in "*?!"):
        return f"remove line {line.number} of {line.file}"
    return f"run: ssh-keygen -R {shlex.quote(name)} -f {shlex.quote(str(line.file))}"


# --- Certificates ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Certificate:
    """The content of a certificate, of which nothing is trusted before :func:`check_certificate`.

    ``after`` and ``before`` are seconds since 1970. ``ca`` is the public key of the CA; ``signed`` the part
    that it signed.
    """

    kind: int
    principals: tuple[str, ...]
    after: int
    before: int
    critical: bytes
    ca: bytes
    signed: bytes
    signature: bytes


def _find_certificate(key: paramiko.PKey) -> Certificate | None:
    try:
        return read_certificate(key.public_blob.key_blob) if key.public_blob else None
    except ValueError:
        return None  # the key itself may still be known


def read_certificate(blob: bytes) -> Certificate:
    """Return the certificate in ``blob``, as a server sends it.

    Raises:
        ValueError: it is malformed.
    """
    reader = _Reader(blob)
    key_type = reader.read_string().decode("ascii", "replace").removesuffix(_CERTIFICATE)
    reader.read_string()  # nonce
    for _ in range(_KEY_PARTS.get(key_type.partition("-sha2-")[0], 0)):
        reader.read_string()
    reader.read_number(8)  # serial
    kind = reader.read_number(4)
    reader.read_string()  # key id
    names = split_strings(reader.read_string())
    after, before = reader.read_number(8), reader.read_number(8)
    critical = reader.read_string()
    reader.read_string()  # extensions
    reader.read_string()  # reserved
    ca = reader.read_string()
    signed = reader.consumed
    signature = reader.read_string()
    if reader.consumed != blob:
        raise ValueError("something follows its signature")
    principals = tuple(name.decode("utf-8", "replace") for name in names)
    return Certificate(kind, principals, after, before, critical, ca, signed, signature)


def check_certificate(certificate: Certificate, host: str, now: float | None = None) -> None:
    """Check that ``certificate`` is a host's, valid now, for ``host``, and signed by its CA.

    It does not check whether the CA is trusted. ``now``: seconds since 1970, by default the current time.

    Raises:
        ValueError: the certificate is invalid; the text gives the reason.
    """
    now = time.time() if now is None else now
    if certificate.kind != _HOST_CERTIFICATE:
        raise ValueError("it is not a certificate for a host")
    if certificate.critical:
        raise ValueError("it has a critical option that is not supported")
    if now < certificate.after:
        raise ValueError(f"it is not valid before {_format_time(certificate.after)}")
    if now >= certificate.before:
        raise ValueError(f"it expired on {_format_time(certificate.before)}")
    if certificate.principals and host not in certificate.principals:
        raise ValueError(f"it is not for {host}")
    if not _is_signed(certificate):
        raise ValueError("its signature is wrong")


def _is_signed(certificate: Certificate) -> bool:
    try:
        algorithm, _ = split_strings(certificate.signature)
        key_type = split_strings(certificate.ca)[0].decode()
        if algorithm.decode() not in _CA_SIGNATURES.get(key_type, ()):
            return False
        ca = paramiko.PKey.from_type_string(key_type, certificate.ca)
        return bool(ca.verify_ssh_sig(certificate.signed, paramiko.Message(certificate.signature)))
    except (paramiko.SSHException, ValueError, IndexError):
        return False


def _format_time(seconds: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(min(seconds, 1 << 37)))


class _Reader:
    """A reader of the numbers and strings of RFC 4251 that never reads beyond the end of the data."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._position = 0

    @property
    def consumed(self) -> bytes:
        return self._data[: self._position]

    def read_bytes(self, size: int) -> bytes:
        end = self._position + size
        if end > len(self._data):
            raise ValueError("it is cut off")
        part, self._position = self._data[self._position : end], end
        return part

    def read_number(self, size: int) -> int:
        return int.from_bytes(self.read_bytes(size))

    def read_string(self) -> bytes:
        return self.read_bytes(self.read_number(4))
