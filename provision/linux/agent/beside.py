"""Do work beside the steps of a run, in a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Beside:
    """Work that has begun; ``ended`` is set when it has come to its end."""

    def __init__(self, work: Callable[[], object]) -> None:
        self.ended = threading.Event()
        self._failures: list[BaseException] = []
        self._thread = threading.Thread(target=self._do, args=(work,))
        self._thread.start()

    def _do(self, work: Callable[[], object]) -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - check() raises it
            self._failures.append(error)
        finally:
            self.ended.set()

    def wait(self) -> None:
        """Wait for the end of the work, whatever comes of it."""
        self._thread.join()

    def check(self) -> None:
        """Wait for the end of the work, and raise its error if it failed."""
        self.wait()
        if self._failures:
            raise self._failures[0]
