"""A terminal of a FortiGate that shows nothing unasked. No other module knows netmiko.

netmiko's own preparation switches the console's paging off, which changes the configuration of the
FortiGate, and on again at the end; its prompt is any `#` or `$`. Both are replaced here: nothing is
sent that was not asked for, the pager is answered, and the prompt is the whole last line.
"""

from __future__ import annotations

import codecs
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, ClassVar

from netmiko.fortinet import FortinetSSH

from provision.errors import Failed, Unreachable
from provision.fortios.session import prompts
from provision.fortios.session.transcript import Bounds, KnownPrompt, Transcript, Wait
from provision.ssh.causes import classify_message, clean
from provision.ssh.connection import CONNECT_ERRORS, Access, connect
from provision.ssh.login import Login

# Blanks typed after each command: a pager takes one for each page, the next command ignores the rest.
PAGES = " " * 16


class Terminal(FortinetSSH):
    """A logged-in terminal: sends keys, and reads until the output means something.

    ``exchanges`` counts how often, since the login, we wrote and waited. ``changing``: lines have been
    typed that may have changed the FortiGate. ``alive``: the connection works.
    """

    bounds: ClassVar[Bounds] = Bounds()
    remote_conn: Any  # the channel, by netmiko's name

    def __init__(self, login: Login, access: Access) -> None:
        """Log in.

        Raises:
            Unreachable: network, host key, login, or a FortiGate that wants a new password.
        """
        self.exchanges = 0
        self._login = login
        self._access = access
        self._prompt = KnownPrompt()
        self._transcript = Transcript()
        self._waited = 0.0
        self._client: Any = None
        self.changing, self.alive = False, True
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        self._login_late = threading.Event()
        self._watch: threading.Timer | None = None
        try:
            # a list of its own keeps the driver from looking for key exchanges to rule out
            super().__init__(
                device_type="fortinet", host=login.address, disabled_algorithms={"kex": ["none"]}
            )
        except CONNECT_ERRORS as error:
            failure = self._describe_login_failure(error)
            self.paramiko_cleanup()  # netmiko calls it only from session_preparation() on
            raise failure from None
        finally:
            if self._watch:
                self._watch.cancel()

    def establish_connection(self, width: int = 511, height: int = 1000) -> None:
        """Log in as to any other target, and open a terminal."""
        self._client = connect(self._login, self._access)
        self._watch = threading.Timer(self.bounds.login, self._end_late_login)
        self._watch.daemon = True
        self._watch.start()
        self.remote_conn = self._client.get_transport().open_session()
        self.remote_conn.get_pty("vt100", width, height)
        self.remote_conn.invoke_shell()

    def session_preparation(self) -> None:
        """Wait for the first prompt; accept a disclaimer; send nothing else."""
        text = self._read_until(prompts.ends_login, "a prompt", settle=True)
        if prompts.asks_to_accept(text):
            # a single key, as documented; the Enter is for terminals that read whole lines
            self._send("a\n")
            text = self._read_until(prompts.ends_acceptance, "a prompt", settle=True)
        if prompts.wants_new_password(text):
            raise Unreachable(
                f"{self._login.host} wants a new password for {self._login.user}",
                "log in by hand once, set it, and put it into ansible_password",
            )
        self._prompt.learn(text)
        self.exchanges = 0

    def paramiko_cleanup(self) -> None:
        """Close the channel and the connection; netmiko's own method needs a client that it made."""
        with suppress(*CONNECT_ERRORS):
            if self.remote_conn is not None:
                self.remote_conn.close()
        if self._client:
            self._client.close()

    def cleanup(self, command: str = "") -> None:
        """Send nothing: closing the connection ends the session, and drops what was not saved."""

    @property
    def scope_in_prompt(self) -> str:
        """The name in brackets in the first prompt, apart from a role in a cluster."""
        return self._prompt.scope

    @property
    def is_restricted(self) -> bool:
        """True if the administrator's profile is not super_admin: the prompt ends in `$`."""
        return self._prompt.is_restricted

    def is_open(self) -> bool:
        """Return whether the session is still at its prompt; discard what was printed meanwhile."""
        with suppress(Failed, Unreachable):
            self._discard_output(0)
            return self.alive
        return False

    def close(self) -> None:
        """End the session."""
        self.disconnect()

    def _send(self, keys: str) -> None:
        self.exchanges += 1
        try:
            self.remote_conn.sendall(keys.encode())
        except CONNECT_ERRORS:
            self._transcript = Transcript(self._prompt.clean)
            self._transcript.add(self._receive(self.bounds.settled))
            raise self._give_up("closed the connection") from None

    def _receive(self, seconds: float) -> str:
        """Return the next piece, or nothing if none comes for that long."""
        self.remote_conn.settimeout(seconds)
        began = time.monotonic()
        try:
            data = self.remote_conn.recv(65536)
        except TimeoutError:
            return ""
        except CONNECT_ERRORS:
            data = b""
        finally:
            self._waited += time.monotonic() - began
        if not data:
            raise self._describe_end()
        return self._decode(data)

    def _read_until(
        self,
        done: Callable[[str], bool],
        what: str,
        settle: bool = False,
        patience: float = 0,
        nudges: int | None = None,
    ) -> str:
        """Return what the FortiGate shows until ``done``, cleaned.

        ``settle``: wait until nothing more follows for a moment. ``patience``: seconds of silence at a
        prompt after which the wait ends without an error; 0: wait for ``done``. ``nudges``: how many
        Enters may be typed where a message seems to hide a prompt; None: as the bounds say.
        """
        transcript, wait = Transcript(self._prompt.clean), Wait()
        self._transcript = transcript
        most = self.bounds.nudges if nudges is None else nudges
        while True:
            due = transcript.is_due(wait.quiet, self._prompt.ends)
            finished = due and done(transcript.read_text())
            if finished and not settle and not wait.nudges:
                break
            if wait.quiet and due:
                self._prompt.repair(transcript.read_text())
            pager = transcript.waits_for_page() and transcript.size != wait.paged_at
            seconds = self._choose_timeout(wait, finished, due and not pager, patience)
            piece = self._receive(seconds)
            wait.count(piece, seconds)
            if piece:
                transcript.add(piece)
                self._check_bounds(transcript.size, transcript.line, wait.started)
            elif finished:
                break
            elif due and patience and not pager and self._prompt.ends(transcript.read_text()):
                return transcript.read_text()
            else:
                self._keep_waiting(wait, pager, due and wait.nudges < most, what)
        self._prompt.confirm()
        return transcript.read_text()

    def _choose_timeout(self, wait: Wait, finished: bool, due: bool, patience: float) -> float:
        """Return the seconds to wait for the next piece."""
        if due and not finished:
            return patience or self.bounds.lost
        # a late answer to an Enter must not be mistaken for the answer to a later line
        return self.bounds.unread if due and wait.nudges else self.bounds.settled

    def _keep_waiting(self, wait: Wait, pager: bool, may_nudge: bool, what: str) -> None:
        """Turn the page, type an Enter where a prompt seems hidden, or wait on.

        Raises:
            Failed, Unreachable: nothing has come for too long.
        """
        transcript = self._transcript
        if pager:
            wait.paged_at = transcript.size
            self._check_bounds(transcript.size, transcript.line, wait.started)
            self._send(PAGES)
        elif may_nudge and prompts.hides_prompt(
            transcript.read_text(), self._prompt.text, wait.silent >= self.bounds.lost
        ):
            wait.nudges, wait.silent = wait.nudges + 1, 0.0
            self._send("\n")
        elif time.monotonic() - wait.last_piece > self.bounds.silence:
            raise self._give_up(f"has not shown {what} for {self.bounds.silence:.0f} s")

    def _discard_output(self, seconds: float) -> None:
        """Read and drop output until nothing comes for ``seconds``."""
        started, size = time.monotonic(), 0
        while piece := self._receive(seconds):
            size += len(piece)
            self._check_bounds(size, 0, started)

    def _check_bounds(self, size: int, line: int, started: float) -> None:
        """Check what one exchange, and the whole session, has cost so far.

        Raises:
            Failed, Unreachable: it took too long, or sent too much.
        """
        took = time.monotonic() - started
        if excess := self.bounds.find_excess(size, line, took, bool(self._prompt.text)):
            raise self._give_up(excess)
        if self._waited > self.bounds.session:
            most = f"{self.bounds.session:g} s"
            raise self._give_up(f"has kept this session waiting for more than {most}")

    def _end_late_login(self) -> None:
        """Close a connection whose login never ends, which wakes up whoever waits for it."""
        self._login_late.set()
        self._client.close()

    def _describe_login_failure(self, error: Exception) -> Failed | Unreachable:
        """Return the error for a login without a terminal, in the FortiGate's words if there are any."""
        if self._login_late.is_set():
            return self._give_up(f"has not finished the login within {self.bounds.login:g} s")
        self._transcript = Transcript(self._prompt.clean)
        while self.remote_conn is not None and self.remote_conn.recv_ready():
            self._transcript.add(self._decode(self.remote_conn.recv(65536)))
        if self._transcript.read_text().strip():
            return self._describe_end()
        reason = clean(str(error) or type(error).__name__, self._login)
        return self._give_up(f"let {self._login.user} in and opened no terminal ({reason})")

    def _describe_end(self) -> Failed | Unreachable:
        """Return the error for a closed connection, in the FortiGate's words if it gave any first."""
        words = self._transcript.read_text()
        if self._prompt.text or not words.strip() or self._login_late.is_set():
            return self._give_up("closed the connection")
        self.alive = False
        return classify_message(words, self._login, "closed the connection after the login")

    def _give_up(self, what: str) -> Failed | Unreachable:
        """Give the session up; return the error."""
        self.alive = False
        if prompts.is_idle_timeout(self._transcript.read_text()):
            what += " after an idle timeout"
        where = f"{self._login.host} ({self._login.address}:{self._login.port})"
        if not self.changing:
            return Unreachable(f"{where} {what}; nothing was being changed")
        what = f"{where} {what} in the middle of a change"
        return Failed(what, "run the command again to complete it")
