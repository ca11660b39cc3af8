"""`--ask-token`: ask on the terminal for the one-time codes that hosts require at login."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from provision.errors import InputError, Problem
from provision.masking import Secrets, escape

if TYPE_CHECKING:
    from provision.cli.report.console import Report
    from provision.ssh.prompts import Codes, Question

# Read from the terminal itself, even if the output is redirected.
CODE = "Code (not shown), or Enter alone for a push: "


@contextmanager
def open_codes(asked_for: bool) -> Iterator[Codes | None]:
    """Yield the codes of a run, or None without --ask-token; close connections that used a code at the end.

    Raises:
        InputError: standard input is not a terminal.
    """
    if not asked_for:
        yield None
        return
    if not sys.stdin.isatty():
        raise InputError([Problem("", 0, "--ask-token needs a terminal", "run it on a terminal")])
    from provision.ssh.prompts import Codes

    with Codes() as codes:
        yield codes


def answer(codes: Codes, report: Report, secrets: Secrets) -> None:
    """Ask the operator all pending questions, one after the other."""
    for question in codes.take_questions():
        with report.pause():
            _ask(question, secrets)


def _ask(question: Question, secrets: Secrets) -> None:
    try:
        click.echo(escape(secrets.mask(_introduce(question))), err=True)
        question.answer(getpass.getpass(CODE))
    except KeyboardInterrupt:
        question.refuse()
        raise
    except Exception:  # noqa: BLE001 - Ctrl-D, or a closed terminal: no login may wait for ever
        question.refuse()


def _introduce(question: Question) -> str:
    """Return the host and the server's prompt, indented so that it cannot imitate our own output."""
    return f"{question.login.where} asks for a code:\n    {question.prompt}"
