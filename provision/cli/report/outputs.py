"""Files that a run writes: opened before anything is contacted, and written at the end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from provision.errors import BanstitchError, InputError, Problem


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
