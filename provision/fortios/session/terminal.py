"""The one place that knows netmiko: a terminal of a FortiGate that says nothing unasked.

netmiko's own preparation switches the console's paging off, which changes the unit's configuration,
and switches it on again at the end; its prompt is any `#` or `$`. Both are replaced here: nothing is
sent that was not asked for, the pager is answered, and the prompt is the whole last line.
"""

from __future__ import annotations

import codecs
import threading
import time
from collections.abc import Callable
from typing import Any

from netmiko.fortinet import FortinetSSH

from provision.errors import Failed, Unreachable
from provision.fortios.session import prompts
from provision.fortios.session.heard import Heard
from provision.ssh.causes import classify_message, clean
from provision.ssh.connection import CONNECT_ERRORS, Access, connect
from provision.ssh.login import Login

# Seconds without a byte after which a unit counts as silent (a busy one takes several to answer).
SILENCE = 30.0
# Seconds without a byte after which type-ahead counts as lost, the prompt standing there.
LOST = 3.0
# The same for questions, which are simply asked again.
UNREAD = 1.0
# Seconds without a byte after which a prompt or a pager at the end is taken for the end.
SETTLED = 0.2
# Enters in one exchange that ask for a prompt which a message of the FortiGate has hidden.
NUDGES = 3
# Seconds that one exchange may take: 5 MB of policies take ten minutes at 64 kbit/s.
EXCHANGE = 600.0
# Characters of one exchange: 10,000 policies are about 10 MB.
LONGEST = 32 << 20
# Characters of one line: a policy with 5,000 addresses has about 400,000.
LINE_LONGEST = 1 << 20
# Seconds that a session may wait, all exchanges together: no run hangs on one FortiGate for longer.
SESSION = 3600.0
# Seconds from the connection to the first prompt, and characters of banner and disclaimer before it.
LOGIN = 90.0
BANNER_LONGEST = 1 << 18
# Blanks typed behind each command: a pager eats them one a page, the next command does not mind them.
PAGES = " " * 16


