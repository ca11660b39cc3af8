"""--ask-token: type the code that a target asks for at its login, on the terminal of the run."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click

from provision.cli.report.console import Report
from provision.errors import InputError, Problem
from provision.masking import Secrets, escape
from provision.ssh.prompts import Codes, Question

# What is typed is read from the terminal itself, wherever the output goes.
CODE = "Code (not shown), or Enter alone for a push: "


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
        raise InputError([Problem("", 0, "--ask-token needs a terminal", "run it on one")])
    with Codes() as found:
        yield found


def answer(codes: Codes, report: Report, secrets: Secrets) -> None:
    """Ask the operator each question that waits, one after the other."""
    for question in codes.take_questions():
        with report.paused():
            _ask(question, secrets)


def _ask(question: Question, secrets: Secrets) -> None:
    try:
        click.echo(escape(secrets.mask(_introduced(question))), err=True)
        question.answer(getpass.getpass(CODE))
    except KeyboardInterrupt:
        question.refuse()
        raise
    except Exception:  # noqa: BLE001 - Ctrl-D, or a terminal that went away: nobody may wait for ever
        question.refuse()


def _introduced(question: Question) -> str:
    """Return who asks, and the server's words on an indented line, so that they pass for none of ours."""
    return f"{question.login.where} asks for a code:\n    {question.prompt}"
