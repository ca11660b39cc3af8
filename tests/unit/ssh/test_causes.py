"""Each cause of a failed login has its own error, at ban hosts and FortiGates alike.

The server is a small one that misbehaves; `tests/e2e/test_logins.py` covers the same causes with OpenSSH.
"""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import paramiko
import pytest

from provision.errors import Unreachable
from provision.fortios.session.command_line import CommandLine
from provision.linux.session.session import BanHostSession
from provision.ssh import causes, connection
from provision.ssh.connection import Access
from provision.ssh.login import Login
from tests.unit.ssh.ssh_server import Rules, listening, ssh_server

KEY = paramiko.RSAKey.generate(2048)
RIGHT = "right-password"
PASSWORD = (("password",),)
PROMPTS = (("keyboard-interactive", "password"),)
ASKS = ((("Password: ", False),),)
ASKS_CODE = ((("Password: ", False),), (("FortiToken Code: ", False),))


@dataclass(frozen=True)
class Case:
    """A server, a login and the expected error; ``sent``: the attempts that the server receives."""

    rules: Rules
    cause: type[Unreachable]
    says: str
    remedy: str
    sent: tuple[str, ...] = ()
    login: dict[str, Any] = field(default_factory=dict)


WITH_WRONG = {"password": "wrong-password"}
WITH_RIGHT = {"password": RIGHT}
WITH_KEY = {"private_key_file": "KEY"}
BOTH = {"private_key_file": "KEY", "password": "wrong-password"}

CASES = {
    "password refused": Case(
        Rules(steps=PASSWORD),
        causes.PasswordRefused,
        "password refused for joe",
        "check ansible_password",
        ("password",),
        WITH_WRONG,
    ),
    "password refused by prompts, not tried by the other method": Case(
        Rules(steps=PROMPTS, rounds=ASKS, answers=(RIGHT,)),
        causes.PasswordRefused,
        "password refused for joe",
        "check ansible_password",
        ("keyboard-interactive",),
        WITH_WRONG,
    ),
    "password refused by a second prompt for it": Case(
        Rules(steps=PROMPTS, rounds=(*ASKS, *ASKS, *ASKS), answers=(RIGHT,)),
        causes.PasswordRefused,
        "password refused for joe",
        "check ansible_password",
        ("keyboard-interactive",),
        WITH_WRONG,
    ),
    "password refused, and the connection closed": Case(
        Rules(steps=PASSWORD, most=1, parting="Too many authentication failures"),
        causes.PasswordRefused,
        "password refused for joe; the server closed the session after 1 attempt",
        "check ansible_password",
        ("password",),
        WITH_WRONG,
    ),
    "key refused": Case(
        Rules(),
        causes.KeyRefused,
        f"key refused for joe: KEY (rsa, {KEY.fingerprint})",
        "authorized_keys of joe",
        ("publickey",),
        WITH_KEY,
    ),
    "key and password refused": Case(
        Rules(),
        causes.PasswordRefused,
        "password refused for joe; key refused for joe: KEY",
        "check ansible_password",
        ("publickey", "password"),
        BOTH,
    ),
    "the server takes no password": Case(
        Rules(steps=(("publickey",),)),
        causes.MethodMissing,
        "the server wants: publickey",
        "ansible_ssh_private_key_file",
        (),
        WITH_RIGHT,
    ),
    "nothing to try": Case(
        Rules(),
        causes.NothingToTry,
        "no key and no password for joe; the server wants: publickey, password",
        "set ansible_password",
    ),
    "a password behind the key": Case(
        Rules(key=KEY, steps=(("publickey",), ("password",))),
        causes.MethodMissing,
        "accepted so far: publickey (KEY); the server still wants: password",
        "set ansible_password",
        ("publickey",),
        WITH_KEY,
    ),
    "prompts for a password behind the key": Case(
        Rules(key=KEY, steps=(("publickey",), ("keyboard-interactive",)), rounds=ASKS),
        causes.MethodMissing,
        "accepted so far: publickey (KEY); the server wants the password of joe",
        "set ansible_password",
        ("publickey",),
        WITH_KEY,
    ),
    "a wrong password behind the key": Case(
        Rules(key=KEY, steps=(("publickey",), ("password",))),
        causes.PasswordRefused,
        "password refused for joe; accepted so far: publickey (KEY)",
        "check ansible_password",
        ("publickey", "password"),
        BOTH,
    ),
    "a code": Case(
        Rules(steps=PROMPTS, rounds=ASKS_CODE),
        causes.CodeWanted,
        'asks joe for a code ("FortiToken Code:")',
        "--ask-token",
        ("keyboard-interactive",),
        WITH_RIGHT,
    ),
    "a code behind the key": Case(
        Rules(
            key=KEY,
            steps=(("publickey",), ("keyboard-interactive",)),
            rounds=((("Verification code: ", False),),),
        ),
        causes.CodeWanted,
        'accepted so far: publickey (KEY); the server asks joe for a code ("Verification code:")',
        "--ask-token",
        ("publickey",),
        WITH_KEY,
    ),
    "password expired": Case(
        Rules(steps=PASSWORD, new_password=True),
        causes.PasswordExpired,
        'the password of joe has expired; the server says: "Change it now"',
        "set a new password",
        ("password",),
        WITH_RIGHT,
    ),
    "password expired, by prompts": Case(
        Rules(steps=PROMPTS, rounds=(*ASKS, (("New password: ", False),))),
        causes.PasswordExpired,
        "the password of joe has expired",
        "set a new password",
        ("keyboard-interactive",),
        WITH_RIGHT,
    ),
    "account expired": Case(
        Rules(
            steps=PASSWORD,
            closes_at="password",
            banner="Your account has expired; please contact your system administrator.",
        ),
        causes.AccountLocked,
        'and says: "Your account has expired; please contact your system administrator."',
        "unlock the account of joe",
        ("password",),
        WITH_RIGHT,
    ),
    "account locked": Case(
        Rules(steps=PROMPTS, rounds=ASKS, text="The account is locked due to 3 failed logins."),
        causes.AccountLocked,
        "The account is locked due to 3 failed logins.",
        "unlock the account of joe",
        ("keyboard-interactive",),
        WITH_RIGHT,
    ),
    "a server that is shut down": Case(
        Rules(
            steps=PASSWORD,
            closes_at="password",
            legal_notice="Keep out",
            banner="System is going down.\n\x1b[31mNobody gets in.",
        ),
        causes.RefusedByPolicy,
        'says: "System is going down. \\x1b[31mNobody gets in."',
        "run again",
        ("password",),
        WITH_RIGHT,
    ),
    "too many administrators": Case(
        Rules(
            steps=PASSWORD,
            closes_at="password",
            parting="Maximum number of administrators logged in",
        ),
        causes.RefusedByPolicy,
        'says: "Maximum number of administrators logged in"',
        "run again",
        ("password",),
        WITH_RIGHT,
    ),
    "a reason that holds the password": Case(
        Rules(steps=PASSWORD, closes_at="password", parting=f"joe/{RIGHT} may not enter"),
        causes.RefusedByPolicy,
        'says: "joe/******** may not enter"',
        "whether joe may",
        ("password",),
        WITH_RIGHT,
    ),
    "no reason": Case(
        Rules(steps=PASSWORD, closes_at="password"),
        causes.ConnectionClosed,
        "closed the connection during the check of the password",
        "look into its log",
        ("password",),
        WITH_RIGHT,
    ),
    "no answer to the first question": Case(
        Rules(hangs_at="none"),
        causes.TimedOut,
        "no answer to the first question within 0.5 s",
        "ansible_timeout",
        (),
        WITH_RIGHT | {"timeout": 0.5},
    ),
    "no answer to the password": Case(
        Rules(steps=PASSWORD, hangs_at="password"),
        causes.TimedOut,
        "no answer to the password within 0.5 s",
        "ansible_timeout",
        ("password",),
        WITH_RIGHT | {"timeout": 0.5},
    ),
    "no answer to the key": Case(
        Rules(hangs_at="publickey"),
        causes.TimedOut,
        "no answer to the key KEY",
        "ansible_timeout",
        ("publickey",),
        WITH_KEY | {"timeout": 0.5},
    ),
}


