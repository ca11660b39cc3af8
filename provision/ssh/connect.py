"""The one place that knows paramiko: host keys, opening a connection, and its errors in plain words.

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
from paramiko.ssh_exception import NoValidConnectionsError

from provision.errors import UnknownKey, Unreachable
from provision.ssh.login import Login

__all__ = ["CONNECT_TIMEOUT", "HostKeyPolicy", "SSHException", "connect", "explain", "trust"]

# Seconds to wait for TCP, for the banner and for the login, each.
CONNECT_TIMEOUT = 15

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


def explain(error: BaseException, login: Login, policy: HostKeyPolicy) -> Unreachable:
    """``error`` of paramiko or of a library above it, as what happened and what to do about it."""
    where = f"{login.host} ({login.user}@{login.address}:{login.port})"
    chain: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and cause not in chain:
        chain.append(cause)
        cause = cause.__cause__ or cause.__context__
    for link in chain:
        if isinstance(link, UnknownHostKey):
            return UnknownKey(
                f"{where}: {link}",
                f"compare the fingerprint on the host's console, then run again with "
                f"--accept-new-host-keys (adds it to {policy.known_hosts})",
            )
        if isinstance(link, paramiko.BadHostKeyException):
            return Unreachable(
                f"{where}: the host key has CHANGED: known_hosts has "
                f"{fingerprint(link.expected_key)}, the host shows {fingerprint(link.key)}",
                f"if the host was reinstalled, remove its line from {policy.known_hosts}; "
                f"otherwise somebody stands in between",
            )
        if isinstance(link, paramiko.PasswordRequiredException):
            return Unreachable(
                f"{where}: the private key {login.private_key_file} has a passphrase",
                "load it into ssh-agent",
            )
        if isinstance(link, paramiko.AuthenticationException):
            return Unreachable(
                f"{where}: login refused",
                "check ansible_user, ansible_password, ansible_ssh_private_key_file or ssh-agent",
            )
    return Unreachable(f"{where}: {_reason(error)}", _remedy(error, login))


def _reason(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer within {CONNECT_TIMEOUT} s"
    if isinstance(error, NoValidConnectionsError):
        tried = [each for each in error.errors.values() if isinstance(each, OSError)]
        return "cannot connect: " + ", ".join(dict.fromkeys(str(e.strerror) for e in tried))
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: {error.strerror}"
    return str(error) or type(error).__name__


def _remedy(error: BaseException, login: Login) -> str:
    if not isinstance(error, OSError) or not error.filename:
        return "check ansible_host, ansible_port, and that SSH is let through to it"
    if error.filename == login.private_key_file:
        return "check ansible_ssh_private_key_file"
    return "make this file readable and writable for yourself"


def connect(login: Login, policy: HostKeyPolicy) -> paramiko.SSHClient:
    """An authenticated connection: the key file, the agent and the password are tried in this order.

    Raises:
        Unreachable: nothing was sent beyond the attempt to log in.
    """
    client = paramiko.SSHClient()
    trust(client, policy)
    try:
        client.connect(
            login.address,
            port=login.port,
            username=login.user,
            password=login.password,
            key_filename=login.private_key_file,
            look_for_keys=login.private_key_file is None and login.password is None,
            timeout=CONNECT_TIMEOUT,
            banner_timeout=CONNECT_TIMEOUT,
            auth_timeout=CONNECT_TIMEOUT,
        )
    except Exception as error:
        client.close()
        raise explain(error, login, policy) from error
    return client
