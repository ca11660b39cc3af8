"""One SSH channel to a simulated FortiGate: keys in, output back, with the journal and faults between."""

import threading
import time
from dataclasses import replace
from typing import Any, Protocol

import paramiko

from tests.simulator.faults import Faults, Notice
from tests.simulator.frames import Reply
from tests.simulator.journal import Journal, Line, errors_in
from tests.simulator.login import Login
from tests.simulator.options import Options
from tests.simulator.session import Session
from tests.simulator.terminal import Dropped, Terminal
from tests.simulator.tokens import Tokens
from tests.simulator.transactions import Transactions
from tests.simulator.verbs import list_completions, may_change


class FortiGate(Protocol):
    """The interface of a FortiGate that its SSH server needs."""

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


class Channel:
    """A channel with a session of its own."""

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

    def _build_prompt(self) -> str:
        """Return the prompt, with a message of the FortiGate before or behind it."""
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

    def _insert_notice(self, lines: tuple[str, ...]) -> tuple[str, ...]:
        """Return the lines of an answer with a message of the FortiGate among them."""
        notice = self._notice
        if notice is None or notice.where not in ("echo", "inside"):
            return lines
        at = len(lines) // 2 if notice.where == "inside" else 0
        return (*lines[:at], notice.text, *lines[at:])

    def _make_terminal(self, shell: bool) -> Terminal:
        options = self._fortigate.options
        return Terminal(
            self._out.extend,
            self._run,
            self._build_prompt,
            self._session.interrupt,
            (lambda: self._fortigate.page(self._login.rows)) if shell else (lambda: 0),
            lambda line: list_completions(self._session, line),
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
            reply = replace(reply, lines=self._insert_notice(reply.lines))
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
        terminal = self._make_terminal(shell=True)
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
        self._close()

    def _receive(self) -> bytes:
        data = self._channel.recv(65536)
        while data and self._channel.recv_ready():
            data += self._channel.recv(65536)
        return data

    def obey(self, command: bytes) -> None:
        """Serve an exec request: its lines run one after the other, prompts are printed."""
        terminal = self._make_terminal(shell=False)
        terminal.start()
        terminal.feed(command + b"\n")
        self._flush()
        self._close()

    def leave(self) -> None:
        """The connection is over: drop what its session had pending."""
        with self._fortigate.lock:
            self._session.leave()

    def _close(self) -> None:
        self._channel.send_exit_status(0)
        self._channel.close()


def serve_shell(fortigate: FortiGate, channel: Any, number: int) -> None:
    """Serve a shell on `channel`, which may be anything that works like one of paramiko's."""
    line = Channel(
        fortigate, channel, number, Login(fortigate.options, fortigate.password, fortigate.tokens)
    )
    try:
        line.converse()
    except (OSError, Dropped):
        pass
    finally:
        line.leave()  # first, so that who sees the end finds nothing pending
        channel.close()