@pytest.fixture
def key_file(tmp_path: Path) -> str:
    path = tmp_path / "id_of_joe"
    KEY.write_private_key_file(str(path))
    return str(path)


def enter_ban_host(login: Login, access: Access) -> None:
    with BanHostSession(login, access):
        pass


def enter_fortigate(login: Login, access: Access) -> None:
    CommandLine(login, access).disconnect()


Enter = Callable[[Login, Access], None]
both_transports = pytest.mark.parametrize("enter", [enter_ban_host, enter_fortigate])


@both_transports
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_each_cause_has_its_own_message_and_remedy(
    case: Case, enter: Enter, key_file: str, access: Access
) -> None:
    given: dict[str, Any] = dict(case.login)
    if "private_key_file" in given:
        given["private_key_file"] = key_file
    with ssh_server(case.rules) as (port, seen):
        login = Login("target1", "127.0.0.1", "joe", port, **given)
        with pytest.raises(Unreachable) as caught:
            enter(login, access)
    error = caught.value
    assert type(error) is case.cause, error
    assert error.message.startswith(f"target1 (joe@127.0.0.1:{port}): ")
    assert case.says.replace("KEY", key_file) in error.message
    assert case.remedy in error.remedy
    assert tuple(method for method, _ in seen.attempts) == case.sent
    assert RIGHT not in str(error)
    assert "wrong-password" not in str(error)


# --- before anybody is asked who it is -------------------------------------------------------------


Serve = Callable[[socket.socket, threading.Event], None]


def _says(data: bytes, stays: bool = True) -> Serve:
    def serve(connection: socket.socket, over: threading.Event) -> None:
        connection.recv(100)
        connection.sendall(data)
        if stays:
            over.wait(30)

    return serve


