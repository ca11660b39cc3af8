"""The command line of a FortiGate: questions and their answers, lines and their outcomes.

Lines are typed ahead where the FortiGate reads them. If it loses or garbles some, each question or line
is typed alone from then on. After a refusal the command line is back at its first prompt.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from provision.errors import Failed
from provision.fortios.session import prompts
from provision.fortios.session.batches import Line
from provision.fortios.session.commands import check_change, check_look
from provision.fortios.session.refusals import find_refusal, hide_partial_values
from provision.fortios.session.terminal import PAGES, Terminal
from provision.ssh.connection import Access
from provision.ssh.login import Login

# How deep an `abort` may have to climb.
DEPTH = 8
# How often a question is repeated whose answer is garbled, for example by messages of the FortiGate.
TRIES = 3


class Refused(Failed):
    """The FortiGate refused a line; the command line is back at its first prompt.

    ``words``: the words of the FortiGate.
    """

    def __init__(self, what: str, remedy: str, words: str) -> None:
        super().__init__(what, remedy)
        self.words = words


class Garbled(Failed):
    """Lines that were typed ahead did not arrive; from now on each line is typed alone."""


class CommandLine(Terminal):
    """A terminal that takes questions and lines."""

    def __init__(self, login: Login, access: Access) -> None:
        """Log in.

        Raises:
            Unreachable: network, host key, login, or a FortiGate that wants a new password.
        """
        self._types_ahead = self._echoes = True
        # an answer that was given up may still come
        self._late_answers = False
        super().__init__(login, access)

    def read(self, commands: Sequence[str]) -> tuple[str, ...]:
        """Return the answers to ``commands``, none of which may change anything.

        All are typed at once. A command is asked again, alone, if a pager garbled its answer or the
        FortiGate was too busy to take it.

        Raises:
            Failed: a command is not a read-only one; nothing was sent.
            Failed, Unreachable: the FortiGate stopped answering, or closed the connection.
        """
        self._check_commands(commands)
        answers: list[str | None] = [None] * len(commands)
        if self._types_ahead and commands:
            answers[:] = self._ask(commands, PAGES)
        missing = [number for number, answer in enumerate(answers) if answer is None]
        self._late_answers = self._late_answers or (self._types_ahead and bool(missing))
        self._types_ahead = self._types_ahead and not missing
        for number in missing:
            answers[number] = self._ask_alone(commands[number])
        return tuple(answer or "" for answer in answers)

    def _ask_alone(self, command: str) -> str:
        """Return the answer to one question, which is repeated while its answer is garbled.

        Raises:
            Unreachable: there is none.
        """
        for _ in range(TRIES):
            (answer,) = self._ask([command], "")
            if answer is not None:
                return answer
        raise self._give_up(f"does not answer '{command}'")

    def read_in_scope(self, entering: Sequence[Line], commands: Sequence[str]) -> tuple[str, ...]:
        """Return the answers to ``commands``, none of which may change anything, typed in a scope.

        Raises:
            Failed: a command is not a read-only one; nothing was sent.
            Failed, Unreachable: the scope cannot be entered, or the connection was closed.
        """
        self._check_commands(commands)
        for line in entering:
            self.write([line])
        answers = tuple(self._ask_here(command) for command in commands)
        self._return_to_prompt()
        return answers

    def _check_commands(self, commands: Sequence[str]) -> None:
        for command in commands:
            self._make_look_keys(command)

    def _make_look_keys(self, command: str) -> str:
        try:
            check_look(command)
            return prompts.make_keys(command)
        except ValueError as error:
            # an answer of a FortiGate or of a ban host may be in it: never show all of it
            what = f"{self._login.host}: {command[:80]!r} was never sent: {error}"
            raise Failed(
                what, "a name in the inventory or on the FortiGate is unusual; report this as a bug"
            ) from None

    def _ask_here(self, command: str) -> str:
        """Return the answer to one question that is typed in the current context.

        Raises:
            Unreachable: there is none.
        """
        for _ in range(TRIES):
            answer = self._type_keys(self._make_look_keys(command), command.partition(" ")[0])
            if answer is not None:
                return answer
        raise self._give_up(f"does not answer '{command}'")

    def _ask(self, commands: Sequence[str], pages: str) -> tuple[str | None, ...]:
        if not self._echoes:
            return tuple(self._ask_here(command) for command in commands)
        self._send("".join(f"{self._make_look_keys(command)}\n{pages}" for command in commands))
        answers = self._read_answers(re.escape(self._prompt.text), commands, self.bounds.unread)
        text = self._transcript.read_text()
        if answers == (None,) and commands[0] not in text:
            self._echoes = False
            return (text.rpartition("\n")[0].rstrip("\n"),)
        return answers

    def _read_answers(
        self, prompt: str, commands: Sequence[str], patience: float
    ) -> tuple[str | None, ...]:
        """Return the answers to ``commands``, which were just typed at a prompt all at once."""
        start = self._prompt.context + " "

        def is_complete(seen: str) -> bool:
            text = start + seen
            # most pieces of a push come before its last echo, and are not worth parsing
            arrived = commands[-1] in text and None not in prompts.split_answers(
                text, prompt, commands
            )
            return arrived or prompts.asks_yes_or_no(seen)

        text = self._read_until(is_complete, "an answer", patience=patience)
        if prompts.asks_yes_or_no(text):
            text += "\n" + self._answer_question("n")
        self._prompt.update_context(text)
        return prompts.split_answers(start + text, prompt, commands)

    def _answer_question(self, key: str) -> str:
        # a single key, as documented; the Enter is for terminals that read whole lines
        self._send(key + "\n")
        text = self._read_until(self._is_answered, "a prompt")
        self._discard_late_answers()
        return text

    def _discard_late_answers(self) -> None:
        """Discard late answers, so that none is mistaken for the answer to a later line."""
        self._discard_output(self.bounds.lost)
        self._late_answers = False

    def write(self, batch: Sequence[Line]) -> None:
        """Type the lines of ``batch``, at once if there are several, and check each answer.

        At the first refusal every open context is left without saving.

        Raises:
            Refused: with the object, the line and the words of the FortiGate.
            Garbled: not all lines arrived; every open context was left without saving.
            Failed, Unreachable: the connection was closed.
        """
        if self._late_answers:
            self._discard_late_answers()
        if len(batch) > 1 and self._types_ahead:
            self._check_answers(batch, self._type_ahead(batch))
            return
        for line in batch:
            self._check_answers([line], [self._type(line)])

    def _check_answers(self, batch: Sequence[Line], answers: Sequence[str | None]) -> None:
        for line, answer in zip(batch, answers, strict=True):
            words = "" if answer is None else find_refusal(answer)
            # the text typed after a question may have answered it
            lost = answer is None or (len(batch) > 1 and "(y/n)" in words)
            if words and not lost:
                raise self._refuse(line, hide_partial_values(words, line.text))
            if lost:
                self._types_ahead = False
                stuck = self._return_to_prompt()
                what = f"{self._login.host}: {line.id}: '{line.text}' did not arrive"
                raise Garbled(what, stuck)

    def _refuse(self, line: Line, words: str) -> Refused:
        stuck = self._return_to_prompt()
        what = f"{self._login.host}: {line.id}: '{line.text}' was refused: {words}"
        return Refused(what, stuck, words)

    def _type_ahead(self, batch: Sequence[Line]) -> tuple[str | None, ...]:
        self._send("".join(self._make_change_keys(line) + "\n" for line in batch))
        texts = [line.text for line in batch]
        prompt = prompts.make_prompt_pattern(self._prompt.text)
        return self._read_answers(prompt, texts, self.bounds.lost)

    def _make_change_keys(self, line: Line) -> str:
        try:
            check_change(line.text)
            return prompts.make_keys(line.text)
        except ValueError as error:
            raise self._refuse(line, f"never sent, {error}") from None

    def _type(self, line: Line) -> str | None:
        """Type one logical line; return the text between its echo and the next prompt."""
        return self._type_keys(self._make_change_keys(line), line.verb)

    def _type_keys(self, keys: str, verb: str) -> str | None:
        """Return the answer to ``keys``; None if their echo did not come, only a prompt."""
        *parts, last = keys.split("\n")
        for part in parts:
            self._send(part + "\n")
            # wait for its echo only, because some FortiGates may show no '>' then
            self._read_until(lambda seen: "\n" in seen, "an echo", nudges=0)
        self._send(last + "\n")
        text = self._read_until(
            lambda seen: self._is_answered(seen, last), "a prompt", patience=self.bounds.lost
        )
        if self._echoes and not prompts.is_echoed(last, text):
            self._prompt.update_context(text)
            return None
        if prompts.asks_yes_or_no(text) and verb == "delete":
            text = text.rpartition("\n")[0] + "\n" + self._answer_question("y")
        elif prompts.asks_yes_or_no(text):
            text += "\n" + self._answer_question("n")
        self._prompt.update_context(text)
        answer = text.split("\n")[1 if self._echoes else 0 : -1]
        return "\n".join(answer).rstrip("\n")

    def _is_answered(self, seen: str, typed: str = "") -> bool:
        """Return whether the echo is complete and ``seen`` ends in a prompt or a question.

        A prompt before the echo answers an earlier line, or follows a message of the FortiGate.
        """
        if self._echoes and ("\n" not in seen or not prompts.is_echoed(typed, seen)):
            return False
        if prompts.asks_yes_or_no(seen):
            return True
        return self._prompt.ends(seen) and not prompts.is_inside_value(seen)

    def _is_answered_or_quoting(self, seen: str) -> bool:
        return prompts.is_quote_open(seen) or self._is_answered(seen)

    def _return_to_prompt(self) -> str:
        """Go back to the first prompt without saving: `abort` drops an open entry, `end` may keep it.

        Return the remedy if the FortiGate does not leave a context, else nothing.
        """
        self._send("\n")
        text = self._read_until(self._is_answered_or_quoting, "a prompt")
        if prompts.is_quote_open(text):
            self._type_keys('"', "")
        else:
            self._prompt.update_context(text)
        for _ in range(DEPTH):
            if self._prompt.context == self._prompt.text:
                return ""
            before = self._prompt.context
            self._type(Line("", "abort"))
            if self._prompt.context == before:
                self._type(Line("", "end"))
        return f"it stays in its configuration context '{self._prompt.context}'"

    def check_settled(self) -> None:
        """Check, after the last line of a push, that no context is open.

        Raises:
            Failed: one was open; it was left without saving.
        """
        if self._prompt.context != self._prompt.text:
            stuck = self._return_to_prompt()
            raise Failed(f"{self._login.host}: the lines of the push leave a 'config' open", stuck)
