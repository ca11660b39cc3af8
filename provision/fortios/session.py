"""The one place that knows netmiko: a terminal session with a FortiGate that says nothing unasked.

netmiko's own preparation switches the console's paging off, which changes the unit's configuration,
and switches it on again at the end; its prompt is any `#` or `$`. Both are replaced here: nothing is
sent that was not asked for, the pager is answered, and the prompt is the whole last line.
"""

from __future__ import annotations

import codecs
import re
import time
from collections.abc import Callable, Sequence
from typing import Any

from netmiko.fortinet import FortinetSSH

from provision.errors import Failed, Unreachable
from provision.fortios import dialogue
from provision.fortios.chunks import Line
from provision.login import Login
from provision.ssh import CONNECT_ERRORS, CONNECT_TIMEOUT, HostKeyPolicy, explain, trust

# Seconds without a byte after which a unit counts as silent (a busy one takes several to answer).
SILENCE = 30.0
# Seconds without a byte after which type-ahead counts as lost, the prompt standing there.
LOST = 3.0
# The same for questions, which are simply asked again.
UNREAD = 1.0
# Seconds without a byte after which a prompt or a pager at the end is taken for the end.
SETTLED = 0.2
# Blanks typed behind each command: a pager eats them one a page, the next command does not mind them.
PAGES = " " * 16
# How deep an `abort` may have to climb.
DEPTH = 8


class Refused(Failed):
    """The unit refused a line; the session is back at its first prompt. ``said``: the unit's words."""

    def __init__(self, what: str, remedy: str, said: str) -> None:
        super().__init__(what, remedy)
        self.said = said


class Garbled(Failed):
    """Lines that were typed ahead did not arrive; from now on the session types one at a time."""


