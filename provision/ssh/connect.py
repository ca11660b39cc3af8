"""A connection to a target: reached, its host key checked, its user logged in.

Host keys are checked strictly against a known_hosts file that lies beside the inventory, so that a team
shares it. An unknown key is refused unless the operator asked to accept new ones; a changed key always is.
"""

from __future__ import annotations

import base64
import hashlib
import os
import threading
from collections.abc import Callable
from pathlib import Path

import paramiko
from paramiko import SSHException
from paramiko.hostkeys import InvalidHostKey

from provision.errors import UnknownKey, Unreachable
from provision.ssh.login import DEFAULT_TIMEOUT, Login
from provision.ssh.methods import AskCode, NamedKey, log_in
from provision.ssh.reach import reach

__all__ = ["CONNECT_TIMEOUT", "Connection", "HostKeyPolicy", "SSHException", "connect", "trust"]

# Seconds to wait for a program on a connection that stands.
CONNECT_TIMEOUT = DEFAULT_TIMEOUT

# Whatever paramiko, and a library that does not translate its errors, raises for a broken connection.
CONNECT_ERRORS = (paramiko.SSHException, OSError, EOFError, ValueError)

# Several hosts are entered at once and all of them may add a line to the same file.
_FILE_LOCK = threading.Lock()


def fingerprint(key: paramiko.PKey) -> str:
    """The SHA256 form that `ssh-keygen -l` prints."""
    digest = hashlib.sha256(key.asbytes()).digest()
    return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")


class HostKeyPolicy(paramiko.MissingHostKeyPolicy):
    """What to do with a key that known_hosts does not have: add it if asked to, refuse it otherwise.

    ``tell`` is told each key that was added: whoever trusts it blindly should at least see which.
    """

    def __init__(
        self, known_hosts: Path, accept_new: bool, tell: Callable[[str], object] = str
    ) -> None:
        self.known_hosts = known_hosts
        self.accept_new = accept_new
        self._tell = tell

    def missing_host_key(
        self,
        client: paramiko.SSHClient,  # noqa: ARG002 - paramiko's signature
        hostname: str,
        key: paramiko.PKey,
    ) -> None:
        """Called by paramiko when ``hostname`` has no key in known_hosts."""
        if not self.accept_new:
            raise UnknownHostKey(hostname, key)
        with _FILE_LOCK:
            self.known_hosts.parent.mkdir(parents=True, exist_ok=True)
            with self.known_hosts.open("a+b") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - 1))
                line_end = "" if file.read() in (b"", b"\n") else "\n"  # edited by hand
                line = f"{line_end}{hostname} {key.get_name()} {key.get_base64()}\n"
                file.write(line.encode())
        what = f"{hostname} shows the {key.get_name()} key {fingerprint(key)}"
        self._tell(f"{what}: added to {self.known_hosts}")


class UnknownHostKey(paramiko.SSHException):
    """The host is not in known_hosts and new keys are not accepted."""

    def __init__(self, hostname: str, key: paramiko.PKey) -> None:
        super().__init__(f"{hostname} shows an unknown {key.get_name()} key {fingerprint(key)}")


def trust(client: paramiko.SSHClient, policy: HostKeyPolicy) -> None:
    """Make ``client`` check host keys against the policy's file and nothing else.

    Raises:
        Unreachable: the file cannot be read; without it no host can be told from another.
    """
    try:
        if policy.known_hosts.exists():
            client.load_host_keys(str(policy.known_hosts))
    except (InvalidHostKey, OSError, ValueError) as error:
        raise Unreachable(
            f"{policy.known_hosts} cannot be read: {error}",
            "correct it, or remove what is no line of a known_hosts file",
        ) from error
    client.set_missing_host_key_policy(policy)


class Connection:
    """A connection whose user is logged in; programs and shells are opened over its transport."""

    def __init__(self, transport: paramiko.Transport) -> None:
        self._transport = transport

    def get_transport(self) -> paramiko.Transport:
        """Return the transport."""
        return self._transport

    def close(self) -> None:
        """End the connection, and whatever runs over it."""
        self._transport.close()


def connect(login: Login, policy: HostKeyPolicy, ask_code: AskCode | None = None) -> Connection:
    """Return a connection whose user is logged in; the only place that logs in anywhere.

    ``ask_code`` types the code that a server asks for behind the password; without it, such a server is
    an error.

    Raises:
        Unreachable: nothing was sent beyond the attempt to log in; its class is the cause.
    """
    named = NamedKey(login)
    if named.problem and not named.public and login.password is None:
        raise named.problem
    known = _known_keys(login, policy)
    transport = reach(login, lambda each: _prefer_known_types(each, known))
    try:
        _check_host_key(transport.get_remote_server_key(), login, policy, known)
        log_in(transport, login, named, ask_code)
    except BaseException:
        transport.close()
        raise
    return Connection(transport)


Known = dict[str, paramiko.PKey]


def _name(login: Login) -> str:
    return login.address if login.port == 22 else f"[{login.address}]:{login.port}"


def _known_keys(login: Login, policy: HostKeyPolicy) -> Known:
    client = paramiko.SSHClient()
    trust(client, policy)
    return dict(client.get_host_keys().lookup(_name(login)) or {})


def _prefer_known_types(transport: paramiko.Transport, known: Known) -> None:
    options = transport.get_security_options()
    types = [kind for kind in options.key_types if kind.replace("rsa-sha2-512", "ssh-rsa") in known]
    options.key_types = (*types, *(kind for kind in options.key_types if kind not in types))


def _check_host_key(key: paramiko.PKey, login: Login, policy: HostKeyPolicy, known: Known) -> None:
    try:
        if not known:
            policy.missing_host_key(paramiko.SSHClient(), _name(login), key)
            return
    except UnknownHostKey as error:
        raise UnknownKey(
            f"{login.where}: {error}",
            f"compare the fingerprint on the host's console, then run again with "
            f"--accept-new-host-keys (adds it to {policy.known_hosts})",
        ) from None
    except OSError as error:
        raise Unreachable(
            f"{login.where}: {error.filename}: {error.strerror}",
            "make this file readable and writable for yourself",
        ) from None
    expected = known.get(key.get_name()) or next(iter(known.values()))
    if expected != key:
        raise Unreachable(
            f"{login.where}: the host key has CHANGED: known_hosts has "
            f"{fingerprint(expected)}, the host shows {fingerprint(key)}",
            f"if the host was reinstalled, remove its line from {policy.known_hosts}; "
            f"otherwise somebody stands in between",
        )
