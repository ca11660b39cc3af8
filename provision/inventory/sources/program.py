"""Run a program that prints an inventory or a secret, within a limited time and amount of output."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

# Seconds for all programs of one source, and bytes of the output of one.
LONGEST = 300.0
LARGEST = 64 * 1024 * 1024
_MOST_ERRORS = 64 * 1024


@dataclass(frozen=True)
class Finished:
    """The exit code of a program, its standard output, and its standard error."""

    code: int
    output: bytes
    errors: str


class ProgramError(Exception):
    """The program took too long or printed too much; the text says which."""


def run(
    argv: Sequence[str],
    deadline: float,
    environment: Mapping[str, str],
    folder: Path | None = None,
    asks: bool = False,
    inherits: bool = False,
) -> Finished:
    """Run a program until ``deadline`` (of :func:`time.monotonic`), with empty input.

    ``asks``: it may ask on the terminal, which a session of its own would not have. ``inherits``: its
    input and its errors are those of Banstitch.

    Raises:
        OSError: it cannot be started.
        ProgramError: it was killed.
    """
    process = subprocess.Popen(
        argv,
        stdin=None if inherits else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=None if inherits else subprocess.PIPE,
        env=dict(environment),
        cwd=folder,
        start_new_session=not asks,
    )
    with process:
        try:
            output, errors = _collect(process, deadline)
            code = process.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            raise ProgramError(f"takes longer than {LONGEST:.0f} s") from None
        finally:
            with contextlib.suppress(ProcessLookupError):
                # its children too: they may keep the pipes open
                process.kill() if asks else os.killpg(process.pid, signal.SIGKILL)
    return Finished(code, output, errors.decode("utf-8", errors="replace"))


def _collect(process: subprocess.Popen[bytes], deadline: float) -> tuple[bytes, bytes]:
    output, errors = bytearray(), bytearray()
    with selectors.DefaultSelector() as selector:
        for pipe, pieces in ((process.stdout, output), (process.stderr, errors)):
            if pipe is not None:
                selector.register(pipe, selectors.EVENT_READ, pieces)
        while selector.get_map():
            left = deadline - time.monotonic()
            ready = selector.select(left) if left > 0 else []
            if not ready:
                raise ProgramError(f"takes longer than {LONGEST:.0f} s")
            for key, _ in ready:
                _read(selector, key.fileobj, key.data)  # type: ignore[arg-type]
            del errors[:-_MOST_ERRORS]
            if len(output) > LARGEST:
                raise ProgramError(f"writes more than {LARGEST // 1024 // 1024} MiB")
    return bytes(output), bytes(errors)


def _read(selector: selectors.BaseSelector, pipe: IO[bytes], pieces: bytearray) -> None:
    piece = os.read(pipe.fileno(), 1 << 16)
    pieces += piece
    if not piece:
        selector.unregister(pipe)