class Session(FortinetSSH):
    """A logged-in terminal; ``exchanges`` counts how often, since then, we wrote and waited.

    ``changing``: lines have been typed that may have changed the unit. ``alive``: it answers.
    """

    def __init__(self, login: Login, policy: HostKeyPolicy) -> None:
        """Log in.

        Raises:
            Unreachable: no session: network, host key, login, or a unit that wants a new password.
        """
        self.exchanges = 0
        self._login = login
        self._policy = policy
        self._prompt = self._heard = ""
        self.changing = False
        self.alive = True
        self._ahead = self._echoes = True
        self._late = False
        self._spaced = True  # a blank stands behind the prompt
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        try:
            super().__init__(
                device_type="fortinet",
                host=login.address,
                port=login.port,
                username=login.user,
                password=login.password,
                key_file=login.private_key_file,
                use_keys=login.private_key_file is None and login.password is None,
                allow_agent=login.password is None,
                conn_timeout=CONNECT_TIMEOUT,
                banner_timeout=CONNECT_TIMEOUT,
                auth_timeout=CONNECT_TIMEOUT,
                # a list of its own keeps the driver from ruling out all modern key exchanges
                disabled_algorithms={"kex": ["none"]},
            )
        except CONNECT_ERRORS as error:
            raise explain(error.__context__ or error, login, policy) from None

    def _build_ssh_client(self) -> Any:
        client = self._get_ssh_client_instance()
        trust(client, self._policy)
        return client

    def session_preparation(self) -> None:
        """Wait for the first prompt; accept a disclaimer; send nothing else."""
        text = self._until(_logged_in, "a prompt", settle=True)
        if dialogue.asks_to_accept(text):
            # a single key, as units document it; the Enter is for terminals that read by the line
            self._send("a\n")
            text = self._until(_after_accepting, "a prompt", settle=True)
        if dialogue.wants_new_password(text):
            raise Unreachable(
                f"{self._login.host} wants a new password for {self._login.user}",
                "log in by hand once, set it, and put it into ansible_password",
            )
        self._prompt = dialogue.first_prompt(text) or ""
        self._context = self._prompt
        self._at_prompt = dialogue.prompt_pattern(self._prompt)
        self._spaced = text.endswith(" ")
        self.exchanges = 0

    @property
    def is_restricted(self) -> bool:
        """Whether the administrator's profile is not super_admin: the prompt ends in `$`."""
        return self._prompt.endswith("$")

    def cleanup(self, command: str = "") -> None:
        """Send nothing: a closed connection ends the session, and drops what was not saved."""

    def read(self, commands: Sequence[str]) -> tuple[str, ...]:
        """The answers to ``commands``, none of which may change anything.

        All are typed at once. What a pager garbled, or the unit did not take while it was busy, is
        asked again one by one.

        Raises:
            Failed, Unreachable: the unit fell silent or went away.
        """
        found: list[str | None] = [None] * len(commands)
        if self._ahead and commands:
            found[:] = self._ask(commands, PAGES)
        again = [number for number, each in enumerate(found) if each is None]
        self._late = self._late or (self._ahead and bool(again))
        self._ahead = self._ahead and not again
        for number in again:
            (found[number],) = self._ask([commands[number]], "")
        lost = [command for command, each in zip(commands, found, strict=True) if each is None]
        if lost:
            raise self._broken(f"does not answer '{lost[0]}'")
        return tuple(each or "" for each in found)

    def visit(self, entering: Sequence[Line], commands: Sequence[str]) -> tuple[str, ...]:
        """The answers to ``commands``, none of which may change anything, typed in a scope.

        Raises:
            Failed, Unreachable: the scope is not to be entered, or the unit went away.
        """
        for line in entering:
            self.write([line])
        found = tuple(self._type(Line("", command)) for command in commands)
        self._leave()
        return found

    def _ask(self, commands: Sequence[str], pages: str) -> tuple[str | None, ...]:
        if not self._echoes:
            return tuple(self._type(Line("", command)) for command in commands)
        self._send("".join(f"{dialogue.keys(command)}\n{pages}" for command in commands))
        found = self._answers(re.escape(self._prompt), commands, UNREAD)
        if found == (None,) and commands[0] not in self._heard:
            self._echoes = False
            return (self._heard.rpartition("\n")[0].rstrip("\n"),)
        return found

    def _answers(
        self, prompt: str, commands: Sequence[str], patience: float
    ) -> tuple[str | None, ...]:
        """What comes back for ``commands``, which were just typed at a prompt all at once."""
        start = self._context + " "

        def whole(seen: str) -> bool:
            found = dialogue.answers(start + seen, prompt, commands)
            return None not in found or dialogue.asks_yes_or_no(seen)

        text = self._until(whole, "an answer", patience=patience)
        if dialogue.asks_yes_or_no(text):
            text += "\n" + self._reply("n")
        shown = self._at_prompt.search(text)
        self._context = shown[1] if shown else ""
        return dialogue.answers(start + text, prompt, commands)

    def _reply(self, key: str) -> str:
        # a single key, as units document it; the Enter is for terminals that read by the line
        self._send(key + "\n")
        text = self._until(self._answered, "a prompt")
        self._drain()
        return text

    def _drain(self) -> None:
        """Let late answers pass by, so that none is taken for the answer to a later line."""
        while self._receive(LOST):
            pass
        self._late = False

    def write(self, chunk: Sequence[Line]) -> None:
        """Type the lines of ``chunk``, at once if there are several, and look at each answer.

        At the first refusal everything that is open is left without saving.

        Raises:
            Refused: with the object, the line and the unit's own words.
            Garbled: not all lines arrived; what is open was left without saving.
            Failed, Unreachable: the connection broke.
        """
        if self._late:
            self._drain()
        if len(chunk) > 1 and self._ahead:
            self._check(chunk, self._type_ahead(chunk))
            return
        for line in chunk:
            self._check([line], [self._type(line)])

    def _check(self, chunk: Sequence[Line], found: Sequence[str | None]) -> None:
        for line, answer in zip(chunk, found, strict=True):
            said = "" if answer is None else dialogue.refusal(answer)
            # what was typed behind a question may have answered it
            lost = answer is None or (len(chunk) > 1 and "(y/n)" in said)
            if said and not lost:
                raise self._refused(line, dialogue.without_pieces(said, line.text))
            if lost:
                self._ahead = False
                stuck = self._leave()
                raise Garbled(f"{self._login.host}: {line.id}: '{line.text}' did not arrive", stuck)

    def _refused(self, line: Line, said: str) -> Refused:
        stuck = self._leave()
        what = f"{self._login.host}: {line.id}: '{line.text}' was refused: {said}"
        return Refused(what, stuck, said)

    def _type_ahead(self, chunk: Sequence[Line]) -> tuple[str | None, ...]:
        self._send("".join(self._keys(line) + "\n" for line in chunk))
        texts = [line.text for line in chunk]
        return self._answers(dialogue.any_prompt(self._prompt), texts, LOST)

    def _keys(self, line: Line) -> str:
        try:
            return dialogue.keys(line.text)
        except ValueError as error:
            raise self._refused(line, f"never sent, {error}") from None

    def _type(self, line: Line) -> str:
        """Type one logical line; the answer is what comes between its echo and the next prompt."""
        *parts, last = self._keys(line).split("\n")
        for part in parts:
            self._send(part + "\n")
            # its echo; whether every unit then shows a '>' is not known, so it is not waited for
            self._until(lambda seen: "\n" in seen, "an echo")
        self._send(last + "\n")
        text = self._until(self._answered, "a prompt")
        if dialogue.asks_yes_or_no(text) and line.verb == "delete":
            text = text.rpartition("\n")[0] + "\n" + self._reply("y")
        elif dialogue.asks_yes_or_no(text):
            text += "\n" + self._reply("n")
        shown = self._at_prompt.search(text)
        self._context = shown[1] if shown else ""
        said = text.split("\n")[1 if self._echoes else 0 : -1]
        return "\n".join(said).rstrip("\n")

    def _answered(self, seen: str) -> bool:
        """The echo is over and a prompt, or a question, stands at the end."""
        if self._echoes and "\n" not in seen:
            return False
        return bool(self._at_prompt.search(seen)) or dialogue.asks_yes_or_no(seen)

    def _answered_or_quoting(self, seen: str) -> bool:
        return dialogue.in_quotes(seen) or self._answered(seen)

    def _leave(self) -> str:
        """Back to the first prompt, nothing saved: `abort` drops an open entry, `end` may keep it.

        What is to be said if the unit does not let go, else nothing.
        """
        self._send("\n")
        text = self._until(self._answered_or_quoting, "a prompt")
        if dialogue.in_quotes(text):
            self._type(Line("", '"'))
        else:
            shown = self._at_prompt.search(text)
            self._context = shown[1] if shown else ""
        for _ in range(DEPTH):
            if self._context == self._prompt:
                return ""
            before = self._context
            self._type(Line("", "abort"))
            if self._context == before:
                self._type(Line("", "end"))
        return f"it stays in its configuration context '{self._context}'"

    def settle(self) -> None:
        """After the last line of a push.

        Raises:
            Failed: the lines left a context open; it was left without saving.
        """
        if self._context != self._prompt:
            stuck = self._leave()
            raise Failed(f"{self._login.host}: the lines of the push leave a 'config' open", stuck)

    def _send(self, text: str) -> None:
        self.exchanges += 1
        try:
            self._channel.sendall(text.encode())
        except CONNECT_ERRORS:
            self._heard = self._receive(SETTLED)
            raise self._broken("closed the connection") from None

    @property
    def _channel(self) -> Any:
        return self.remote_conn

    def _until(
        self, done: Callable[[str], bool], what: str, settle: bool = False, patience: float = 0
    ) -> str:
        """What the unit says until ``done``, cleaned.

        ``settle``: nothing more may follow for a moment. ``patience``: seconds of silence behind a
        prompt after which, without an error, no more is waited for; 0: the text must come.
        """
        received, since, turned = "", time.monotonic(), 0
        while True:
            text = self._heard = self._lines(received)
            finished = done(text)
            if finished and not settle:
                return text
            page = dialogue.waits_for_page(received) and len(received) != turned
            chunk = self._receive(SETTLED if finished or page else patience or LOST)
            if chunk:
                received, since = received + chunk, time.monotonic()
            elif finished:
                return text
            elif page:
                turned = len(received)
                self._send(PAGES)
            elif patience and self._at_prompt.search(text):
                return text
            elif time.monotonic() - since > SILENCE:
                raise self._broken(f"has not shown {what} for {SILENCE:.0f} s")

    def _lines(self, received: str) -> str:
        text = dialogue.clean(received)
        return text if self._spaced else dialogue.spaced(text, dialogue.any_prompt(self._prompt))

    def _receive(self, seconds: float) -> str:
        """The next piece, or nothing if none comes for that long."""
        self._channel.settimeout(seconds)
        try:
            data = self._channel.recv(65536)
        except TimeoutError:
            return ""
        except CONNECT_ERRORS:
            data = b""
        if not data:
            raise self._broken("closed the connection")
        return self._decode(data)

    def _broken(self, what: str) -> Failed | Unreachable:
        self.alive = False
        what += " after an idle time-out" if dialogue.timed_out(self._heard) else ""
        where = f"{self._login.host} ({self._login.address}:{self._login.port})"
        if not self.changing:
            return Unreachable(f"{where} {what}; nothing was being changed")
        return Failed(f"{where} {what} in the middle of a change", "run again: that mends it")


def _logged_in(text: str) -> bool:
    return dialogue.asks_to_accept(text) or _after_accepting(text)


def _after_accepting(text: str) -> bool:
    return dialogue.wants_new_password(text) or bool(dialogue.first_prompt(text))
