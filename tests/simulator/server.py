"""The SSH server of a FortiGate: password login, shell and exec channels, one terminal a session."""

import contextlib
import io
import itertools
import logging
import socket
import threading
import time
from dataclasses import replace
from typing import Any, Protocol

import paramiko
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.simulator.faults import Faults, Notice
from tests.simulator.frames import Reply
from tests.simulator.journal import Journal, Line, errors_in
from tests.simulator.login import Login
from tests.simulator.options import Options
from tests.simulator.session import Session
from tests.simulator.terminal import Dropped, Terminal
from tests.simulator.tokens import Tokens
from tests.simulator.transactions import Transactions
from tests.simulator.verbs import completions, may_change

_MODERN = (
    "curve25519-sha256@libssh.org",
    "ecdh-sha2-nistp256",
    "diffie-hellman-group16-sha512",
    "diffie-hellman-group14-sha256",
)
_SHA1 = ("diffie-hellman-group14-sha1", "diffie-hellman-group1-sha1")
# No group exchange: a paramiko server has no moduli and breaks off when a client picks it.
KEX = {"modern": _MODERN, "sha1": _SHA1, "default": _MODERN + _SHA1}
LOG = "fortios-simulator"  # its own, so that clients that vanish leave no noise in paramiko's
logging.getLogger(LOG).addHandler(logging.NullHandler())
logging.getLogger(LOG).propagate = False


class FortiGate(Protocol):
    """What the server needs of its FortiGate."""

    options: Options
    journal: Journal
    faults: Faults
    lock: threading.RLock
    password: str
    tokens: Tokens
    transactions: Transactions
    wants_new_password: bool

    def set_password(self, password: str) -> None: ...
    def new_session(self) -> Session: ...
    def page(self, rows: int) -> int: ...


def host_key(text: str) -> paramiko.PKey:
    """Read an OpenSSH private key (ed25519), or make one when `text` is empty."""
    if not text:
        text = (
            Ed25519PrivateKey.generate()
            .private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.OpenSSH,
                serialization.NoEncryption(),
            )
            .decode()
        )
    return paramiko.Ed25519Key(file_obj=io.StringIO(text))


