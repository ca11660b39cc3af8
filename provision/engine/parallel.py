"""Run sites in parallel: one failing site stops no other, and an interrupt stops the run cleanly."""

from __future__ import annotations

import signal
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor, wait
from typing import Any, TypeVar

Work = TypeVar("Work")
Result = TypeVar("Result")


# Seconds. Python may miss a Ctrl-C that arrives just as a wait begins, until that wait is over.
TICK = 0.2
# What the command line treats as Ctrl-C. None of it may break off what is being finished.
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(Exception):
    """The operator stopped the run. ``finished``: the results of the work that had begun."""

    def __init__(self, finished: Sequence[Any]) -> None:
        super().__init__()
        self.finished = tuple(finished)


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
    with ThreadPoolExecutor(max_workers=max(1, forks)) as pool:
        try:
            futures.extend(pool.submit(attempt, item) for item in work)
            while wait(futures, timeout=TICK).not_done:
                meanwhile()
            return [future.result() for future in futures]
        except KeyboardInterrupt:
            before = {each: signal.signal(each, signal.SIG_IGN) for each in SIGNALS}
            pool.shutdown(wait=False, cancel_futures=True)
            stopping()
    for each, handler in before.items():
        signal.signal(each, handler)
    done = (future for future in futures if not future.cancelled() and not future.exception())
    raise Interrupted([future.result() for future in done])
