"""A ban host that speaks the agent's protocol over real SSH and answers whatever a test wants.

`honest` gives the answers of a host on which everything is as it should be. A hostile host is a function
that spoils them. Nothing is run and nothing is changed: no Debian and no root is needed.
"""

from __future__ import annotations

import base64
import hashlib
import json
import socket
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import paramiko

from provision.linux import planner
from provision.linux.kinds.resource import Resource
from provision.linux.kinds.tokens import Tokens
from tests.simulator.server import LOG, host_key
from tests.unit.linux import linux_model

Request = dict[str, Any]
Answer = dict[str, Any]
NOW = 1_800_000_000
# In a reply: what follows in the same chunk is an answer, framed for the exec that it is the reply to.
MARK = b"<answer>"
# The length that stands before an answer that never ends.
ENDLESS = 1 << 20
FACTS = {"system": "Debian", "systemd": True, "apt": True, "sshd_jail_without_log": False}


@dataclass(frozen=True)
class Reply:
    """What one exec prints on both outputs, and its exit status; None for one that never ends."""

    out: bytes | Iterable[bytes] = b""
    err: bytes | Iterable[bytes] = b""
    status: int | None = 0


def line(answer: Any) -> bytes:
    """Spell an answer as the agent does."""
    return MARK + json.dumps({"ok": True, **answer}).encode()


# --- an honest host --------------------------------------------------------------------------------------


def token(name: str) -> str:
    """Return a secret in the form in which the agent makes them."""
    return (name.replace(":", "-") + "-Aa0" * 20)[:43]


def deployed(resources: Sequence[Resource]) -> Answer:
    """Return what a look finds on a host on which ``resources`` were deployed."""
    names = [name for each in resources if isinstance(each, Tokens) for name in each.names]
    host = linux_model.Host(facts=FACTS, tokens={name: token(name) for name in names})
    host.carry_out(planner.plan(resources, host.observed(tuple(resources))))
    observed = host.answer(tuple(resources))
    manifest = observed["manifest"]
    return {
        **observed,
        "clock": time.time(),
        "paths": {path: state for path, state in observed["paths"].items() if path[0] == "/"},
        "manifest": {
            **manifest,
            "version": 1,
            "key": "0f" * 32,
            "services": list(manifest["services"]),
            "fortigates": {},
        },
    }


def leave_out(asked: Request, observed: Answer) -> Answer:
    """Return what a look finds, without the contents that are as desired."""
    digests = {
        path: hashlib.sha256(base64.b64decode(state["content"])).hexdigest()
        for path, state in observed["paths"].items()
        if state and state["content"] is not None
    }
    same = [path for path, each in asked["desired"].items() if digests.get(path) == each]
    short = {path: {**observed["paths"][path], "content": None} for path in same}
    return {**observed, "paths": {**observed["paths"], **short}, "as_desired": same}


def bare(observed: Answer) -> Answer:
    """Return what a look finds on that host once all was torn down."""
    dead = linux_model.DEAD
    return {
        **observed,
        "clock": time.time(),
        "paths": dict.fromkeys(observed["paths"]),
        "as_desired": [],
        "packages": dict.fromkeys(observed["packages"], False),
        "users": dict.fromkeys(observed["users"], False),
        "services": dict.fromkeys(observed["services"], dead),
        "jails": dict.fromkeys(observed["jails"]),
        "tokens": None,
        "certificates": dict.fromkeys(observed["certificates"]),
        "manifest": None,
    }


def honest(resources: Sequence[Resource]) -> Callable[[Request], Answer]:
    """Return the function that answers each request as the agent would on a host that is well."""
    observed = deployed(resources)

    def ban(request: Request) -> Answer:
        found = {"address": "192.0.2.7", "jail": request["jails"][0], "until": NOW, "since": NOW}
        live = {**found, "failures": 3, "count": 1, "why": "reported by fgt1"}
        return {"bans": [live], "allowances": []}

    def status(request: Request) -> Answer:
        left = {path: {"days_left": 390.5} for path in request["sealed"]}
        versions = {"debian": "12.5", "python": "3.11.2", "fail2ban": "1.0.2-2"}
        return {
            "metrics": "banstitch_up 1\n",
            "versions": versions,
            "certificates": left,
            "filters": False,
            "alarms": [],
            "attacked": [],
            "stale": [],
        }

    entry = {"at": NOW, "what": "ban", "address": "192.0.2.7", "jail": "banstitch-x", "count": 1}
    event = f"{NOW}.5 fgt1 sslvpn_login_failed failure 192.0.2.7 - -"
    answers: dict[str, Callable[[Request], Answer]] = {
        "observe": lambda asked: leave_out(asked, observed),
        "apply": lambda asked: {
            "moved": False,
            "notes": [],
            "observed": bare(observed)
            if asked["verb"] == "teardown"
            else leave_out(asked["observe"], observed),
        },
        "remember": lambda _: {},
        "lease": lambda _: {"held": None, "broken": None, "record": None},
        "release": lambda _: {},
        "self-test": lambda _: {
            "steps": ["192.0.2.7 is banned and in the feed"],
            "unreadable": {},
        },
        "rotate": lambda _: {"changed": True},
        "bans": ban,
        "ban": lambda _: {"changed": True, "until": NOW, "said": "banned"},
        "unban": lambda _: {"changed": True, "notes": ["was banned"]},
        "history": lambda _: {"history": [entry], "left_out": False},
        "evidence": lambda _: {"events": [event], "left_out": False},
        "status": status,
    }
    return lambda request: answers[request["do"]](request)


