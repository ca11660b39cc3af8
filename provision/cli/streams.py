"""Standard output and standard error that never raise, so that a run ends in order without a reader.

A full disk behind a log, or a closed pipe, must not stop a run while a target is being changed. Output that
cannot be written is dropped, and the program reports that at its end.
"""

from __future__ import annotations

import errno
import io
import os
import select
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO, cast

from provision.results import Exit

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


class Sheltered(io.RawIOBase):
    """A file whose writes never fail; ``error`` is the first error of the real file behind it."""

    def __init__(self, raw: io.FileIO, stream: TextIO) -> None:
        """Wrap ``raw``; keep a reference to ``stream``, which would otherwise close it."""
        self._raw = raw
        self._stream = stream
        self.error: OSError | None = None

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._raw.fileno()

    def isatty(self) -> bool:
        return self._raw.isatty()

    def write(self, data: ReadableBuffer, /) -> int:
        rest = memoryview(data).cast("B")
        size = len(rest)
        try:
            while rest and self.error is None:
                written = self._raw.write(rest)
                if written is None:  # a non-blocking file that is not ready
                    select.select([], [self._raw], [])
                rest = rest[written or 0 :]
        except OSError as error:
            self.error = error
        return size


@dataclass
class Output:
    """Standard output during a run. ``closed``: it was not open when the program started."""

    raw: Sheltered | None = None
    closed: bool = False

    @property
    def error(self) -> OSError | None:
        """Return the first error so far; None if everything was written."""
        if self.closed:
            return OSError(errno.EBADF, "it is closed")
        with suppress(ValueError):
            sys.stdout.flush()
        return self.raw.error if self.raw else None


@contextmanager
def shelter_streams() -> Iterator[Output]:
    """Shelter both streams: escape characters that a terminal cannot show, and replace closed streams."""
    before = sys.stdin, sys.stdout, sys.stderr
    closed = sys.stdout is None
    # in this order, so that no other file gets the number of a standard stream
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: PTH123, SIM115
    sys.stdout, raw = _wrap_stream(sys.stdout)
    sys.stderr, _ = _wrap_stream(sys.stderr)
    try:
        yield Output(raw, closed)
    finally:
        for stream in (sys.stdout, sys.stderr):
            with suppress(ValueError):
                stream.flush()
        sys.stdin, sys.stdout, sys.stderr = before


@dataclass
class Stop:
    """Why a run was stopped: ``cause`` for the operator, and the exit code."""

    cause: str = "Ctrl-C"
    code: Exit = Exit.INTERRUPTED


_STOPS = {
    signal.SIGHUP: Stop("SIGHUP", Exit.HUNG_UP),
    signal.SIGTERM: Stop("SIGTERM", Exit.TERMINATED),
}


@contextmanager
def treat_signals_as_interrupt() -> Iterator[Stop]:
    """End the run as Ctrl-C does on SIGTERM and when the terminal is closed; yield why it was stopped.

    A signal that is ignored (nohup) stays ignored.
    """
    stop = Stop()
    is_main = threading.current_thread() is threading.main_thread()
    heard = [each for each in _STOPS if is_main and signal.getsignal(each) is signal.SIG_DFL]

    def interrupt(number: int, _: object) -> None:
        for each in heard:  # systemd and shells send several
            signal.signal(each, signal.SIG_IGN)
        cause = _STOPS[signal.Signals(number)]
        stop.cause, stop.code = cause.cause, cause.code
        raise KeyboardInterrupt

    for each in heard:
        signal.signal(each, interrupt)
    try:
        yield stop
    finally:
        for each in heard:
            signal.signal(each, signal.SIG_DFL)


def _wrap_stream(stream: TextIO) -> tuple[TextIO, Sheltered | None]:
    """Return ``stream`` on top of a :class:`Sheltered` file, if a file of the system is behind it."""
    if not isinstance(stream, io.TextIOWrapper):
        return stream, None
    stream.reconfigure(errors="backslashreplace")
    raw = getattr(stream.buffer, "raw", stream.buffer)  # PYTHONUNBUFFERED leaves out the buffer
    if not isinstance(raw, io.FileIO):
        return stream, None
    stream.flush()
    shelter = Sheltered(raw, stream)
    wrapped = io.TextIOWrapper(
        cast(io.BufferedWriter, shelter) if raw is stream.buffer else io.BufferedWriter(shelter),
        encoding=stream.encoding,
        errors="backslashreplace",
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )
    return cast(TextIO, wrapped), shelter
