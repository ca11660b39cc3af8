"""A session with a ban host over SSH: one exec to observe, one to change.

The package provision/linux/agent runs there, sent over stdin as a zip and imported from memory. What comes
back is limited in time and bytes, and only text that is known to be harmless is shown.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

from provision.errors import Failed, TargetError, Unreachable
from provision.linux import answers
from provision.linux.agent.protocol.observe import Request
from provision.linux.agent.protocol.wire import dump
from provision.linux.session import causes, launch
from provision.linux.session.agent_code import pack_agent
from provision.linux.session.causes import NoPython, Outcome
from provision.linux.session.exchange import Exchange
from provision.linux.session.framing import make_harmless
from provision.ssh.connection import Access, ChannelException, Connection, SSHException, connect
from provision.ssh.login import DEFAULT_TIMEOUT, Login

Answer = TypeVar("Answer")

__all__ = ["BanHostSession", "NoPython"]

# Seconds from the start of an exec to its end, whatever arrives meanwhile. To look may have to wait for
# another run on the host; to change may have to install packages over a slow line.
LOOKING = 600
CHANGING = 3600
# Seconds until sudo has accepted a password or refused it, whatever directory service it asks; and until a
# prompt of sudo appears on a terminal, which drops what was typed before it.
STARTING = 120
PROMPTING = 10
# Seconds in which a program that has answered ends, and seconds between two looks whether it has.
ENDING = 10
PAUSE = 0.05
# Bytes until then: room for sudo's lecture and a banner. With more, something else is wrong.
MOST_BEFORE = 1 << 16
# Bytes of the output of an installation.
MOST_INSTALLING = 1 << 20
# Several connections are opened at once, and one of them prepares for all.
_PREPARING = threading.Lock()


def _prepare() -> None:
    """Prepare what the first exec needs: the agent, and the form of its answer."""
    with _PREPARING:
        pack_agent()
        answers.prepare("observe")


class BanHostSession:
    """One SSH connection to a ban host; ``execs`` counts the programs started over it."""

    def __init__(self, login: Login, access: Access) -> None:
        # root needs no sudo, which a small host may not have
        become = login.become and login.user != "root"
        password = login.become_password if become else None
        self._login = replace(login, become=become, become_password=password)
        self._access = access
        self._terminal = False
        self.execs = 0

    def __enter__(self) -> BanHostSession:
        # most of the time to log in is spent waiting for the host
        preparing = threading.Thread(target=_prepare)
        preparing.start()
        try:
            kept = self._access.take_connection(self._login)
            found = kept if isinstance(kept, Connection) else None
            self._client = found or connect(self._login, self._access)
        finally:
            preparing.join()
        self._client.get_transport().set_keepalive(15)
        return self

    def __exit__(self, *_: object) -> None:
        self._access.give_back(self._login, self._client)

    def is_open(self) -> bool:
        """Return whether programs can be started in this session."""
        return self._client.is_open()

    def ask(self, request: Request[Answer]) -> Answer:
        """Send one request to the agent and return its validated answer.

        Raises:
            Failed: the agent gives the reason; or the connection was lost after the request was sent.
            InvalidAnswer: the agent never gives such an answer to this request.
            Unreachable: the agent could not be started: no sudo.
            NoPython: the host has no python3 that could run the agent.
        """
        payload = dump(request).encode()
        code = pack_agent()
        pythons = (self._login.python,) if self._login.python else launch.PYTHONS
        seconds = CHANGING if request.do == "apply" else LOOKING
        outcome, answer = self._run(
            lambda marker: launch.build_input(marker, pythons, code, payload),
            seconds,
            answers.get_limit(request.do),
        )
        if answer is not None:
            return answers.read(request, answer)
        if "answer" in outcome.messages:
            raise Failed(
                "the answer of this ban host was cut off",
                "run again to finish what was begun on the host",
            )
        if "nopython" in outcome.messages:
            raise causes.describe_missing_python(outcome, self._login, pythons)
        raise self._explain(outcome)

    def install_python(self) -> str:
        """Install python3; return a note about what the installation waited for, or nothing."""
        outcome, _ = self._run(launch.install_python, CHANGING, MOST_INSTALLING)
        if "done" not in outcome.messages:
            raise self._explain(outcome)
        if outcome.messages.get("done") != "0":
            words = make_harmless(outcome.out + outcome.err, 10, last=True)
            what = f"python3 could not be installed:\n{words}"
            raise Failed(
                what, "correct that (sources, mirror, proxy, locks of apt), then run again"
            )
        return make_harmless(outcome.out, 1, last=True)

    def _explain(self, outcome: Outcome) -> TargetError:
        asked = "ready" not in outcome.messages and causes.asks_password(outcome.words)
        if asked and self._login.become_password is None:
            return causes.describe_missing_password(self._login, self._list_permitted())
        return causes.explain(outcome, self._login)

    def _list_permitted(self) -> str:
        """Return the commands that sudo permits, if it lists them without a password."""
        outcome, _ = self._run_in_time(
            "env LC_ALL=C sudo -n -l", lambda _: b"", LOOKING, MOST_BEFORE
        )
        return outcome.out if outcome.status == 0 else ""

    # --- one exec --------------------------------------------------------------------------------

    def _run(
        self, sent: Callable[[str], bytes], seconds: float, most: int
    ) -> tuple[Outcome, bytes | None]:
        """Run what ``sent`` returns for a marker as root; on a terminal only if sudo wants one."""
        outcome, answer = self._run_in_time(None, sent, seconds, most)
        if "ready" not in outcome.messages and causes.needs_terminal(outcome.words):
            self._terminal = True
            return self._run_in_time(None, sent, seconds, most)
        return outcome, answer

    def _run_in_time(
        self, command: str | None, sent: Callable[[str], bytes], seconds: float, most: int
    ) -> tuple[Outcome, bytes | None]:
        self.execs += 1
        late = threading.Event()
        timer = threading.Timer(seconds, self._give_up, [late])
        timer.daemon = True
        timer.start()
        try:
            return self._exchange(command, sent, most)
        except TargetError:
            raise
        except Exception as error:
            if late.is_set():
                raise Failed(
                    f"this ban host did not finish within {seconds:.0f} s",
                    "check that host; run again: it finishes what was begun there",
                ) from None
            raise Failed(
                f"the connection broke during the run ({error or type(error).__name__})",
                "run again: it finishes what was begun on the host",
            ) from error
        finally:
            timer.cancel()

    def _give_up(self, late: threading.Event) -> None:
        """End an exec from outside; this wakes up every thread that waits for the host."""
        late.set()
        self._client.close()

    def _exchange(
        self, command: str | None, sent: Callable[[str], bytes], most: int
    ) -> tuple[Outcome, bytes | None]:
        """Start a program, send its input as soon as it reads, and return its output."""
        marker, login = launch.new_marker(), self._login
        channel = self._open(self._client.get_transport())
        if self._terminal:
            channel.get_pty("dumb", width=500)
        has_password = login.become_password is not None
        self._start(channel, command or launch.build_command(marker, login.become, has_password))
        with Exchange(channel, marker, most) as exchange:
            if command is None:
                self._enter(exchange, marker)
            if exchange.is_over:
                channel.shutdown_write()  # a program whose output is redirected waits for its input
            else:
                exchange.send(sent(marker))
            exchange.wait(lambda: exchange.is_answered or exchange.has_heard("done"))
            if exchange.too_much:
                raise answers.InvalidAnswer(f"it must have at most {most} bytes")
            answer = exchange.answer
            status = None if answer is not None else self._read_status(channel, exchange)
            return Outcome(status, tuple(exchange.said), *exchange.others), answer

    def _open(self, transport: Any) -> Any:
        """Open a channel; with MaxSessions 1 this waits until the program of the last one has ended."""
        last = time.monotonic() + (ENDING if self.execs > 1 else 0)
        while True:
            try:
                return transport.open_session(timeout=DEFAULT_TIMEOUT)
            except ChannelException as error:
                if time.monotonic() >= last:
                    raise Unreachable(
                        f"the SSH server of this host opens no session for {self._login.user}",
                        "check MaxSessions in its sshd_config",
                    ) from error
                time.sleep(PAUSE)

    def _start(self, channel: Any, command: str) -> None:
        channel.settimeout(CHANGING)
        try:
            channel.exec_command(command)
        except SSHException as error:
            if not channel.closed or not channel.get_transport().is_active():
                raise
            raise Unreachable(
                f"the SSH server of this host runs no programs for {self._login.user}",
                "check ForceCommand, PermitTTY and the options in authorized_keys there",
            ) from error

    def _enter(self, exchange: Exchange, marker: str) -> None:
        """Wait until our shell runs, and type sudo's password: once, and nothing after it.

        Some versions of sudo take everything after it as further passwords.
        """
        password = self._login.become_password

        def asked() -> bool:
            return launch.format_prompt(marker) in "".join(exchange.others)

        if password is not None:
            if self._terminal:  # which drops what is typed before sudo asks
                exchange.wait(lambda: asked() or exchange.has_heard("ready"), PROMPTING)
            exchange.send(password.encode() + b"\n")

        def refused() -> bool:
            return password is not None and causes.refused_password(exchange.others, marker)

        def enough() -> bool:
            return exchange.has_heard("ready") or refused() or exchange.size > MOST_BEFORE

        exchange.wait(enough, STARTING)
        if exchange.has_heard("ready"):
            return
        if refused():
            raise causes.describe_wrong_password(self._login)
        if exchange.size > MOST_BEFORE:
            raise answers.InvalidAnswer(f"it must start within {MOST_BEFORE} bytes")
        if not exchange.is_over:
            words = "\n".join(exchange.others).replace(launch.format_prompt(marker), "")
            raise causes.describe_stuck_login(
                self._login, STARTING, make_harmless(words, 1, last=True)
            )

    def _read_status(self, channel: Any, exchange: Exchange) -> int | None:
        """Return the exit status, or None if a signal ended the program."""
        if exchange.has_heard("done"):
            return 0
        status = int(channel.recv_exit_status())
        if not self._client.is_open():
            raise EOFError("no exit status")
        return None if status == -1 else status
