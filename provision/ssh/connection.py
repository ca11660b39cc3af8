"""Connect to a target: reach it, check its host key, log its user in."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import paramiko
from paramiko import ChannelException, SSHException

from provision.errors import Unreachable
from provision.ssh import causes, host_keys
from provision.ssh.host_keys import HostKeyRefused
from provision.ssh.known_hosts import find_keys
from provision.ssh.login import Login
from provision.ssh.methods import NamedKey, log_in
from provision.ssh.packets import LoginState, Packets, Wire
from provision.ssh.prompts import Codes, Reusable
from provision.ssh.routing.hops import Hops
from provision.ssh.routing.reach import explain_command, open_socket

__all__ = [
    "CONNECT_ERRORS",
    "Access",
    "ChannelException",
    "Connection",
    "SSHException",
    "connect",
]

# The exceptions of a broken connection, from paramiko and from libraries under it.
CONNECT_ERRORS = (SSHException, OSError, EOFError, ValueError)
# Seconds for which a busy server is tried again, and seconds of the first pause.
BUSY_FOR = 20.0
FIRST_PAUSE = 0.5

# Several threads may add a line to the same file.
_FILE_LOCK = threading.Lock()


class Access:
    """The trust and the answers that all logins of a run share.

    A host key is trusted if ``known_hosts`` or one of the files ``also`` has it. With ``accept_new``, the
    key of a host without any is trusted too and is added to ``known_hosts``; ``log`` receives a line that
    names it. ``codes`` asks the operator for codes; None if nobody can type one. ``hops`` has the connections
    to jump hosts.
    """

    def __init__(
        self,
        known_hosts: Path,
        accept_new: bool,
        log: Callable[[str], object] = str,
        also: Sequence[Path] = (),
        codes: Codes | None = None,
        hops: Hops | None = None,
    ) -> None:
        self.known_hosts = known_hosts
        self.accept_new = accept_new
        self.codes = codes
        self.hops = hops or Hops()
        self._log = log
        self._files = (known_hosts, *also)

    def prepare(
        self, transport: paramiko.Transport, address: str, port: int, more: Sequence[str] = ()
    ) -> None:
        """Ask the server for a host key of a type that known_hosts has, before the key exchange.

        Ask for AES-GCM first, too: no other cipher of paramiko's needs less time for each packet. ``more``:
        known_hosts files of this host.

        Raises:
            OSError: the inventory's known_hosts file cannot be read.
        """
        known = find_keys(self._list_files(more), address, port)
        options = transport.get_security_options()
        options.key_types = host_keys.order_types(known, options.key_types)
        options.ciphers = sorted(options.ciphers, key=lambda name: "-gcm@" not in name)

    def check(
        self, transport: paramiko.Transport, address: str, port: int, more: Sequence[str] = ()
    ) -> None:
        """Check the host key that the server has sent, before any secret is sent.

        ``more``: known_hosts files of this host.

        Raises:
            HostKeyRefused: it is unknown, changed or revoked, or its certificate is invalid.
            OSError: the inventory's known_hosts file cannot be read or written.
        """
        key = transport.get_remote_server_key()
        with _FILE_LOCK:
            known = find_keys(self._list_files(more), address, port)
            if host_keys.is_trusted(known, key, address.lower()):
                return
            if known.keys or not self.accept_new:
                raise host_keys.build_refusal(known, key, self.known_hosts)
            host_keys.append_key(self.known_hosts, known.name, key)
        self._log(
            f"{known.name} shows the {host_keys.describe_key(key)}: added to {self.known_hosts}"
        )

    def _list_files(self, more: Sequence[str]) -> tuple[Path, ...]:
        return (self._files[0], *map(Path, more), *self._files[1:])

    def take_connection(self, login: Login) -> Reusable | None:
        """Return the open connection that took a code for ``login``; the caller must give it back."""
        return self.codes.take_connection(login) if self.codes else None

    def give_back(self, login: Login, connection: Reusable) -> None:
        """Keep ``connection`` open if its login took a code, else close it."""
        if self.codes:
            self.codes.give_back(login, connection)
        else:
            connection.close()


class Connection:
    """A connection whose user is logged in; programs and shells are opened over its transport."""

    def __init__(self, transport: paramiko.Transport) -> None:
        self._transport = transport

    def get_transport(self) -> paramiko.Transport:
        """Return the transport."""
        return self._transport

    def is_open(self) -> bool:
        """Return whether programs can be started over the connection."""
        return self._transport.is_active()

    def close(self) -> None:
        """Close the connection and all that runs over it."""
        self._transport.close()


def connect(login: Login, access: Access) -> Connection:
    """Connect to a target and log in; nothing else logs in anywhere.

    Raises:
        Unreachable: nothing was sent beyond the attempt to log in; its class is the cause.
    """
    named = NamedKey(login)
    if named.problem and not named.public and login.password is None:
        raise named.problem
    with access.hops.wait_for_turn(login):
        transport = _open_trusted(login, access)
        try:
            log_in(transport, login, named, access.codes.ask if access.codes else None)
        except BaseException:
            transport.close()
            raise
    return Connection(transport)


def _open_trusted(login: Login, access: Access) -> paramiko.Transport:
    """Return an encrypted connection to a server whose host key is trusted."""
    name, port = login.known_as
    try:
        transport = _open_transport(login, access)
        try:
            access.check(transport, name, port, login.known_hosts)
        except BaseException:
            transport.close()
            raise
        return transport
    except HostKeyRefused as error:
        raise error.locate(login.where) from None
    except OSError as error:
        raise Unreachable(
            f"{login.where}: {error.filename}: {error.strerror}",
            "make this file readable and writable for yourself",
        ) from None


def _open_transport(login: Login, access: Access) -> paramiko.Transport:
    """Return an encrypted connection on which nothing has been checked yet.

    A busy server is tried again for ``BUSY_FOR`` seconds.

    Raises:
        Unreachable: the class and the text give the cause.
    """
    ends, pause, tries = time.monotonic() + BUSY_FOR, FIRST_PAUSE, 1
    while True:
        try:
            return _start_transport(login, access)
        except causes.Busy as busy:
            wait = pause * random.uniform(0.5, 1.5)  # noqa: S311 - so that clients do not return all at once
            if time.monotonic() + wait > ends:
                raise causes.Busy(f"{busy.message} (tried {tries} times)", busy.remedy) from None
        time.sleep(wait)
        pause, tries = min(pause * 2, 4.0), tries + 1


def _take_hop(login: Login, access: Access) -> paramiko.Transport:
    """Return the connection to the jump host before ``login``."""
    if login.via is None:
        raise RuntimeError("a login without a jump host takes none")
    trust = (access.known_hosts, access.accept_new)
    return access.hops.take_transport(login.via, trust, lambda hop: connect(hop, access))


def _start_transport(login: Login, access: Access) -> paramiko.Transport:
    sock = open_socket(login, lambda: _take_hop(login, access))
    wire = Wire(sock)
    transport = paramiko.Transport(wire, packetizer_class=Packets)  # type: ignore[arg-type]
    try:
        access.prepare(transport, *login.known_as, login.known_hosts)
    except BaseException:
        transport.close()
        raise
    # the timeout below ends first, and knows the phase
    transport.banner_timeout = transport.handshake_timeout = login.timeout + 5
    finished = threading.Event()
    transport.start_client(event=finished)
    in_time = finished.wait(login.timeout)
    if in_time and transport.is_active():
        return transport
    try:
        if not wire.has_version:
            ended = explain_command(login, sock) if in_time else None
            raise ended or causes.classify_missing_version(login, wire, in_time)
    finally:
        transport.close()
    packets = transport.packetizer
    state = packets.state if isinstance(packets, Packets) else LoginState()
    raise causes.classify_handshake(login, transport, state, in_time)
