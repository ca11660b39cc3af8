"""From an address to an SSH server that has shown its host key, or the reason why not."""

from __future__ import annotations

import random
import socket
import threading
import time
from collections.abc import Callable

import paramiko
from paramiko.ssh_exception import IncompatiblePeer

from provision.errors import Unreachable
from provision.ssh import causes
from provision.ssh.login import Login
from provision.ssh.packets import Packets, Wire

# Seconds for which a server that closes each new connection is tried again, and the first pause.
BUSY_FOR = 20.0
FIRST_PAUSE = 0.5
# Addresses of one name that are tried.
MOST_ADDRESSES = 8
_CHECK = "check ansible_host, ansible_port, and that SSH is let through to it"
# What sshd says when it takes no more connections, before it names its version.
_FULL = (b"Exceeded MaxStartups", b"Not allowed at this time")

Prepare = Callable[[paramiko.Transport], object]


def reach(login: Login, prepare: Prepare) -> paramiko.Transport:
    """Return a connection that is encrypted, and has checked nothing yet.

    ``prepare`` is called before the key exchange. A server that is busy is tried again for a while.

    Raises:
        Unreachable: the class and the text give the cause.
    """
    ends, pause, tries = time.monotonic() + BUSY_FOR, FIRST_PAUSE, 1
    while True:
        try:
            return _shake_hands(login, prepare)
        except causes.Busy as busy:
            wait = pause * random.uniform(0.5, 1.5)  # noqa: S311 - so that many clients do not come back at once
            if time.monotonic() + wait > ends:
                raise causes.Busy(f"{busy.what} (tried {tries} times)", busy.remedy) from None
        time.sleep(wait)
        pause, tries = min(pause * 2, 4.0), tries + 1


def _shake_hands(login: Login, prepare: Prepare) -> paramiko.Transport:
    wire = Wire(_connect(login))
    # the packetizer notes what the server says
    transport = paramiko.Transport(wire, packetizer_class=Packets)  # type: ignore[arg-type]
    prepare(transport)
    # ours ends first, and knows the phase
    transport.banner_timeout = transport.handshake_timeout = login.timeout + 5
    finished = threading.Event()
    transport.start_client(event=finished)
    in_time = finished.wait(login.timeout)
    if in_time and transport.is_active():
        return transport
    error = transport.get_exception()
    transport.close()
    if not wire.has_version:
        raise _without_version(login, wire, in_time)
    raise _without_keys(login, transport, in_time, error)


def _connect(login: Login) -> socket.socket:
    failed: dict[str, OSError] = {}
    for family, kind, protocol, _, address in _addresses(login):
        sock = socket.socket(family, kind, protocol)
        try:
            sock.settimeout(login.timeout)
            sock.connect(address)
            return sock
        except OSError as error:
            failed[str(address[0])] = error
            sock.close()
    if all(isinstance(error, ConnectionResetError) for error in failed.values()):
        raise _busy(login, "")
    late = [each for each, error in failed.items() if isinstance(error, TimeoutError)]
    if len(late) == len(failed):
        raise causes.TimedOut(
            f"{login.where}: no answer to the connection within {login.timeout:g} s", _CHECK
        )
    reasons = {each: e.strerror or str(e) for each, e in failed.items()}
    several = len(set(reasons.values())) > 1
    text = (
        ", ".join(f"{each}: {r}" for each, r in reasons.items())
        if several
        else next(iter(reasons.values()))
    )
    raise Unreachable(f"{login.where}: cannot connect: {text}", _CHECK)


def _addresses(
    login: Login,
) -> list[tuple[socket.AddressFamily, socket.SocketKind, int, str, tuple[str | int, ...]]]:
    try:
        found = socket.getaddrinfo(login.address, login.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "this is not the name of a host"
        raise Unreachable(
            f"{login.where}: the name {login.address} has no address: {reason}",
            "check ansible_host, and the name server of this machine",
        ) from None
    return found[:MOST_ADDRESSES]  # type: ignore[return-value]


def _busy(login: Login, said: str) -> causes.Busy:
    return causes.Busy(
        f"{login.where}: {login.host} is refusing new connections (busy): "
        + (f'"{said}"' if said else "it closes each before its SSH banner"),
        "run again later; else look there for MaxStartups of sshd, hosts.deny, or a ban of this address",
    )


def _without_version(login: Login, wire: Wire, in_time: bool) -> Unreachable:
    """Return why no SSH server introduced itself."""
    said = causes.clean(wire.first_line, login)
    if any(each in wire.first_line for each in _FULL) or (in_time and not wire.first):
        return _busy(login, said)
    if said:
        return causes.NotSsh(
            f'{login.where}: this is not an SSH server; it sent: "{said}"',
            "check ansible_port and ansible_host",
        )
    return causes.TimedOut(
        f"{login.where}: no SSH banner within {login.timeout:g} s",
        "check ansible_port, and raise ansible_timeout if the server is slow",
    )


def _without_keys(
    login: Login, transport: paramiko.Transport, in_time: bool, error: Exception | None
) -> Unreachable:
    """Return why the key exchange failed."""
    packets = transport.packetizer
    heard = packets.heard if isinstance(packets, Packets) else None
    if heard and heard.words:
        return causes.explain_words(heard.words, login, "closed the connection")
    if not in_time:
        return causes.TimedOut(
            f"{login.where}: the key exchange was not finished within {login.timeout:g} s",
            "raise ansible_timeout if the server is slow",
        )
    if isinstance(error, IncompatiblePeer):
        return _incompatible(login, transport, heard.offers if heard else {}, str(error))
    detail = causes.clean(str(error), login) if error and str(error) else "it closed the connection"
    return Unreachable(
        f"{login.where}: the key exchange failed: {detail}",
        "run again; if it persists, look into the server's log",
    )


def _incompatible(
    login: Login, transport: paramiko.Transport, offers: dict[str, str], said: str
) -> Unreachable:
    ours = transport.get_security_options()
    known = {
        "key exchanges": ours.kex,
        "host keys": ours.key_types,
        "ciphers": ours.ciphers,
        "MACs": ours.digests,
    }
    for what, names in known.items():
        if what in offers and not set(names) & set(offers[what].split(",")):
            return causes.NoCommonAlgorithm(
                f"{login.where}: no {what} in common: the server offers "
                f"{causes.clean(offers[what].replace(',', ', '), login)}; Banstitch knows {', '.join(names)}",
                "let the server offer one of those",
            )
    return causes.NoCommonAlgorithm(
        f"{login.where}: no algorithm in common: {causes.clean(said, login)}",
        "let the server offer current algorithms of SSH 2",
    )
