"""Files that a run writes: opened before anything is contacted, and written at the end."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TextIO

from provision.cli.report.json_document import build_masked, format_json
from provision.errors import BanstitchError, InputError, Problem
from provision.masking import Secrets
from provision.results import Document, Exit, SiteResult

Form = Literal["junit", "markdown", "json"]


@dataclass(frozen=True)
class Wanted:
    """A report that the operator wants: its form and its file."""

    form: Form
    path: Path


class Reports:
    """The reports of a run. They are written when it ends, in whatever way."""

    def __init__(self, secrets: Secrets) -> None:
        self._secrets = secrets
        self._files: list[tuple[Form, TextIO]] = []
        self._closing = ExitStack()
        self._verb = ""
        self._results: Sequence[SiteResult] = ()
        self._errors: list[str] = []

    def open(self, verb: str, wanted: Sequence[Wanted], others: Iterable[Path] = ()) -> None:
        """Open the files of a run of ``verb``. ``others``: the files that its other options name.

        Raises:
            InputError: one of them cannot be written, or is the same as another one.
        """
        self._verb = verb
        taken = set(map(os.path.realpath, others))
        for each in wanted:  # all are checked before one is emptied
            path = os.path.realpath(each.path)
            if path in taken:
                message = f"--report {each.path} must be a file that no other option names"
                raise InputError([Problem("", 0, message, "name another file")])
            taken.add(path)
        for each in wanted:
            self._files.append((each.form, self._closing.enter_context(open_output(each.path))))

    def keep(self, verb: str, results: Sequence[SiteResult]) -> None:
        """Keep the results to report, in place of earlier ones."""
        self._verb, self._results = verb, results

    def note_error(self, error: str) -> None:
        """Keep an error that ended the run."""
        self._errors.append(error)

    def write(self, code: Exit) -> None:
        """Write the reports of a run that ended with ``code``, and close them.

        Raises:
            BanstitchError: one of them could not be written.
        """
        with self._closing:
            if self._files:
                document = build_masked(self._verb, code, self._results, self._secrets)
                errors = list(map(self._secrets.mask, self._errors))
                for form, file in self._files:
                    write_output(file, _format(form, document, errors))


def _format(form: Form, document: Document, errors: Sequence[str]) -> str:
    if form == "json":
        return format_json(document)
    if form == "junit":
        from provision.cli.report.junit import format_junit

        return format_junit(document, errors)
    from provision.cli.report.markdown import format_markdown

    return format_markdown(document, errors)


@contextmanager
def open_output(path: Path) -> Iterator[TextIO]:
    """Open ``path`` to be written; an old file there is emptied, so that nobody takes it for a new one.

    Raises:
        InputError: it cannot be opened.
    """
    try:
        file = path.open("w", encoding="utf-8")
    except OSError as error:
        message = f"{path} cannot be written: {error.strerror}"
        raise InputError([Problem("", 0, message, "name another file")]) from None
    try:
        yield file
    finally:
        with suppress(OSError):  # write_output has reported it
            file.close()


def write_output(file: TextIO, text: str) -> None:
    """Write ``text`` to an open file.

    Raises:
        BanstitchError: the disk is full, or the like.
    """
    try:
        file.write(text)
        file.flush()
    except OSError as error:
        raise BanstitchError(f"{file.name} could not be written: {error.strerror}") from None
