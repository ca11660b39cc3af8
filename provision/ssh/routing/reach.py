"""Reach a server: directly, through a jump host, or through a command. Nothing is said to it yet."""

from __future__ import annotations

import re
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from typing import IO, Any, cast

import paramiko

from provision.errors import UnknownKey, Unreachable
from provision.ssh import causes
from provision.ssh.login import Login
from provision.ssh.packets import Packets, Refusal
from provision.ssh.routing.hops import HopFailed
from provision.ssh.routing.routes import expand_command

# Addresses of one name that are tried.
MOST_ADDRESSES = 8
# Seconds for a command to end after its connection is closed.
ENDING = 2.0
_CHECK = "check ansible_host, ansible_port, and that SSH is let through to it"
# Reasons for which a jump host opens no channel (RFC 4254, section 5.1).
_PROHIBITED, _CONNECT_FAILED, _UNKNOWN_KIND, _SHORTAGE = 1, 2, 3, 4

# Returns the connection to the jump host before a target.
TakeHop = Callable[[], paramiko.Transport]


def open_socket(login: Login, take_hop: TakeHop) -> socket.socket:
    """Return what the SSH protocol of ``login`` runs over: a socket, or something like one.

    Raises:
        Unreachable: the text names what failed, and the jump host where it did.
    """
    if login.proxy_command:
        return cast("socket.socket", ProxyCommand(login))
    if login.via:
        return cast("socket.socket", _open_channel(login, login.via, take_hop))
    return _connect(login)


# --- Through a jump host ---------------------------------------------------------------------------------


def _open_channel(login: Login, hop: Login, take_hop: TakeHop) -> paramiko.Channel:
    for last in (False, True):
        transport = _take(login, take_hop)
        ends = time.monotonic() + login.timeout
        try:
            return transport.open_channel(
                "direct-tcpip",
                (login.destination, login.port),
                ("127.0.0.1", 0),
                timeout=login.timeout,
            )
        except (paramiko.SSHException, OSError, EOFError):
            packets = transport.packetizer
            refusal = packets.take_refusal() if isinstance(packets, Packets) else None
            if refusal:
                raise _classify_refusal(login, hop, refusal) from None
            if transport.is_active() and time.monotonic() >= ends:
                raise causes.TimedOut(
                    f"{login.where}: {hop.where} has not connected to it within {login.timeout:g} s",
                    _CHECK + " from there",
                ) from None
            transport.close()  # it is broken, and may not know yet
            if last:
                break
    raise HopFailed(
        f"{login.where}: {hop.where} closes the connection when it is asked for one to the target",
        "look into the log of its sshd",
    )


def _take(login: Login, take_hop: TakeHop) -> paramiko.Transport:
    try:
        return take_hop()
    except (HopFailed, UnknownKey) as error:
        if login.is_hop:  # the target behind all jump hosts names itself
            raise
        raise type(error)(f"{login.where}: {error.message}", error.remedy) from None


def _classify_refusal(login: Login, hop: Login, refusal: Refusal) -> Unreachable:
    text = causes.clean(refusal.text, login)
    says = f': "{text}"' if text else ""
    if refusal.code == _SHORTAGE:
        return causes.Busy(
            f"{login.where}: {hop.where} opens no more connections (busy){says}",
            "run again later, or lower ssh_hop_limit",
        )
    if refusal.code == _CONNECT_FAILED:
        return Unreachable(
            f"{login.where}: {hop.where} cannot connect to it{says}", _CHECK + " from there"
        )
    return causes.RefusedByPolicy(
        f"{login.where}: {hop.where} does not forward connections to it{says}",
        f"check AllowTcpForwarding and PermitOpen there, and the options in authorized_keys of {hop.user}",
    )


# --- Through a command -----------------------------------------------------------------------------------


