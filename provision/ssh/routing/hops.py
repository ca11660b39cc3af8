"""Share one connection to each jump host among the targets behind it.

A run may have a thousand targets behind one jump host, and sshd drops connections that come in bursts
(MaxStartups). So a jump host is logged in to once, each target gets a channel, and only some of them log in
at the same time. A jump host that failed is not asked again for a while, or never if it refused its user:
it might ban this machine.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Hashable, Iterator
from typing import TYPE_CHECKING

from provision.errors import UnknownKey, Unreachable
from provision.ssh.login import Login

if TYPE_CHECKING:
    import paramiko

    from provision.ssh.connection import Connection

    # Logs in to a jump host.
    Connect = Callable[[Login], Connection]

# Seconds after which a jump host that could not be reached is tried again.
FAILED_FOR = 60.0
# Seconds between signs of life; bastions end sessions that are silent.
KEEPALIVE = 15


class HopFailed(Unreachable):
    """A jump host on the way to the target cannot be used; the text names it and the cause."""


class _Hop:
    """One jump host: its connection while that works, else the error and the time when it ends."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.connection: Connection | None = None
        self.error: Unreachable | None = None
        self.until = 0.0


class Hops:
    """The connections to jump hosts of one run; as a context manager it closes them at its end."""

    def __init__(self) -> None:
        self._hops: dict[Hashable, _Hop] = {}
        self._changed = threading.Condition()
        self._entering: dict[Hashable, int] = {}

    def __enter__(self) -> Hops:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        with self._changed:
            hops, self._hops = list(self._hops.values()), {}
        for hop in reversed(hops):  # those that lead to others came later
            if hop.connection:
                hop.connection.close()

    @contextlib.contextmanager
    def wait_for_turn(self, login: Login) -> Iterator[None]:
        """Wait while as many logins as permitted go the way of ``login``; directly there is no limit."""
        way = login.via or login.proxy_command
        if not way:
            yield
            return
        with self._changed:
            self._changed.wait_for(lambda: self._entering.get(way, 0) < login.hop_limit)
            self._entering[way] = self._entering.get(way, 0) + 1
        try:
            yield
        finally:
            with self._changed:
                self._entering[way] -= 1
                self._changed.notify_all()

    def take_transport(self, hop: Login, trust: Hashable, connect: Connect) -> paramiko.Transport:
        """Return the connection to ``hop``; log in if there is none, or if the last one broke.

        ``trust``: what decides about host keys, so that no connection is shared by those who differ in it.

        Raises:
            HopFailed, UnknownKey: the jump host cannot be used.
        """
        with self._changed:
            found = self._hops.setdefault((hop, trust), _Hop())
        with found.lock:
            if found.connection and found.connection.is_open():
                return found.connection.get_transport()
            if found.error and time.monotonic() < found.until:
                raise type(found.error)(found.error.message, found.error.remedy)
            try:
                found.connection = connect(hop)
            except Unreachable as error:
                found.connection, found.error = None, _build_failure(error)
                found.until = time.monotonic() + FAILED_FOR if _may_pass(error) else float("inf")
                raise found.error from None
            transport = found.connection.get_transport()
            transport.set_keepalive(KEEPALIVE)
            return transport


def _build_failure(error: Unreachable) -> Unreachable:
    """Return the error for all targets behind the jump host that ``error`` names."""
    kind = type(error) if isinstance(error, UnknownKey | HopFailed) else HopFailed
    return kind(error.message, _rename_settings(error.remedy))


def _may_pass(error: Unreachable) -> bool:
    """Return whether trying again later costs no refused login at the jump host."""
    from provision.ssh import causes

    passing = (causes.Busy, causes.TimedOut, causes.ConnectionClosed, HopFailed)
    return type(error) is Unreachable or isinstance(error, passing)


# The remedies for targets name variables of the inventory, which jump hosts do not have.
_NAMES = (
    ("set ansible_password, or ", ""),
    ("set ansible_password; ", ""),
    ("set ansible_password", "let it accept a key: no password is sent to a jump host"),
    ("check ansible_password", "let it accept a key: no password is sent to a jump host"),
    ("set ansible_ssh_private_key_file", "name a key by IdentityFile in ~/.ssh/config"),
    ("name the key in ansible_ssh_private_key_file", "name the key by IdentityFile in ~/.ssh/config"),
    ("ansible_ssh_private_key_file", "IdentityFile in ~/.ssh/config"),
    ("ansible_user", "User in ~/.ssh/config"),
    ("ansible_host, ansible_port", "its HostName and Port in ~/.ssh/config"),
    ("ansible_port and ansible_host", "its HostName and Port in ~/.ssh/config"),
    ("ansible_host", "its HostName in ~/.ssh/config"),
    ("ansible_port", "its Port in ~/.ssh/config"),
)  # fmt: skip


def _rename_settings(remedy: str) -> str:
    for name, other in _NAMES:
        remedy = remedy.replace(name, other)
    return remedy