def _resets(connection: socket.socket, over: threading.Event) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def _kexinit(*lists: bytes) -> bytes:
    body = bytes([20]) + bytes(16) + b"".join(struct.pack(">I", len(each)) + each for each in lists)
    body += bytes(8) + bytes(5)
    padding = 8 - (len(body) + 5) % 8 + 8
    return struct.pack(">IB", len(body) + 1 + padding, padding) + body + bytes(padding)


ALGORITHMS = (b"curve25519-sha256@libssh.org", b"ssh-ed25519", *[b"aes128-ctr"] * 2)
ALGORITHMS = (*ALGORITHMS, *[b"hmac-sha2-256"] * 2, *[b"none"] * 2)
OLD = b"SSH-2.0-Old\r\n"


def _offers(place: int, names: bytes) -> Serve:
    lists = [names if n == place else each for n, each in enumerate(ALGORITHMS)]
    return _says(OLD + _kexinit(*lists))


BEFORE: dict[str, tuple[Serve, type[Unreachable], str]] = {
    "silence": (_says(b""), causes.TimedOut, "no SSH banner within 0.5 s"),
    "a web server": (
        _says(b"HTTP/1.1 400 Bad Request\r\nServer: x\r\n\r\n", stays=False),
        causes.NotSsh,
        'it sent: "HTTP/1.1 400 Bad Request"',
    ),
    "a telnet server": (
        _says(b"\xff\xfd\x18\x1b[2Jlogin: "),
        causes.NotSsh,
        "\\x1b[2Jlogin:",
    ),
    "a version without an end": (_says(b"SSH-2.0-" + b"x" * 100_000), causes.NotSsh, "xxx..."),
    "SSH 1": (_says(b"SSH-1.5-Ancient\r\n"), causes.NoCommonAlgorithm, "1.5 instead of 2.0"),
    "a server that stops after its version": (
        _says(OLD),
        causes.TimedOut,
        "the key exchange was not finished within 0.5 s",
    ),
    "a server that hangs up after its version": (
        _says(OLD, stays=False),
        Unreachable,
        "the key exchange failed",
    ),
    "noise after its version": (_says(OLD + b"\0" * 500), Unreachable, "the key exchange"),
    "a disconnect after its version": (
        _says(OLD + struct.pack(">IBBIIB", 20, 5, 1, 11, 5, 78) + b"o, no" + bytes(5 + 4)),
        causes.RefusedByPolicy,
        "closed the connection, and says",
    ),
    "unknown key exchanges": (
        _offers(0, b"sntrup\x1b[0m,only-new"),
        causes.NoCommonAlgorithm,
        "no key exchanges in common: the server offers sntrup\\x1b[0m, only-new; Banstitch supports",
    ),
    "unknown host keys": (
        _offers(1, b"ssh-dss"),
        causes.NoCommonAlgorithm,
        "no host keys in common: the server offers ssh-dss; Banstitch supports ssh-ed25519",
    ),
    "unknown ciphers": (_offers(3, b"arcfour"), causes.NoCommonAlgorithm, "no ciphers in common"),
    "unknown MACs": (_offers(5, b"hmac-x"), causes.NoCommonAlgorithm, "no MACs in common"),
    "MaxStartups": (
        _says(b"Exceeded MaxStartups\r\n", stays=False),
        causes.Busy,
        'target1 is refusing new connections (busy): "Exceeded MaxStartups" (tried ',
    ),
    "a listener that hangs up": (
        _says(b"", stays=False),
        causes.Busy,
        "target1 is refusing new connections (busy): it closes each before its SSH banner (tried ",
    ),
    "a listener that resets": (_resets, causes.Busy, "is refusing new connections (busy)"),
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
def test_the_timeout_of_the_inventory_applies_to_slow_answers(enter: Enter, access: Access) -> None:
    """A RADIUS server may first wait for a push to a phone."""
    with ssh_server(Rules(steps=PASSWORD, delay=1.5)) as (port, seen):
        enter(Login("target1", "127.0.0.1", "joe", port, password=RIGHT, timeout=20), access)
        with pytest.raises(causes.TimedOut, match=r"no answer to the .* within 1 s"):
            enter(Login("target1", "127.0.0.1", "joe", port, password="another", timeout=1), access)
    assert ("password", RIGHT) in seen.attempts


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


def test_the_last_output_of_a_terminal_that_closes_is_shown(access: Access) -> None:
    rules = Rules(steps=PASSWORD, shell=b"Maximum number of admin sessions\x1b[1m reached\r\n")
    with ssh_server(rules) as (port, _), pytest.raises(causes.RefusedByPolicy) as caught:
        CommandLine(Login("fgt1", "127.0.0.1", "joe", port, password=RIGHT), access)
    assert 'says: "Maximum number of admin sessions' in caught.value.message
    assert "\x1b" not in caught.value.message
