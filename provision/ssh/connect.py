"""A connection to a target: reached, its host key checked, its user logged in."""

from __future__ import annotations

import paramiko
from paramiko import ChannelException, SSHException

from provision.errors import Unreachable
from provision.ssh.attempts import AskCode
from provision.ssh.host_keys import HostKeyPolicy, HostKeyRefused
from provision.ssh.login import Login
from provision.ssh.methods import NamedKey, log_in
from provision.ssh.reach import reach

__all__ = [
    "CONNECT_ERRORS",
    "ChannelException",
    "Connection",
    "HostKeyPolicy",
    "SSHException",
    "connect",
]

# Whatever paramiko, and a library that does not translate its errors, raises for a broken connection.
CONNECT_ERRORS = (SSHException, OSError, EOFError, ValueError)


class Connection:
    """A connection whose user is logged in; programs and shells are opened over its transport."""

    def __init__(self, transport: paramiko.Transport) -> None:
        self._transport = transport

    def get_transport(self) -> paramiko.Transport:
        """Return the transport."""
        return self._transport

    def is_open(self) -> bool:
        """Return whether programs can be started over it."""
        return self._transport.is_active()

    def close(self) -> None:
        """End the connection, and whatever runs over it."""
        self._transport.close()


def connect(login: Login, policy: HostKeyPolicy, ask_code: AskCode | None = None) -> Connection:
    """Return a connection whose user is logged in; the only place that logs in anywhere.

    ``ask_code`` types the code that a server asks for behind the password, if the policy has nobody who
    does; without either, such a server is an error.

    Raises:
        Unreachable: nothing was sent beyond the attempt to log in; its class is the cause.
    """
    named = NamedKey(login)
    if named.problem and not named.public and login.password is None:
        raise named.problem
    transport = _believed(login, policy)
    try:
        log_in(transport, login, named, policy.codes.ask if policy.codes else ask_code)
    except BaseException:
        transport.close()
        raise
    return Connection(transport)


def _believed(login: Login, policy: HostKeyPolicy) -> paramiko.Transport:
    """Return a connection to the server whose host key is believed."""
    address, port = login.address, login.port
    try:
        transport = reach(login, lambda each: policy.prepare(each, address, port))
        try:
            policy.check(transport, address, port)
        except BaseException:
            transport.close()
            raise
        return transport
    except HostKeyRefused as error:
        raise error.at(login.where) from None
    except OSError as error:
        raise Unreachable(
            f"{login.where}: {error.filename}: {error.strerror}",
            "make this file readable and writable for yourself",
        ) from None