# --- the server -------------------------------------------------------------------------------------------


class _Login(paramiko.ServerInterface):
    """Let anybody in, to run one command."""

    def __init__(self) -> None:
        self.ready = threading.Event()
        self.command = b""

    def get_allowed_auths(self, username: str) -> str:
        return "password"

    def check_auth_password(self, username: str, password: str) -> int:
        return paramiko.common.AUTH_SUCCESSFUL

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return paramiko.common.OPEN_SUCCEEDED

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        self.command = command
        self.ready.set()
        return True


@dataclass
class FakeBanHost:
    """An SSH server on loopback that gives ``reply`` to each request; ``asked`` has them all."""

    reply: Callable[[Request], Reply]
    software: str = "OpenSSH_9.2"
    asked: list[Request] = field(default_factory=list)

    def __enter__(self) -> Self:
        self.key = host_key("")
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self._stopping = threading.Event()
        self._open: list[tuple[paramiko.Transport, threading.Thread]] = []
        self._accepting = threading.Thread(target=self._accept)
        self._accepting.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._accepting.join()
        for transport, thread in self._open:
            transport.close()
            thread.join()

    @property
    def known_as(self) -> str:
        """The line of known_hosts."""
        return f"[127.0.0.1]:{self.port} {self.key.get_name()} {self.key.get_base64()}\n"

    def _accept(self) -> None:
        while not self._stopping.is_set():
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            transport = paramiko.Transport(connection)
            transport.set_log_channel(LOG)
            transport.local_version = f"SSH-2.0-{self.software}"
            transport.add_server_key(self.key)
            thread = threading.Thread(target=self._serve, args=(transport,))
            self._open.append((transport, thread))
            thread.start()

    def _serve(self, transport: paramiko.Transport) -> None:
        login = _Login()
        try:
            transport.start_server(server=login)
            while transport.is_active() and not self._stopping.is_set():
                channel = transport.accept(0.1)
                if channel is not None and login.ready.wait(10):
                    login.ready.clear()
                    self._answer(transport, channel, login.command)
        except (OSError, EOFError, paramiko.SSHException):
            pass
        finally:
            transport.close()

    def _answer(
        self, transport: paramiko.Transport, channel: paramiko.Channel, command: bytes
    ) -> None:
        marker = command.split()[-1]
        channel.sendall(marker + b":ready\n")
        request = _received(channel)
        channel.sendall(marker + b":began\n")
        self.asked.append(request)
        reply = self.reply(request)
        for what, send in ((reply.err, channel.sendall_stderr), (reply.out, channel.sendall)):
            for chunk in [what] if isinstance(what, bytes) else what:
                send(_framed(marker, chunk))
        if reply.status is None:
            channel.shutdown_write()  # so that its reader believes that all has come
            while transport.is_active() and not self._stopping.wait(0.02):
                continue
        else:
            channel.send_exit_status(reply.status)
        channel.close()


def _received(channel: paramiko.Channel) -> Request:
    """Return the request behind the agent's code."""
    sent = b""
    while not sent.endswith(b"\n.\n"):
        chunk = channel.recv(65536)
        if not chunk:
            raise EOFError
        sent += chunk
    data = base64.b64decode(b"".join(sent.splitlines()[2:-1]))
    size, _, data = data.partition(b"\n")
    found: Request = json.loads(data[int(size) :])
    return found


def _framed(marker: bytes, chunk: bytes) -> bytes:
    before, mark, answer = chunk.partition(MARK)
    length = len(answer) if answer else ENDLESS
    return before + (b"%s:answer:%d\n" % (marker, length) if mark else b"") + answer


def write_inventory(
    folder: Path, hosts: Mapping[str, FakeBanHost], with_fortigates: bool = False
) -> Path:
    """Write an inventory in which each of ``hosts`` is the ban host of a site, and their known_hosts.

    ``with_fortigates``: each has a FortiGate at whose address nobody listens.
    """
    lines = ["all:", "  children:", "    ban_hosts:", "      hosts:"]
    lines += [
        f"        {name}: {{ansible_host: 127.0.0.1, ansible_port: {host.port}, ansible_user: root,"
        " ansible_password: password-of-root, receiver_accept_documentation: true}"
        for name, host in hosts.items()
    ]
    if with_fortigates:
        lines += ["    fortigates:", "      hosts:"]
        lines += [
            f"        fw-{name}: {{ansible_host: 127.0.0.1, ansible_port: {port},"
            f" ansible_password: password-of-fw, ban_host: {name}}}"
            for port, name in enumerate(hosts, 1)
        ]
    folder.mkdir(exist_ok=True)
    (folder / "hosts.yml").write_text("\n".join(lines) + "\n")
    (folder / "known_hosts").write_text("".join(host.known_as for host in hosts.values()))
    return folder