class Terminal(FortinetSSH):
    """A logged-in terminal: what is typed, and what comes back until it means something.

    ``exchanges`` counts how often, since the login, we wrote and waited. ``changing``: lines have been
    typed that may have changed the unit. ``alive``: it answers.
    """

    remote_conn: Any  # the channel, by netmiko's name

    def __init__(self, login: Login, access: Access) -> None:
        """Log in.

        Raises:
            Unreachable: no session: network, host key, login, or a unit that wants a new password.
        """
        self.exchanges = 0
        self._login = login
        self._access = access
        self._prompt = self._context = ""
        self._sure = False  # the prompt was seen behind an answer
        self._hearing = Heard()
        self._waited = 0.0
        self._client: Any = None
        self.changing, self.alive = False, True
        self._spaced = True  # a blank stands behind the prompt
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        self._login_late = threading.Event()
        self._watch: threading.Timer | None = None
        try:
            # a list of its own keeps the driver from looking for key exchanges to rule out
            super().__init__(
                device_type="fortinet", host=login.address, disabled_algorithms={"kex": ["none"]}
            )
        except CONNECT_ERRORS as error:
            if self._login_late.is_set():
                raise self._broken(f"has not finished the login within {LOGIN:g} s") from None
            raise self._not_opened(error) from None
        finally:
            if self._watch:
                self._watch.cancel()

    def establish_connection(self, width: int = 511, height: int = 1000) -> None:
        """Log in as to any other target, and open a terminal."""
        self._client = connect(self._login, self._access)
        self._watch = threading.Timer(LOGIN, self._give_up)
        self._watch.daemon = True
        self._watch.start()
        self.remote_conn = self._client.get_transport().open_session()
        self.remote_conn.get_pty("vt100", width, height)
        self.remote_conn.invoke_shell()

    def paramiko_cleanup(self) -> None:
        """Close the channel and the connection."""
        super().paramiko_cleanup()
        if self._client:
            self._client.close()

    def _give_up(self) -> None:
        """Close a connection whose login never ends; whoever waits for it wakes up."""
        self._login_late.set()
        self._client.close()

    def session_preparation(self) -> None:
        """Wait for the first prompt; accept a disclaimer; send nothing else."""
        text = self._until(prompts.ends_login, "a prompt", settle=True)
        if prompts.asks_to_accept(text):
            # a single key, as units document it; the Enter is for terminals that read by the line
            self._send("a\n")
            text = self._until(prompts.ends_acceptance, "a prompt", settle=True)
        if prompts.wants_new_password(text):
            raise Unreachable(
                f"{self._login.host} wants a new password for {self._login.user}",
                "log in by hand once, set it, and put it into ansible_password",
            )
        self._learn(prompts.first_prompt(text))
        self._spaced = text.endswith(" ")
        self.exchanges = 0

    def _learn(self, prompt: str) -> None:
        self._prompt = self._context = prompt
        self._at_prompt = prompts.prompt_pattern(prompt)

    def _learn_again(self, text: str) -> None:
        """Correct the first prompt if a message of the FortiGate has torn or stretched it."""
        seen = "" if self._sure or not self._prompt else prompts.first_prompt(text)
        if seen and (seen.endswith(self._prompt) or self._prompt.endswith(seen)):
            self._learn(seen)

    @property
    def scope_in_prompt(self) -> str:
        """Return what the first prompt has in brackets, a role in a cluster aside."""
        return prompts.scope_in(self._prompt)

    @property
    def is_restricted(self) -> bool:
        """Whether the administrator's profile is not super_admin: the prompt ends in `$`."""
        return self._prompt.endswith("$")

    def is_open(self) -> bool:
        """Return whether the session still stands at its prompt; what was said meanwhile passes by."""
        started, size = time.monotonic(), 0
        try:
            while piece := self._receive(0):
                size += len(piece)
                self._check_bounds(size, 0, started)
        except (Failed, Unreachable):
            return False
        return self.alive

    def close(self) -> None:
        """End the session."""
        self.disconnect()

    def cleanup(self, command: str = "") -> None:
        """Send nothing: a closed connection ends the session, and drops what was not saved."""

    def _send(self, text: str) -> None:
        self.exchanges += 1
        try:
            self.remote_conn.sendall(text.encode())
        except CONNECT_ERRORS:
            self._hearing = Heard(self._lines)
            self._hearing.add(self._receive(SETTLED))
            raise self._broken("closed the connection") from None

    def _until(
        self,
        done: Callable[[str], bool],
        what: str,
        settle: bool = False,
        patience: float = 0,
        nudges: int = NUDGES,
    ) -> str:
        """Return what the FortiGate says until ``done``, cleaned.

        ``settle``: nothing more may follow for a moment. ``patience``: seconds of silence behind a
        prompt after which, without an error, no more is waited for; 0: the text must come.
        ``nudges``: so many Enters may be typed where a message seems to hide a prompt.
        """
        heard = self._hearing = Heard(self._lines)
        started = since = time.monotonic()
        turned, quiet, nudged, silent = 0, False, 0, 0.0
        while True:
            due = heard.is_due(quiet, self._ends_in_prompt)
            finished = due and done(heard.text())
            if finished and not settle and not nudged:
                self._sure = bool(self._prompt)
                return heard.text()
            if quiet and due:
                self._learn_again(heard.text())
            page = heard.waits_for_page() and heard.size != turned
            # the answer to an Enter that came late must not be taken for that to a later line
            last = UNREAD if nudged else SETTLED
            waits = last if finished else patience or LOST
            waits = SETTLED if page or not due else waits
            chunk = self._receive(waits)
            quiet, silent = not chunk, 0.0 if chunk else silent + waits
            if chunk:
                heard.add(chunk)
                since = time.monotonic()
                self._check_bounds(heard.size, heard.line, started)
            elif finished:
                self._sure = bool(self._prompt)
                return heard.text()
            elif page:
                turned = heard.size
                self._check_bounds(heard.size, heard.line, started)
                self._send(PAGES)
            elif due and patience and self._at_prompt.search(heard.text()):
                return heard.text()
            elif (
                due
                and nudged < nudges
                and prompts.hides_prompt(heard.text(), self._prompt, silent >= LOST)
            ):
                nudged, silent = nudged + 1, 0.0
                self._send("\n")
            elif time.monotonic() - since > SILENCE:
                raise self._broken(f"has not shown {what} for {SILENCE:.0f} s")

    def _ends_in_prompt(self, text: str) -> bool:
        return not self._prompt or bool(self._at_prompt.search(text))

    def _check_bounds(self, size: int, line: int, started: float) -> None:
        """Check what one exchange has cost so far.

        Raises:
            Failed, Unreachable: it took too long, or said too much.
        """
        longest = LONGEST if self._prompt else BANNER_LONGEST
        if size > longest:
            raise self._broken(f"has sent {longest >> 10} KiB and no end of its answer")
        if line > LINE_LONGEST:
            raise self._broken(f"has sent a line of more than {LINE_LONGEST >> 10} KiB")
        allowed = EXCHANGE if self._prompt else LOGIN
        if time.monotonic() - started > allowed:
            raise self._broken(f"has not ended its answer within {allowed:g} s")
        if self._waited > SESSION:
            raise self._broken(f"has kept this session waiting for more than {SESSION:g} s")

    def _lines(self, received: str) -> str:
        text = prompts.clean(received)
        return text if self._spaced else prompts.spaced(text, prompts.any_prompt(self._prompt))

    def _stand_at(self, text: str) -> None:
        """Keep the prompt that ``text`` ends in; it says in which context the next line runs."""
        shown = self._at_prompt.search(text)
        self._context = shown[1] if shown else ""

    def _receive(self, seconds: float) -> str:
        """The next piece, or nothing if none comes for that long."""
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
            raise self._closed()
        return self._decode(data)

    def _not_opened(self, error: Exception) -> Failed | Unreachable:
        """Return the error for a login that got no terminal, in the unit's words if there are any."""
        self._hearing = Heard(self._lines)
        while self.remote_conn is not None and self.remote_conn.recv_ready():
            self._hearing.add(self._decode(self.remote_conn.recv(65536)))
        if self._hearing.text().strip():
            return self._closed()
        what = clean(str(error) or type(error).__name__, self._login)
        return self._broken(f"let {self._login.user} in and opened no terminal ({what})")

    def _closed(self) -> Failed | Unreachable:
        """Return the error for an end of the connection, in the unit's words if they came first."""
        if self._prompt or not self._hearing.text().strip() or self._login_late.is_set():
            return self._broken("closed the connection")
        self.alive = False
        return classify_message(
            self._hearing.text(), self._login, "closed the connection after the login"
        )

    def _broken(self, what: str) -> Failed | Unreachable:
        self.alive = False
        what += " after an idle time-out" if prompts.timed_out(self._hearing.text()) else ""
        where = f"{self._login.host} ({self._login.address}:{self._login.port})"
        if not self.changing:
            return Unreachable(f"{where} {what}; nothing was being changed")
        return Failed(f"{where} {what} in the middle of a change", "run again: that mends it")