class ProxyCommand:
    """A command whose standard input and output are the connection, as a socket.

    The command may hold a password, so no message quotes it.
    """

    def __init__(self, login: Login) -> None:
        """Start the command.

        Raises:
            Unreachable: it cannot be started.
        """
        self._login = login
        self._closing = threading.Lock()
        self._killed = False
        self._words = b""
        # a pipe could fill up and stop the command
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed by close()
        self._socket, theirs = socket.socketpair()
        try:
            # a session of its own, so that Ctrl-C does not break a connection in the middle of a change
            self._process = subprocess.Popen(
                ["/bin/sh", "-c", f"exec {expand_command(login)}"],
                stdin=theirs.fileno(),
                stdout=theirs.fileno(),
                stderr=self._errors,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            self._socket.close()
            self._errors.close()
            reason = error.strerror if isinstance(error, OSError) else str(error)
            raise Unreachable(
                f"{login.where}: its ProxyCommand cannot be run: {reason}", _CHECK_COMMAND
            ) from None
        finally:
            theirs.close()

    def describe_end(self) -> str:
        """Return how the command ended and its last words; nothing if it had to be ended."""
        self.close()
        if self._killed:
            return ""
        words = causes.clean(self._words, self._login)
        return f"its ProxyCommand ended with status {self._process.returncode}" + (
            f': "{words}"' if words else ""
        )

    def close(self) -> None:
        """Close the connection and end the command; paramiko may do that, too, and from another thread."""
        with self._closing:
            if self._errors.closed:
                return
            self._socket.close()
            try:
                self._process.wait(ENDING)
            except subprocess.TimeoutExpired:
                self._killed = True
                self._process.kill()
                self._process.wait()
            self._errors.seek(0)
            self._words = self._errors.read(causes.LONGEST * 20)
            self._errors.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._socket, name)


_CHECK_COMMAND = "try the ProxyCommand by hand: it must connect its standard input and output"


# What `ssh` in a command says, or nothing at all, where a server drops connections that come in bursts.
_DROPPED = re.compile(r"status 0$|kex_exchange_identification|Connection (?:closed|reset) by")


def explain_command(login: Login, sock: object) -> Unreachable | None:
    """Return the error for a ProxyCommand that ended before an SSH server answered."""
    end = sock.describe_end() if isinstance(sock, ProxyCommand) else ""
    if not end:
        return None
    kind = causes.Busy if _DROPPED.search(end) else Unreachable
    return kind(f"{login.where}: {end}", _CHECK_COMMAND)


# --- Directly --------------------------------------------------------------------------------------------


def _connect(login: Login) -> socket.socket:
    errors: dict[str, OSError] = {}
    for family, kind, protocol, _, address in _resolve(login):
        sock = socket.socket(family, kind, protocol)
        try:
            sock.settimeout(login.timeout)
            sock.connect(address)
            # a request is several packets, and each would wait until the one before it is acknowledged
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if login.is_hop and hasattr(socket, "TCP_USER_TIMEOUT"):
                # the run goes on when a jump host vanishes, and must notice that
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, VANISHED)
            return sock
        except OSError as error:
            errors[str(address[0])] = error
            sock.close()
    raise _classify_errors(login, errors)


# Milliseconds without an acknowledgement after which a connection to a jump host is broken.
VANISHED = 60_000


def _classify_errors(login: Login, errors: dict[str, OSError]) -> Unreachable:
    """Return the error for a target that cannot be reached at any of its addresses."""
    if all(isinstance(error, ConnectionResetError) for error in errors.values()):
        return causes.build_busy(login, "")
    if all(isinstance(error, TimeoutError) for error in errors.values()):
        return causes.TimedOut(
            f"{login.where}: no answer to the connection within {login.timeout:g} s", _CHECK
        )
    reasons = {address: error.strerror or str(error) for address, error in errors.items()}
    if len(set(reasons.values())) == 1:
        text = next(iter(reasons.values()))
    else:
        text = ", ".join(f"{address}: {reason}" for address, reason in reasons.items())
    return Unreachable(f"{login.where}: cannot connect: {text}", _CHECK)


def _resolve(
    login: Login,
) -> list[tuple[socket.AddressFamily, socket.SocketKind, int, str, tuple[str | int, ...]]]:
    try:
        addresses = socket.getaddrinfo(login.destination, login.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "this is not the name of a host"
        raise Unreachable(
            f"{login.where}: the name {login.destination} has no address: {reason}",
            "check ansible_host, and the name server of this machine",
        ) from None
    return addresses[:MOST_ADDRESSES]  # type: ignore[return-value]
