"""The connection to one FortiGate: log in, log in again after a failure, ask questions in a scope."""

from __future__ import annotations

from collections.abc import Sequence

from provision.errors import Failed
from provision.fortios.config.probes import with_scope
from provision.fortios.session.batches import enter_scope
from provision.fortios.session.command_line import CommandLine
from provision.fortios.session.refusals import find_remedy
from provision.ssh.connection import Access
from provision.ssh.login import Login

Question = tuple[str, str]  # scope, command


class Connection:
    """A connection to one FortiGate, open inside its ``with`` block.

    ``without_sudo``: the FortiGate has no `sudo SCOPE COMMAND`, so a scope is entered to ask there.
    """

    def __init__(self, login: Login, access: Access) -> None:
        self.without_sudo = False
        self.login = login
        self._access = access
        self._command_line: CommandLine | None = None
        self._earlier_exchanges = 0

    def __enter__(self) -> Connection:
        """Log in, or continue the session that a one-time code has opened.

        Raises:
            Unreachable: network, host key, login, or a FortiGate that wants a new password.
        """
        kept = self._access.take_connection(self.login)
        if isinstance(kept, CommandLine):
            kept.changing = False
            self._earlier_exchanges = -kept.exchanges
            self._command_line = kept
        else:
            self._command_line = CommandLine(self.login, self._access)
        return self

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        command_line, self._command_line = self._command_line, None
        if command_line is None:
            return
        if error is None:
            self._access.give_back(self.login, command_line)
        else:
            command_line.disconnect()

    @property
    def exchanges(self) -> int:
        """The number of times, since the login, that we have written and waited for the FortiGate."""
        current = self._command_line.exchanges if self._command_line else 0
        return self._earlier_exchanges + current

    @property
    def command_line(self) -> CommandLine:
        """The current command line; only inside the ``with`` block."""
        if self._command_line is None:
            raise RuntimeError("a FortiGate is used inside its 'with' block")
        return self._command_line

    def reconnect(self) -> None:
        """Replace a broken command line by a new one, in the middle of a change.

        Raises:
            Unreachable: the FortiGate cannot be reached any more.
        """
        self._earlier_exchanges = self.exchanges
        self.command_line.disconnect()
        self._command_line = CommandLine(self.login, self._access)
        self._command_line.changing = True

    def ask(self, questions: Sequence[Question]) -> tuple[str, ...]:
        """Return the answers to ``questions``: one exchange, or several without `sudo`.

        Raises:
            Failed, Unreachable: a question is not allowed, or the FortiGate does not answer.
        """
        if not self.without_sudo:
            return self.command_line.read([with_scope(*question) for question in questions])
        answers: dict[Question, str] = {}
        for scope in dict.fromkeys(scope for scope, _ in questions):
            commands = [command for asked_in, command in questions if asked_in == scope]
            lines = tuple(enter_scope("its VDOMs", scope))
            shown = self.command_line.read_in_scope(lines, commands)
            answers |= {
                (scope, command): answer for command, answer in zip(commands, shown, strict=True)
            }
        return tuple(answers[question] for question in questions)

    def find_remedy(self, refusal: str) -> str:
        """Return what to do about ``refusal`` if rights or a lock are its cause; else nothing."""
        return find_remedy(refusal, self.login.user, self.command_line.is_restricted)

    def describe_failure(self, what: str, remedy: str = "") -> Failed:
        """Return an error that names the FortiGate."""
        return Failed(f"{self.login.host} ({self.login.address}): {what}", remedy)
