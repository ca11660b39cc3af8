"""Run sites in parallel: one failing site stops no other, and an interrupt stops the run cleanly."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from queue import Empty, SimpleQueue
from types import FrameType, TracebackType
from typing import Any, Self, TypeVar

Work = TypeVar("Work")
Result = TypeVar("Result")


# Seconds until a signal is heard that came while this thread waited.
TICK = 0.2
# What the command line treats as Ctrl-C. None of it may break off what is being finished.
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(Exception):
    """The operator stopped the run. ``finished``: the results of the work that had begun."""

    def __init__(self, finished: Sequence[Any]) -> None:
        super().__init__()
        self.finished = tuple(finished)


class _HeldSignals:
    """Hold back the signals that stop a run; as a context manager, until its end.

    Python raises the exception of a signal at whatever line the main thread is. If that has just taken a lock
    of the pool or of a future, nobody ever gives it back, and the run does not end.
    """

    def __init__(self) -> None:
        is_main = threading.current_thread() is threading.main_thread()
        self._signals = SIGNALS if is_main else ()
        self._handlers = self._read_handlers()
        self._noted: list[tuple[int, FrameType | None]] = []

    def __enter__(self) -> Self:
        self._hold()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None
    ) -> None:
        _set_handlers(self._handlers)
        if kind is None:
            self._deliver()

    def _read_handlers(self) -> dict[int, Any]:
        found = {each: signal.getsignal(each) for each in self._signals}
        return {each: handler for each, handler in found.items() if handler is not None}

    def _hold(self) -> None:
        """Note all signals but those that are ignored, or end the program: they stay as they are."""
        callables = [each for each, handler in self._handlers.items() if callable(handler)]
        _set_handlers(dict.fromkeys(callables, self._note))

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._noted.append((number, frame))

    def _deliver(self) -> None:
        """Let the first signal that was held back take its effect, which is an exception."""
        for number, frame in self._noted[:1]:
            self._handlers[number](number, frame)

    def let_through(self, call: Callable[[], object]) -> None:
        """Do ``call``, in which signals take effect at once; so does one that was held back."""
        _set_handlers(self._handlers)
        try:
            self._deliver()
            call()
        finally:
            self._handlers = self._read_handlers()  # the first signal may have others ignored
            self._hold()

    def ignore(self) -> None:
        """Ignore all of them from now on."""
        self._noted.clear()
        _set_handlers(dict.fromkeys(self._handlers, signal.SIG_IGN))


def _set_handlers(handlers: Mapping[int, Any]) -> None:
    for each, handler in handlers.items():
        signal.signal(each, handler)


def run_all(
    work: Sequence[Work],
    do: Callable[[Work], Result],
    forks: int,
    stopping: Callable[[], object] = lambda: None,
    failed: Callable[[Work, Exception], Result] | None = None,
    meanwhile: Callable[[], object] = lambda: None,
) -> list[Result]:
    """Do each item of ``work``, at most ``forks`` at a time; return the results in the order of ``work``.

    ``stopping`` is called once, at the first Ctrl-C; later ones, and signals that ask a program to end, are
    ignored until the begun work is finished.
    ``failed`` turns an unexpected exception into the result of its item, so that it does not stop the others.
    ``meanwhile`` is called repeatedly during the work: only this thread may ask the operator anything.

    Raises:
        Interrupted: on Ctrl-C, after the work that had begun is finished.
    """

    def attempt(item: Work) -> Result:
        try:
            return do(item)
        except CancelledError:  # the work never began
            raise
        except Exception as error:
            if failed is None:
                raise
            return failed(item, error)

    futures: list[Future[Result]] = []
    ended: SimpleQueue[object] = SimpleQueue()
    with _HeldSignals() as signals, ThreadPoolExecutor(max_workers=max(1, forks)) as pool:
        try:
            for item in work:
                futures.append(pool.submit(attempt, item))
                futures[-1].add_done_callback(ended.put)
            for _ in futures:
                has_ended = False
                while not has_ended:
                    has_ended = _take(ended)
                    signals.let_through(meanwhile)
            return [future.result() for future in futures]
        except KeyboardInterrupt:
            signals.ignore()
            pool.shutdown(wait=False, cancel_futures=True)
            stopping()
    done = (future for future in futures if not future.cancelled() and not future.exception())
    raise Interrupted([future.result() for future in done])


def _take(ended: SimpleQueue[object]) -> bool:
    """Return whether something has ended, within a tick."""
    try:
        ended.get(timeout=TICK)
    except Empty:
        return False
    return True
