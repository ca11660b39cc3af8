"""Reach a server: directly, through a jump host, or through a command. Nothing is said to it yet."""

from __future__ import annotations

import re
import socket
import subprocess
import tempfile
import threading
from typing import IO, Any, cast

from provision.errors import Unreachable
from provision.ssh import causes
from provision.ssh.login import Login
from provision.ssh.routing.routes import expand_command
from provision.ssh.routing.tunnel import CHECK, TakeHop, open_tunnel

# Addresses of one name that are tried.
MOST_ADDRESSES = 8
# Seconds for a command to end after its connection is closed.
ENDING = 2.0


def open_socket(login: Login, take_hop: TakeHop) -> socket.socket:
    """Return what the SSH protocol of ``login`` runs over: a socket, or something like one.

    Raises:
        Unreachable: the text names what failed, and the jump host where it did.
    """
    if login.proxy_command:
        return cast("socket.socket", ProxyCommand(login))
    if login.via:
        return cast("socket.socket", open_tunnel(login, login.via, take_hop))
    return _connect(login)


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
            f"{login.where}: no answer to the connection within {login.timeout:g} s", CHECK
        )
    reasons = {address: error.strerror or str(error) for address, error in errors.items()}
    if len(set(reasons.values())) == 1:
        text = next(iter(reasons.values()))
    else:
        text = ", ".join(f"{address}: {reason}" for address, reason in reasons.items())
    return Unreachable(f"{login.where}: cannot connect: {text}", CHECK)


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
