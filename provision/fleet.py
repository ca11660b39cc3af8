"""Many sites at once: so many at a time, one failing site stops no other, an interrupt stops cleanly."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Work = TypeVar("Work")
Result = TypeVar("Result")


class Interrupted(Exception):
    """The operator stopped the run; what had begun was finished, the rest was not begun."""


def over(work: Sequence[Work], do: Callable[[Work], Result], forks: int) -> list[Result]:
    """``do`` for each of ``work``, at most ``forks`` at a time; the results in the order of ``work``.

    Raises:
        Interrupted: on Ctrl-C, after the targets that were being changed have been left in order.
    """
    with ThreadPoolExecutor(max_workers=max(1, forks)) as pool:
        try:
            futures = [pool.submit(do, one) for one in work]
            return [future.result() for future in futures]
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
            raise Interrupted from None
