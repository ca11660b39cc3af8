"""Check the errors of servers that never ask for a login."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable

import pytest

from provision.errors import Unreachable
from provision.ssh import causes, connection
from provision.ssh.connection import Access
from provision.ssh.login import Login
from tests.unit.ssh.login_cases import PASSWORD, RIGHT
from tests.unit.ssh.ssh_server import Rules, listening, ssh_server
from tests.unit.ssh.transports import Enter, both_transports

Serve = Callable[[socket.socket, threading.Event], None]


def send(data: bytes, stays: bool = True) -> Serve:
    def serve(connection: socket.socket, over: threading.Event) -> None:
        connection.recv(100)
        connection.sendall(data)
        if stays:
            over.wait(30)

    return serve


def reset(connection: socket.socket, over: threading.Event) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def make_kexinit(*lists: bytes) -> bytes:
    body = bytes([20]) + bytes(16) + b"".join(struct.pack(">I", len(each)) + each for each in lists)
    body += bytes(8) + bytes(5)
    padding = 8 - (len(body) + 5) % 8 + 8
    return struct.pack(">IB", len(body) + 1 + padding, padding) + body + bytes(padding)


ALGORITHMS = (b"curve25519-sha256@libssh.org", b"ssh-ed25519", *[b"aes128-ctr"] * 2)
ALGORITHMS = (*ALGORITHMS, *[b"hmac-sha2-256"] * 2, *[b"none"] * 2)
OLD = b"SSH-2.0-Old\r\n"


def offer(place: int, names: bytes) -> Serve:
    lists = [names if n == place else each for n, each in enumerate(ALGORITHMS)]
    return send(OLD + make_kexinit(*lists))


BEFORE: dict[str, tuple[Serve, type[Unreachable], str]] = {
    "silence": (send(b""), causes.TimedOut, "no SSH banner within 0.5 s"),
    "a web server": (
        send(b"HTTP/1.1 400 Bad Request\r\nServer: x\r\n\r\n", stays=False),
        causes.NotSsh,
        'it sent: "HTTP/1.1 400 Bad Request"',
    ),
    "a telnet server": (
        send(b"\xff\xfd\x18\x1b[2Jlogin: "),
        causes.NotSsh,
        "\\x1b[2Jlogin:",
    ),
    "a version without an end": (send(b"SSH-2.0-" + b"x" * 100_000), causes.NotSsh, "xxx..."),
    "SSH 1": (send(b"SSH-1.5-Ancient\r\n"), causes.NoCommonAlgorithm, "1.5 instead of 2.0"),
    "a server that stops after its version": (
        send(OLD),
        causes.TimedOut,
        "the key exchange was not finished within 0.5 s",
    ),
    "a server that hangs up after its version": (
        send(OLD, stays=False),
        Unreachable,
        "the key exchange failed",
    ),
    "noise after its version": (send(OLD + b"\0" * 500), Unreachable, "the key exchange"),
    "a disconnect after its version": (
        send(OLD + struct.pack(">IBBIIB", 20, 5, 1, 11, 5, 78) + b"o, no" + bytes(5 + 4)),
        causes.RefusedByPolicy,
        "closed the connection, and says",
    ),
    "unknown key exchanges": (
        offer(0, b"sntrup\x1b[0m,only-new"),
        causes.NoCommonAlgorithm,
        "no key exchanges in common: the server offers sntrup\\x1b[0m, only-new; Banstitch supports",
    ),
    "unknown host keys": (
        offer(1, b"ssh-dss"),
        causes.NoCommonAlgorithm,
        "no host keys in common: the server offers ssh-dss; Banstitch supports ssh-ed25519",
    ),
    "unknown ciphers": (offer(3, b"arcfour"), causes.NoCommonAlgorithm, "no ciphers in common"),
    "unknown MACs": (offer(5, b"hmac-x"), causes.NoCommonAlgorithm, "no MACs in common"),
    "MaxStartups": (
        send(b"Exceeded MaxStartups\r\n", stays=False),
        causes.Busy,
        'target1 is refusing new connections (busy): "Exceeded MaxStartups" (tried ',
    ),
    "a listener that hangs up": (
        send(b"", stays=False),
        causes.Busy,
        "target1 is refusing new connections (busy): it closes each before its SSH banner (tried ",
    ),
    "a listener that resets": (reset, causes.Busy, "is refusing new connections (busy)"),
}


@both_transports
@pytest.mark.parametrize(("serve", "cause", "says"), BEFORE.values(), ids=BEFORE)
def test_causes_before_the_login_are_distinguished(
    serve: Serve,
    cause: type[Unreachable],
    says: str,
    enter: Enter,
    access: Access,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connection, "BUSY_FOR", 1.0)
    seconds = 0.5 if cause in (causes.TimedOut, causes.NotSsh) else 10
    with listening(serve) as port, pytest.raises(Unreachable) as caught:
        enter(Login("target1", "127.0.0.1", "joe", port, password=RIGHT, timeout=seconds), access)
    assert type(caught.value) is cause, caught.value
    assert says in caught.value.message
    assert len(caught.value.message) < 1000
    assert caught.value.remedy
    assert not access.known_hosts.exists()


@both_transports
def test_a_server_that_is_busy_for_a_moment_is_tried_again(enter: Enter, access: Access) -> None:
    with ssh_server(Rules(steps=PASSWORD, busy=2)) as (port, seen):
        enter(Login("target1", "127.0.0.1", "joe", port, password=RIGHT), access)
    assert seen.connections == 3
    assert seen.attempts == [("password", RIGHT)]


@both_transports
@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("no-such-host.invalid", "the name no-such-host.invalid has no address"),
        ("x" * 70 + ".invalid", "has no address"),
        ("a..b", "has no address"),
        ("127.0.0.1", "cannot connect: Connection refused"),
        ("localhost", "Connection refused"),
        ("::1", "(joe@[::1]:"),
        ("255.255.255.255", "cannot connect: "),
    ],
)
def test_an_unreachable_address_is_named(
    address: str, says: str, enter: Enter, access: Access
) -> None:
    with socket.socket() as held:  # a port at which nobody listens
        held.bind(("127.0.0.1", 0))
        login = Login("target1", address, "joe", held.getsockname()[1], password=RIGHT)
        with pytest.raises(Unreachable) as caught:
            enter(login, access)
    assert says in caught.value.message
    assert "ansible_host" in caught.value.remedy


@both_transports
def test_a_name_with_several_addresses_is_tried_at_each(
    enter: Enter, access: Access, monkeypatch: pytest.MonkeyPatch
) -> None:
    """IPv6 comes first for such a name, and nobody listens there."""
    found = socket.getaddrinfo
    monkeypatch.setattr(
        socket,
        "getaddrinfo",
        lambda _, port, **more: found("::1", port, **more) + found("127.0.0.1", port, **more),
    )
    with ssh_server(Rules(steps=PASSWORD)) as (port, seen):
        enter(Login("target1", "dual.example", "joe", port, password=RIGHT), access)
    assert seen.connections == 1
