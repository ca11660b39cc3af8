"""Run sites in parallel: one failing site stops no other, and an interrupt stops the run cleanly."""

from __future__ import annotations

import signal
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any, TypeVar

Work = TypeVar("Work")
Result = TypeVar("Result")


# Seconds. Python may miss a Ctrl-C that comes just as it begins to wait, until the wait is run_all.
TICK = 0.2


class Interrupted(Exception):
    """The operator stopped the run; what had begun was ``finished``, the rest was not begun."""

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
    """Do each of ``work``, at most ``forks`` at a time; return the results in the order of ``work``.

    ``stopping`` is called once at the first Ctrl-C; later ones are ignored until what was begun is finished.
    ``failed`` turns an exception that nobody foresaw into the result of that one; it ends no other's work.
    ``meanwhile`` is called every moment while others work: this thread alone may talk to the operator.

    Raises:
        Interrupted: on Ctrl-C, after the targets that were being changed have been left in order.
    """

    def attempt(one: Work) -> Result:
        try:
            return do(one)
        except Exception as error:
            if failed is None:
                raise
            return failed(one, error)

    futures: list[Future[Result]] = []
    with ThreadPoolExecutor(max_workers=max(1, forks)) as pool:
        try:
            futures.extend(pool.submit(attempt, one) for one in work)
            while wait(futures, timeout=TICK).not_done:
                meanwhile()
            return [future.result() for future in futures]
        except KeyboardInterrupt:
            before = signal.signal(signal.SIGINT, signal.SIG_IGN)
            pool.shutdown(wait=False, cancel_futures=True)
            stopping()
    signal.signal(signal.SIGINT, before)
    good = (future for future in futures if not future.cancelled() and not future.exception())
    raise Interrupted([future.result() for future in good])
