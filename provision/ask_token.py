"""--ask-token: type the code that a target asks for at its login, on the terminal of the run."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click

from provision.errors import Fault, InputError
from provision.report import Report, shown
from provision.secrets import Secrets
from provision.ssh.codes import Codes, Question

# Characters of a server's prompt that are printed: a menu of Duo's has about 300.
LONGEST = 1000


@contextmanager
def codes(asked_for: bool) -> Iterator[Codes | None]:
    """Give the codes of a run, if they are asked for; the connections that took one end with it.

    Raises:
        InputError: there is no terminal on which to ask.
    """
    if not asked_for:
        yield None
        return
    if not sys.stdin.isatty():
        raise InputError([Fault("", 0, "--ask-token needs a terminal", "run it on one")])
    with Codes() as found:
        yield found


def answer(codes: Codes, report: Report, secrets: Secrets) -> None:
    """Ask the operator each question that waits, one after the other."""
    for question in codes.waiting():
        with report.paused():
            _ask(question, secrets)


def _ask(question: Question, secrets: Secrets) -> None:
    click.echo(shown(secrets.mask(_introduced(question))), err=True)
    try:
        question.answer(getpass.getpass("Code (not shown), or Enter alone for a push: "))
    except EOFError:
        question.refuse()
    except KeyboardInterrupt:
        question.refuse()
        raise


def _introduced(question: Question) -> str:
    """Return who asks, and the server's words, which are indented so that they pass for no line of ours."""
    login = question.login
    who = f"{login.host} ({login.user}@{login.address}:{login.port}) asks for a code:"
    said = question.prompt[:LONGEST].replace("\r", "").strip().replace("\n", "\n    ")
    return f"{who}\n    {said}"
