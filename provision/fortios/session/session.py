"""A conversation with a FortiGate: questions and their answers, lines and what the unit says to each.

Lines are typed ahead where the unit reads that; one that loses or garbles some is asked, or told, one
line at a time from then on. After a refusal the session is back at its first prompt.
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence

from provision.errors import Failed
from provision.fortios.session import commands as forms
from provision.fortios.session import prompts, terminal
from provision.fortios.session.answer import is_echoed, is_inside_value
from provision.fortios.session.batches import Line
from provision.fortios.session.terminal import Terminal
from provision.ssh.connection import Access
from provision.ssh.login import Login

# How deep an `abort` may have to climb.
DEPTH = 8
# How often a question is asked whose answer is garbled, as by messages of the FortiGate.
TRIES = 3


class Refused(Failed):
    """The unit refused a line; the session is back at its first prompt. ``said``: the unit's words."""

    def __init__(self, what: str, remedy: str, said: str) -> None:
        super().__init__(what, remedy)
        self.said = said


class Garbled(Failed):
    """Lines that were typed ahead did not arrive; from now on the session types one at a time."""


class Session(Terminal):
    """A terminal that takes questions and lines."""

    def __init__(self, login: Login, access: Access) -> None:
        """Log in.

        Raises:
            Unreachable: no session: network, host key, login, or a unit that wants a new password.
        """
        # it reads what is typed ahead; it shows what is typed
        self._ahead = self._echoes = True
        # an answer that was given up may still come
        self._late = False
        super().__init__(login, access)

    def read(self, commands: Sequence[str]) -> tuple[str, ...]:
        """The answers to ``commands``, none of which may change anything.

        All are typed at once. What a pager garbled, or the unit did not take while it was busy, is
        asked again one by one.

        Raises:
            Failed: a command is not one that only looks: nothing was sent.
            Failed, Unreachable: the FortiGate fell silent, or went away.
        """
        self._check_look(commands)
        found: list[str | None] = [None] * len(commands)
        if self._ahead and commands:
            found[:] = self._ask(commands, terminal.PAGES)
        again = [number for number, each in enumerate(found) if each is None]
        self._late = self._late or (self._ahead and bool(again))
        self._ahead = self._ahead and not again
        for number in again:
            found[number] = self._ask_alone(commands[number])
        lost = [command for command, each in zip(commands, found, strict=True) if each is None]
        if lost:
            raise self._broken(f"does not answer '{lost[0]}'")
        return tuple(each or "" for each in found)

    def _ask_alone(self, command: str) -> str | None:
        """Return the answer to one question, which is repeated while its answer is garbled."""
        for _ in range(TRIES):
            (found,) = self._ask([command], "")
            if found is not None:
                return found
        return None

    def visit(self, entering: Sequence[Line], commands: Sequence[str]) -> tuple[str, ...]:
        """The answers to ``commands``, none of which may change anything, typed in a scope.

        Raises:
            Failed: a command is not one that only looks: nothing was sent.
            Failed, Unreachable: the scope cannot be entered, or the FortiGate went away.
        """
        self._check_look(commands)
        for line in entering:
            self.write([line])
        found = tuple(self._look(command) for command in commands)
        self._leave()
        return found

    def _check_look(self, commands: Sequence[str]) -> None:
        for command in commands:
            self._look_keys(command)

    def _look_keys(self, command: str) -> str:
        try:
            forms.check_look(command)
            return prompts.keys(command)
        except ValueError as error:
            # an answer of a FortiGate or of a ban host may be in it: never show all of it
            what = f"{self._login.host}: {command[:80]!r} was never sent: {error}"
            raise Failed(
                what, "report this: a name in the inventory or on a target is odd"
            ) from None

    def _look(self, command: str) -> str:
        """Return the answer to one question that is typed where the session stands.

        Raises:
            Unreachable: there is none.
        """
        for _ in range(TRIES):
            said = self._type_keys(self._look_keys(command), command.partition(" ")[0])
            if said is not None:
                return said
        raise self._broken(f"does not answer '{command}'")

    def _ask(self, commands: Sequence[str], pages: str) -> tuple[str | None, ...]:
        if not self._echoes:
            return tuple(self._look(command) for command in commands)
        self._send("".join(f"{self._look_keys(each)}\n{pages}" for each in commands))
        found = self._answers(re.escape(self._prompt), commands, terminal.UNREAD)
        if found == (None,) and commands[0] not in self._hearing.text():
            self._echoes = False
            return (self._hearing.text().rpartition("\n")[0].rstrip("\n"),)
        return found

    def _answers(
        self, prompt: str, commands: Sequence[str], patience: float
    ) -> tuple[str | None, ...]:
        """What comes back for ``commands``, which were just typed at a prompt all at once."""
        start = self._context + " "

        def whole(seen: str) -> bool:
            found = prompts.answers(start + seen, prompt, commands)
            return None not in found or prompts.asks_yes_or_no(seen)

        text = self._until(whole, "an answer", patience=patience)
        if prompts.asks_yes_or_no(text):
            text += "\n" + self._reply("n")
        self._stand_at(text)
        return prompts.answers(start + text, prompt, commands)

    def _reply(self, key: str) -> str:
        # a single key, as units document it; the Enter is for terminals that read by the line
        self._send(key + "\n")
        text = self._until(self._answered, "a prompt")
        self._drain()
        return text

    def _drain(self) -> None:
        """Let late answers pass by, so that none is taken for the answer to a later line."""
        started, size = time.monotonic(), 0
        while piece := self._receive(terminal.LOST):
            size += len(piece)
            self._check_bounds(size, 0, started)
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
            said = "" if answer is None else prompts.refusal(answer)
            # what was typed behind a question may have answered it
            lost = answer is None or (len(chunk) > 1 and "(y/n)" in said)
            if said and not lost:
                raise self._refused(line, prompts.without_pieces(said, line.text))
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
        return self._answers(prompts.any_prompt(self._prompt), texts, terminal.LOST)

    def _keys(self, line: Line) -> str:
        try:
            forms.check_change(line.text)
            return prompts.keys(line.text)
        except ValueError as error:
            raise self._refused(line, f"never sent, {error}") from None

    def _type(self, line: Line) -> str | None:
        """Type one logical line; the answer is what comes between its echo and the next prompt."""
        return self._type_keys(self._keys(line), line.verb)

    def _type_keys(self, keys: str, verb: str) -> str | None:
        """Return the answer to ``keys``; None where their echo did not come, only a prompt."""
        *parts, last = keys.split("\n")
        for part in parts:
            self._send(part + "\n")
            # its echo; whether every unit then shows a '>' is not known, so it is not waited for
            self._until(lambda seen: "\n" in seen, "an echo", nudges=0)
        self._send(last + "\n")
        text = self._until(
            lambda seen: self._answered(seen, last), "a prompt", patience=terminal.LOST
        )
        if self._echoes and not is_echoed(last, text):
            self._stand_at(text)
            return None
        if prompts.asks_yes_or_no(text) and verb == "delete":
            text = text.rpartition("\n")[0] + "\n" + self._reply("y")
        elif prompts.asks_yes_or_no(text):
            text += "\n" + self._reply("n")
        self._stand_at(text)
        said = text.split("\n")[1 if self._echoes else 0 : -1]
        return "\n".join(said).rstrip("\n")

    def _answered(self, seen: str, typed: str = "") -> bool:
        """Return whether the echo is over and a prompt, or a question, stands at the end.

        A prompt before the echo answers an earlier line, or follows a message of the FortiGate.
        """
        if self._echoes and ("\n" not in seen or not is_echoed(typed, seen)):
            return False
        if prompts.asks_yes_or_no(seen):
            return True
        return bool(self._at_prompt.search(seen)) and not is_inside_value(seen)

    def _answered_or_quoting(self, seen: str) -> bool:
        return prompts.in_quotes(seen) or self._answered(seen)

    def _leave(self) -> str:
        """Back to the first prompt, nothing saved: `abort` drops an open entry, `end` may keep it.

        What is to be said if the unit does not let go, else nothing.
        """
        self._send("\n")
        text = self._until(self._answered_or_quoting, "a prompt")
        if prompts.in_quotes(text):
            self._type_keys('"', "")
        else:
            self._stand_at(text)
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
