"""A small SSH server that refuses logins in every way that servers do, and notes what it was sent."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import paramiko
from paramiko.common import (
    AUTH_FAILED,
    AUTH_PARTIALLY_SUCCESSFUL,
    AUTH_SUCCESSFUL,
    OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED,
    OPEN_FAILED_CONNECT_FAILED,
    OPEN_SUCCEEDED,
)
from paramiko.server import InteractiveQuery

from provision.ssh.login import Login
from provision.ssh.prompts import Codes
from tests.simulator.server import host_key

HOST_KEY = host_key("")
SHA2 = ["rsa-sha2-512", "rsa-sha2-256"]

Prompts = Sequence[tuple[str, bool]]


@dataclass
class Rules:
    """What the server does with whoever comes.

    ``steps``: methods that must be passed, one set after another. ``rounds``: what it asks by
    keyboard-interactive, and ``answers``: what it wants to hear. ``most``: refusals before it hangs up.
    ``parting``: what it says when it hangs up, as a disconnect; ``banner``: what it says before that;
    ``text``: what it says beside its prompts. ``closes_at``: a method at which it hangs up.
    ``no_shell``: it lets people in and opens no shell.
    ``before_key`` is called before the first method is tried; ``delay``: seconds before each answer.
    ``busy``: how many connections it closes before it names its version. ``forwards``: it is a jump host;
    ``refusals``: the codes with which it refuses its first channels. ``before_channel`` is called before it
    opens or refuses one.
    """

    password: str = "right-password"
    key: paramiko.PKey | None = None
    steps: tuple[tuple[str, ...], ...] = (("publickey", "password"),)
    rounds: tuple[Prompts, ...] = ()
    answers: tuple[str, ...] = ()
    text: str = ""
    most: int = 6
    closes_at: str = ""
    parting: str = ""
    banner: str = ""
    legal_notice: str = ""
    new_password: bool = False
    hangs_at: str = ""
    sha1_only: bool = False
    quiet_about_signatures: bool = False
    shell: bytes = b"\r\nFGT # "
    no_shell: bool = False
    busy: int = 0
    before_key: Callable[[], None] | None = None
    delay: float = 0.0
    forwards: bool = False
    before_channel: Callable[[], object] | None = None
    refusals: list[int] = field(default_factory=list)
    host_key: paramiko.PKey = HOST_KEY


@dataclass
class Seen:
    """The attempts of all clients, each a method and its secret, over all connections.

    ``forwarded``: where a jump host was asked to connect to.
    """

    attempts: list[tuple[str, str]] = field(default_factory=list)
    connections: int = 0
    forwarded: list[tuple[str, int]] = field(default_factory=list)
    transports: list[paramiko.Transport] = field(default_factory=list)

    def count(self, method: str) -> int:
        """Return how often a method was tried."""
        return sum(each == method for each, _ in self.attempts)


class _Door(paramiko.ServerInterface):
    def __init__(self, transport: paramiko.Transport, rules: Rules, seen: Seen) -> None:
        self._transport = transport
        self._rules = rules
        self._seen = seen
        self._passed = self._refused = 0
        self._rounds: list[Prompts] = []
        self._heard: list[str] = []
        self.over = threading.Event()

    def get_banner(self) -> tuple[str | None, str | None]:
        notice = self._rules.legal_notice
        return (notice, "en") if notice else (None, None)

    def get_allowed_auths(self, username: str) -> str:
        return ",".join(self._rules.steps[min(self._passed, len(self._rules.steps) - 1)])

    def check_auth_none(self, username: str) -> int:
        self._hang("none")
        if self._rules.before_key:
            self._rules.before_key()
        return AUTH_FAILED

    def check_auth_password(self, username: str, password: str) -> int:
        self._seen.attempts.append(("password", password))
        if self._rules.new_password:
            self._say(60, "Change it now", "")
            self.over.wait(30)
        return self._judge("password", password == self._rules.password)

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        self._seen.attempts.append(("publickey", key.fingerprint))
        good = self._rules.key is not None and key.asbytes() == self._rules.key.asbytes()
        return self._judge("publickey", good)

    def check_auth_interactive(self, username: str, submethods: str) -> Any:
        self._rounds, self._heard = list(self._rules.rounds), []
        if not self._rounds:
            self._seen.attempts.append(("keyboard-interactive", ""))
            return self._judge("keyboard-interactive", False)
        return self._ask()

    def check_auth_interactive_response(self, responses: list[str]) -> Any:
        self._heard += responses
        self._seen.attempts += [("keyboard-interactive", each) for each in responses]
        if self._rounds:
            return self._ask()
        return self._judge("keyboard-interactive", tuple(self._heard) == self._rules.answers)

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return OPEN_SUCCEEDED

    def check_channel_direct_tcpip_request(
        self, chanid: int, origin: tuple[str, int], destination: tuple[str, int]
    ) -> int:
        self._seen.forwarded.append(destination)
        if self._rules.before_channel:
            self._rules.before_channel()
        if self._rules.refusals:
            return self._rules.refusals.pop(0)
        if not self._rules.forwards:
            return OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED
        try:
            target = socket.create_connection(destination)
        except OSError:
            return OPEN_FAILED_CONNECT_FAILED
        threading.Thread(target=self._forward, args=[target], daemon=True).start()
        return OPEN_SUCCEEDED

    def _forward(self, target: socket.socket) -> None:
        # channels are accepted in the order in which they were opened, and all lead to the same server
        channel = None
        while channel is None and self._transport.is_active():  # another thread may have taken it
            channel = self._transport.accept(1)
        if channel is None:
            target.close()
            return
        back = threading.Thread(target=_pump, args=[target, channel], daemon=True)
        back.start()
        _pump(channel, target)
        back.join()
        target.close()

    def check_channel_pty_request(self, *_: Any) -> bool:
        return True

    def check_channel_shell_request(self, channel: paramiko.Channel) -> bool:
        if self._rules.no_shell:
            return False
        threading.Thread(target=self._show, args=[channel], daemon=True).start()
        return True

    def _show(self, channel: paramiko.Channel) -> None:
        with contextlib.suppress(OSError, EOFError):
            channel.sendall(self._rules.shell)
            if not self._rules.shell.endswith(b"# "):
                channel.close()

    def _ask(self) -> InteractiveQuery:
        return InteractiveQuery("", self._rules.text, *self._rounds.pop(0))

    def _hang(self, method: str) -> None:
        self.over.wait(30 if method == self._rules.hangs_at else self._rules.delay)

    def _judge(self, method: str, good: bool) -> int:
        rules = self._rules
        self._hang(method)
        self._refused += not good
        if method == rules.closes_at or self._refused >= rules.most:
            if rules.banner:
                self._say(53, rules.banner, "")
            if rules.parting:
                self._say(1, 2, rules.parting, "")
            self._transport.close()
            return AUTH_FAILED
        if not good:
            return AUTH_FAILED
        self._passed += 1
        last = self._passed == len(rules.steps)
        return AUTH_SUCCESSFUL if last else AUTH_PARTIALLY_SUCCESSFUL

    def _say(self, number: int, *parts: str | int) -> None:
        message = paramiko.Message()
        message.add_byte(bytes([number]))
        for part in parts:
            if isinstance(part, int):
                message.add_int(part)
            else:
                message.add_string(part)
        self._transport.packetizer.send_message(message)


def _pump(source: Any, sink: Any) -> None:
    with contextlib.suppress(OSError, EOFError):
        while data := source.recv(65536):
            sink.sendall(data)
    with contextlib.suppress(OSError, EOFError):
        sink.shutdown(socket.SHUT_RDWR)


def _serve(connection: socket.socket, rules: Rules, seen: Seen, over: threading.Event) -> None:
    refused = {"pubkeys": SHA2} if rules.sha1_only else {}
    transport = paramiko.Transport(
        connection,
        disabled_algorithms=refused,
        server_sig_algs=not (rules.sha1_only or rules.quiet_about_signatures),
    )
    seen.transports.append(transport)
    transport.add_server_key(rules.host_key)
    transport.get_security_options().kex = ("curve25519-sha256@libssh.org",)
    door = _Door(transport, rules, seen)
    with contextlib.suppress(paramiko.SSHException, OSError, EOFError):
        transport.start_server(event=threading.Event(), server=door)
        over.wait(60)
    door.over.set()
    transport.close()


@contextlib.contextmanager
def listening(serve: Callable[[socket.socket, threading.Event], None]) -> Iterator[int]:
    """Serve each connection on a thread of its own; yields the port."""
    over, threads = threading.Event(), []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve_shell(connection: socket.socket) -> None:
            with connection, contextlib.suppress(OSError):
                serve(connection, over)

        def accept() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                threads.append(threading.Thread(target=serve_shell, args=[connection], daemon=True))
                threads[-1].start()

        accepting = threading.Thread(target=accept, daemon=True)
        accepting.start()
        try:
            yield server.getsockname()[1]
        finally:
            over.set()
            server.shutdown(socket.SHUT_RDWR)
            for thread in (accepting, *threads):
                thread.join(30)


@contextlib.contextmanager
def ssh_server(rules: Rules) -> Iterator[tuple[int, Seen]]:
    """Run the server; yields its port and what it sees."""
    seen = Seen()

    def serve(connection: socket.socket, over: threading.Event) -> None:
        seen.connections += 1
        if seen.connections <= rules.busy:
            return
        _serve(connection, rules, seen, over)

    with listening(serve) as port:
        yield port, seen


class TypedCodes(Codes):
    """Codes without an operator: always the same one; ``prompts`` are those that were answered with it."""

    def __init__(self, code: str) -> None:
        super().__init__()
        self.prompts: list[str] = []
        self._code_to_type = code

    def ask(self, login: Login, prompt: str) -> str:
        self.prompts.append(f"{login.host}: {prompt}")
        return self._code_to_type
