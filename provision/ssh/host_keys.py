"""Decide whose host key is believed, as OpenSSH's client does with the same known_hosts files.

A transport asks twice: :meth:`HostKeyPolicy.prepare` before the key exchange, so that the server shows a
key of a type that known_hosts has; :meth:`HostKeyPolicy.check` after it, before anything secret is sent.
"""

from __future__ import annotations

import base64
import hashlib
import os
import shlex
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import paramiko

from provision.errors import UnknownKey, Unreachable
from provision.ssh import certificates
from provision.ssh.codes import Codes
from provision.ssh.known_hosts import Known, Line, look_up

# Several hosts are entered at once and all of them may add a line to the same file.
_FILE_LOCK = threading.Lock()

_RSA_SIGNATURES = ("rsa-sha2-512", "rsa-sha2-256", "ssh-rsa")


class HostKeyRefused(Exception):
    """A host key that is not believed: ``what`` was shown, and what to do about it.

    ``unknown``: nobody has accepted a key of this host yet.
    """

    def __init__(self, what: str, remedy: str, unknown: bool = False) -> None:
        self.what = what
        self.remedy = remedy
        self.unknown = unknown
        super().__init__(what)

    def at(self, where: str) -> Unreachable:
        """Return the error for the operator."""
        return (UnknownKey if self.unknown else Unreachable)(f"{where}: {self.what}", self.remedy)


class HostKeyPolicy:
    """Which host keys are believed: those in ``known_hosts`` and in the files ``also``.

    ``accept_new``: a host without any key is believed, and its key is added to ``known_hosts``. ``log``
    receives a line for each key that was added: whoever trusts it blindly should at least see which.
    ``codes``: who is asked where a login takes a code; None where nobody is there to type one.
    """

    def __init__(
        self,
        known_hosts: Path,
        accept_new: bool,
        log: Callable[[str], object] = str,
        also: Sequence[Path] = (),
        codes: Codes | None = None,
    ) -> None:
        self.known_hosts = known_hosts
        self.accept_new = accept_new
        self._log = log
        self._files = (known_hosts, *also)
        self.codes = codes

    def prepare(self, transport: paramiko.Transport, address: str, port: int) -> None:
        """Have the server offer a key of a type that known_hosts has, where it can.

        Raises:
            OSError: the inventory's file of host keys cannot be read.
        """
        options = transport.get_security_options()
        options.key_types = offered(self._known(address, port), options.key_types)

    def check(self, transport: paramiko.Transport, address: str, port: int) -> None:
        """Check the key that the server has shown.

        Raises:
            HostKeyRefused: it is not known, not the known one, revoked, or its certificate is invalid.
            OSError: the inventory's file of host keys cannot be read, or added to.
        """
        key = transport.get_remote_server_key()
        with _FILE_LOCK:
            known = self._known(address, port)
            if _is_believed(known, key, address.lower()):
                return
            if known.keys:
                raise _other_key(known, key)
            if not self.accept_new:
                raise _unknown(known, key, self.known_hosts)
            self._append(f"{known.name} {key.get_name()} {key.get_base64()}\n")
        self._log(f"{known.name} shows the {_named(key)}: added to {self.known_hosts}")

    def _known(self, address: str, port: int) -> Known:
        return look_up(self._files, address, port)

    def _append(self, line: str) -> None:
        self.known_hosts.parent.mkdir(parents=True, exist_ok=True)
        with self.known_hosts.open("a+b") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - 1))
            line_end = "" if file.read() in (b"", b"\n") else "\n"  # edited by hand
            file.write((line_end + line).encode())


def fingerprint(blob: bytes) -> str:
    """Return the SHA256 form that `ssh-keygen -l` prints."""
    digest = hashlib.sha256(blob).digest()
    return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")