class Server:
    """Listens, and serves each connection on a thread of its own until `stop`."""

    def __init__(self, fortigate: FortiGate) -> None:
        self._fortigate = fortigate
        self.key = host_key(fortigate.options.host_key)
        self._socket = socket.create_server((fortigate.options.address, fortigate.options.port))
        self.address, self.port = self._socket.getsockname()[:2]
        self._numbers = itertools.count(1)
        self._open: dict[paramiko.Transport, threading.Thread | None] = {}
        self._guard = threading.Lock()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._accept, name="fortios-accept")

    def start(self) -> None:
        """Begin to accept connections."""
        self._thread.start()

    def stop(self) -> None:
        """Close the listener and every connection; returns when their threads are gone."""
        self._stopping.set()
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()
        with self._guard:
            remaining = dict(self._open)
        for transport, thread in remaining.items():
            transport.close()
            if thread:
                thread.join()
            transport.join()

    @property
    def sessions(self) -> int:
        """Count the open connections."""
        with self._guard:
            return len(self._open)

    def _accept(self) -> None:
        while not self._stopping.is_set():
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self._welcome(connection)

    def _welcome(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        transport = paramiko.Transport(connection)
        transport.set_log_channel(LOG)
        transport.add_server_key(self.key)
        security = transport.get_security_options()
        wanted = KEX[self._fortigate.options.kex]
        security.kex = [name for name in wanted if name in security.kex]
        thread = threading.Thread(
            target=self._serve, args=(transport,), name="fortios-session", daemon=True
        )
        with self._guard:
            self._open[transport] = thread
        thread.start()

    def _serve(self, transport: paramiko.Transport) -> None:
        try:
            login = Login(self._fortigate.options, self._fortigate.password, self._fortigate.tokens)
            transport.start_server(event=None, server=login)
            while transport.is_active() and not self._stopping.is_set():
                channel = transport.accept(0.2)
                if channel is not None and login.ready.wait(10):
                    login.ready.clear()
                    self._talk(channel, login)
                    return
        except (OSError, EOFError, paramiko.SSHException, Dropped):
            pass
        finally:
            transport.close()
            with self._guard:
                self._open.pop(transport, None)

    def _talk(self, channel: paramiko.Channel, login: Login) -> None:
        line = _Connection(self._fortigate, channel, next(self._numbers), login)
        try:
            if login.command is None:
                line.converse()
            else:
                line.obey(login.command)
        finally:
            line.leave()


def serve_shell(fortigate: FortiGate, channel: Any, number: int) -> None:
    """Serve a shell on `channel`, which may be anything that works like one of paramiko's."""
    line = _Connection(
        fortigate, channel, number, Login(fortigate.options, fortigate.password, fortigate.tokens)
    )
    try:
        line.converse()
    except (OSError, Dropped):
        pass
    finally:
        line.leave()  # first, so that who sees the end finds nothing pending
        channel.close()


class _Connection:
    """One channel: bytes in, bytes out, and the journal and faults in between."""

    def __init__(
        self, fortigate: FortiGate, channel: paramiko.Channel, number: int, login: Login
    ) -> None:
        self._fortigate, self._channel, self._number, self._login = (
            fortigate,
            channel,
            number,
            login,
        )
        self._session = fortigate.new_session()
        self._out = bytearray()
        self._notice: Notice | None = None

    def _prompt(self) -> str:
        """Give the prompt, with a message of the FortiGate before or behind it."""
        prompt, notice = self._session.prompt, self._notice
        self._notice = None
        if notice is None:
            return prompt
        return {
            "before": f"{notice.text}{prompt}",
            "within": f"{prompt[:2]}{notice.text}{prompt[2:]}",
            "behind": f"{prompt}\r\n{notice.text}\r\n",
            "redrawn": f"{prompt}\r\n{notice.text}\r\n{prompt}",
        }.get(notice.where, prompt)

    def _interrupted(self, lines: tuple[str, ...]) -> tuple[str, ...]:
        """Give the lines of an answer with a message of the FortiGate among them."""
        notice = self._notice
        if notice is None or notice.where not in ("echo", "inside"):
            return lines
        at = len(lines) // 2 if notice.where == "inside" else 0
        return (*lines[:at], notice.text, *lines[at:])

    def _terminal(self, shell: bool) -> Terminal:
        options = self._fortigate.options
        return Terminal(
            self._out.extend,
            self._run,
            self._prompt,
            self._session.interrupt,
            (lambda: self._fortigate.page(self._login.rows)) if shell else (lambda: 0),
            lambda line: completions(self._session, line),
            options if shell else replace(options, echo="none"),
            options.width or self._login.width,
        )

    def _run(self, text: str) -> Reply:
        faults, session = self._fortigate.faults, self._session
        self._flush()
        if faults.line_delay:
            time.sleep(faults.line_delay)
        with self._fortigate.lock:
            changes, context = may_change(session, text), session.context
            transactions = self._fortigate.transactions
            if faults.expires_transactions(text):
                transactions.expire_all()
            drop = faults.drops_before(text)
            error = faults.find_error(text, transactions.is_any_open)
            reply = Reply()
            if error is not None:
                reply = Reply(tuple(error.splitlines()))
            elif not drop:
                reply = session.run(text)
            errors = errors_in(reply.lines, text)
            self._fortigate.journal.add(Line(self._number, context, text, changes, errors))
            self._notice = faults.notice_for(text)
            reply = replace(reply, lines=self._interrupted(reply.lines))
            if drop or faults.drops_after():
                raise Dropped
        return reply

    def _flush(self) -> None:
        if self._out:
            said = bytes(self._out)
            self._out.clear()
            rewrite = self._fortigate.faults.rewrite
            for piece in rewrite(said) if rewrite else (said,):
                self._channel.sendall(piece)

    def converse(self) -> None:
        """Serve a shell until the client leaves or the FortiGate closes."""
        terminal = self._terminal(shell=True)
        self._notice = self._fortigate.faults.notice_for("")
        asks = self._fortigate.set_password if self._fortigate.wants_new_password else None
        terminal.start(self._fortigate.options.disclaimer, asks)
        self._flush()
        self._channel.settimeout(self._fortigate.options.idle_timeout or None)
        while not terminal.closed:
            try:
                data = self._receive()
            except TimeoutError:
                self._channel.sendall(b"Timeout\r\n")
                break
            if not data:
                return
            if terminal.waiting:
                self._fortigate.journal.waited(self._number)
            if self._fortigate.faults.latency:
                time.sleep(self._fortigate.faults.latency)
            terminal.feed(data)
            self._flush()
        self._goodbye()

    def _receive(self) -> bytes:
        data = self._channel.recv(65536)
        while data and self._channel.recv_ready():
            data += self._channel.recv(65536)
        return data

    def obey(self, command: bytes) -> None:
        """Serve an exec request: its lines run one after the other, prompts are printed."""
        terminal = self._terminal(shell=False)
        terminal.start()
        terminal.feed(command + b"\n")
        self._flush()
        self._goodbye()

    def leave(self) -> None:
        """The connection is over: drop what its session had pending."""
        with self._fortigate.lock:
            self._session.leave()

    def _goodbye(self) -> None:
        self._channel.send_exit_status(0)
        self._channel.close()
