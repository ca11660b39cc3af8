"""Check OpenSSH host certificates (PROTOCOL.certkeys in OpenSSH's sources)."""

from __future__ import annotations

import time
from dataclasses import dataclass

import paramiko
from paramiko.message import Message

from provision.ssh.known_hosts import split

SUFFIX = "-cert-v01@openssh.com"
HOST = 2  # the type of a certificate; 1 is a user's
# What an authority may sign with, by the type of its key. SHA-1 is not among it, as in OpenSSH.
_SIGNATURES = {
    "ssh-rsa": ("rsa-sha2-512", "rsa-sha2-256"),
    **{f"ecdsa-sha2-nistp{bits}": (f"ecdsa-sha2-nistp{bits}",) for bits in (256, 384, 521)},
    "ssh-ed25519": ("ssh-ed25519",),
}
# How many strings the public key takes, behind type and nonce.
_KEY_PARTS = {"ssh-ed25519": 1, "ssh-rsa": 2, "ecdsa": 2}


@dataclass(frozen=True)
class Certificate:
    """What a certificate states; nothing of it is believed before :func:`check` has passed."""

    kind: int
    principals: tuple[str, ...]
    after: int
    before: int
    critical: bytes
    authority: bytes
    signed: bytes
    signature: bytes


def read(blob: bytes) -> Certificate:
    """Return the certificate in ``blob``, as a server has sent it.

    Raises:
        ValueError: it is malformed.
    """
    rest = _Reader(blob)
    key_type = rest.string().decode("ascii", "replace").removesuffix(SUFFIX)
    rest.string()  # nonce
    for _ in range(_KEY_PARTS.get(key_type.partition("-sha2-")[0], 0)):
        rest.string()
    rest.number(8)  # serial
    kind = rest.number(4)
    rest.string()  # key id
    principals = tuple(each.decode("utf-8", "replace") for each in split(rest.string()))
    after, before = rest.number(8), rest.number(8)
    critical = rest.string()
    rest.string()  # extensions
    rest.string()  # reserved
    authority = rest.string()
    signed = rest.seen()
    signature = rest.string()
    if rest.seen() != blob:
        raise ValueError("something follows its signature")
    return Certificate(kind, principals, after, before, critical, authority, signed, signature)


def check(certificate: Certificate, host: str, now: float | None = None) -> None:
    """Check that ``certificate`` is one of a host, valid today, for ``host``, and signed by its authority.

    Whether that authority is trusted is the caller's question.

    Raises:
        ValueError: it is not; the text says why.
    """
    today = time.time() if now is None else now
    if certificate.kind != HOST:
        raise ValueError("it is not a certificate for a host")
    if certificate.critical:
        raise ValueError("it has a critical option that is not supported")
    if today < certificate.after:
        raise ValueError(f"it is not valid before {_day(certificate.after)}")
    if today >= certificate.before:
        raise ValueError(f"it expired on {_day(certificate.before)}")
    if certificate.principals and host not in certificate.principals:
        raise ValueError(f"it is not for {host}")
    if not _is_signed(certificate):
        raise ValueError("its signature is wrong")


def _is_signed(certificate: Certificate) -> bool:
    try:
        algorithm, _ = split(certificate.signature)
        key_type = split(certificate.authority)[0].decode()
        if algorithm.decode() not in _SIGNATURES.get(key_type, ()):
            return False
        authority = paramiko.PKey.from_type_string(key_type, certificate.authority)
        signature = Message(certificate.signature)
        return bool(authority.verify_ssh_sig(certificate.signed, signature))
    except (paramiko.SSHException, ValueError, IndexError):
        return False


def _day(seconds: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(min(seconds, 1 << 37)))


class _Reader:
    """Reads a blob from its start, and refuses to read beyond its end."""

    def __init__(self, blob: bytes) -> None:
        self._blob = blob
        self._at = 0

    def take(self, size: int) -> bytes:
        end = self._at + size
        if end > len(self._blob):
            raise ValueError("it is cut off")
        taken, self._at = self._blob[self._at : end], end
        return taken

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size))

    def string(self) -> bytes:
        return self.take(self.number(4))

    def seen(self) -> bytes:
        return self._blob[: self._at]