def offered(known: Known, types: Sequence[str]) -> tuple[str, ...]:
    """Return ``types`` of host keys in the order to offer them: those first that known_hosts has.

    Where known_hosts has a CA, certificates come before keys.
    """
    kept = {line.key_type for line in known.keys or known.plain}
    ordered = sorted(types, key=lambda each: _key_type(each) not in kept)
    certified = [each + certificates.SUFFIX for each in ordered] if known.authorities else []
    return (*certified, *ordered)


def _key_type(algorithm: str) -> str:
    return "ssh-rsa" if algorithm in _RSA_SIGNATURES else algorithm


def _is_believed(known: Known, key: paramiko.PKey, host: str) -> bool:
    """Return whether ``key`` is known, or certified by an authority that is.

    Raises:
        HostKeyRefused: it is revoked, or only its certificate could vouch for it and is invalid.
    """
    blob = key.asbytes()
    _refuse_revoked(known, blob, f"the {_named(key)} of the host")
    certificate = _certificate(key)
    invalid = ""
    if certificate is not None:
        authority = certificate.authority
        _refuse_revoked(known, authority, f"the CA {fingerprint(authority)}, which signed its key,")
        if authority in [line.blob for line in known.authorities]:
            try:
                certificates.check(certificate, host)
                return True
            except ValueError as error:
                invalid = str(error)
    # as in OpenSSH: a key of the plain name stands in only where this port has none of its own
    if blob in [line.blob for line in known.keys or known.plain]:
        return True
    if invalid:
        raise HostKeyRefused(
            f"the host certificate must not be believed: {invalid}",
            "have the CA sign the host's key again, or add the key itself to known_hosts",
        )
    return False


def _certificate(key: paramiko.PKey) -> certificates.Certificate | None:
    try:
        return certificates.read(key.public_blob.key_blob) if key.public_blob else None
    except ValueError:
        return None  # the key itself may still be known


def _refuse_revoked(known: Known, blob: bytes, what: str) -> None:
    for line in known.revoked:
        if line.blob == blob:
            raise HostKeyRefused(
                f"{what} is revoked by {line}",
                "do not log in there: whoever revoked it knows why; the host needs a new key",
            )


def _named(key: paramiko.PKey) -> str:
    return f"{key.get_name()} key {fingerprint(key.asbytes())}"


def _unknown(known: Known, key: paramiko.PKey, file: Path) -> HostKeyRefused:
    what = f"{known.name} shows an unknown {_named(key)}"
    if known.authorities:
        what += f", and no certificate of the CA in {known.authorities[0]}"
    return HostKeyRefused(
        what,
        "compare the fingerprint on the host's console, then run again with "
        f"--accept-new-host-keys (adds it to {file})",
        unknown=True,
    )


def _other_key(known: Known, key: paramiko.PKey) -> HostKeyRefused:
    """Return the error of a host that is known, by other keys than the one it shows."""
    same = [line for line in known.keys if line.key_type == key.get_name()]
    if same:
        return HostKeyRefused(
            f"the host key has CHANGED: {same[0]} has the {_kept(same[0])}, "
            f"the host shows the {_named(key)}",
            f"if the host was reinstalled, {_removal(same[0], known.name)}; "
            "otherwise somebody stands in between",
        )
    line = known.keys[0]
    return HostKeyRefused(
        f"the host shows a key of another type: {line} has the {_kept(line)}, "
        f"the host shows the {_named(key)} and offers no {line.key_type} key",
        "compare the fingerprint on the host's console; if it is the host's, "
        f"{_removal(line, known.name)} and run again with --accept-new-host-keys",
    )


def _kept(line: Line) -> str:
    return f"{line.key_type} key {fingerprint(line.blob)}"


def _removal(line: Line, name: str) -> str:
    """Return how to remove ``line``; ssh-keygen removes none with several hosts in a pattern."""
    if any(letter in line.names for letter in "*?!"):
        return f"remove line {line.number} of {line.file}"
    return f"run: ssh-keygen -R {shlex.quote(name)} -f {shlex.quote(str(line.file))}"
