"""Open an SSH connection, and explain its errors in plain words."""

from __future__ import annotations

from typing import Any

import paramiko
from paramiko import SSHException
from paramiko.ssh_exception import NoValidConnectionsError

from provision.errors import Unreachable
from provision.ssh.host_keys import HostKeyPolicy, HostKeyRefused
from provision.ssh.login import Login

__all__ = ["CONNECT_TIMEOUT", "Client", "HostKeyPolicy", "SSHException", "connect", "explain"]

# Seconds to wait for TCP, for the banner and for the login, each.
CONNECT_TIMEOUT = 15

# Whatever paramiko, and a library that does not translate its errors, raises for a broken connection.
CONNECT_ERRORS = (paramiko.SSHException, OSError, EOFError, ValueError)


class Client(paramiko.SSHClient):
    """paramiko's client, with host keys judged by ``policy`` and nothing else."""

    def __init__(self, policy: HostKeyPolicy) -> None:
        super().__init__()
        self._host_keys_by = policy

    def is_open(self) -> bool:
        """Return whether programs can be started over it."""
        transport = self.get_transport()
        return transport is not None and transport.is_active()

    def connect(self, hostname: str, port: int = 22, **options: Any) -> Any:  # type: ignore[override]
        """Connect as paramiko does."""

        def prepared(*arguments: Any, **more: Any) -> paramiko.Transport:
            transport = paramiko.Transport(*arguments, **more)
            self._host_keys_by.prepare(transport, hostname, port)
            return transport

        self.set_missing_host_key_policy(_Judge(self._host_keys_by, hostname, port))
        return super().connect(hostname, port, transport_factory=prepared, **options)


class _Judge(paramiko.MissingHostKeyPolicy):
    """Asks our policy, which paramiko does for hosts that its own list lacks: here all of them."""

    def __init__(self, policy: HostKeyPolicy, address: str, port: int) -> None:
        self._ask = policy, address, port

    def missing_host_key(self, client: paramiko.SSHClient, *_: object) -> None:
        policy, address, port = self._ask
        transport = client.get_transport()
        if transport is not None:
            policy.check(transport, address, port)


def explain(error: BaseException, login: Login) -> Unreachable:
    """``error`` of paramiko or of a library above it, as what happened and what to do about it."""
    where = f"{login.host} ({login.user}@{login.address}:{login.port})"
    chain: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and cause not in chain:
        chain.append(cause)
        cause = cause.__cause__ or cause.__context__
    for link in chain:
        if isinstance(link, HostKeyRefused):
            return link.at(where)
        if isinstance(link, Unreachable):
            return link
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


def connect(login: Login, policy: HostKeyPolicy) -> Client:
    """An authenticated connection: the key file, the agent and the password are tried in this order.

    Raises:
        Unreachable: nothing was sent beyond the attempt to log in.
    """
    client = Client(policy)
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
        raise explain(error, login) from error
    return client
