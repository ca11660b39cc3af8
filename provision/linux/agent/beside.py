"""Do work beside the steps of a run, in a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Beside:
    """Work that has begun; ``ended`` is set when it has come to its end.

    ``work`` takes an event that is set when its result is unwanted.
    """

    def __init__(self, work: Callable[[threading.Event], object]) -> None:
        self.ended = threading.Event()
        self._unwanted = threading.Event()
        self._failures: list[BaseException] = []
        self._thread = threading.Thread(target=self._do, args=(work,))
        self._thread.start()

    def _do(self, work: Callable[[threading.Event], object]) -> None:
        try:
            work(self._unwanted)
        except BaseException as error:  # noqa: BLE001 - check() raises it
            self._failures.append(error)
        finally:
            self.ended.set()

    def wait(self) -> None:
        """Wait for the end of the work, whatever comes of it."""
        self._thread.join()

    def drop(self) -> None:
        """Let the work end as soon as it can, and wait for that."""
        self._unwanted.set()
        self.wait()

    def check(self) -> None:
        """Wait for the end of the work, and raise its error if it failed."""
        self.wait()
        if self._failures:
            raise self._failures[0]
