"""Measure the time in which this machine ran, so that a stall of the machine fails no test.

A virtual machine stands still now and then, for seconds. Nothing can happen meanwhile, and a test that
looks at the clock afterwards would blame the product.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Self

# Seconds between two looks at the clock, and the delay of one that means a stall.
BEAT = 0.05
LATE = 0.25
# Seconds between two checks of a condition, at least. What takes long is checked less often, as far as the
# limit is not near: a sixtieth of it may pass between two checks.
PAUSE = 0.1


class Stopwatch:
    """A context manager that counts the ``seconds`` since it was entered, without those of stalls.

    In a stall not even a thread that only looks at the clock runs.
    """

    def __enter__(self) -> Self:
        self._began = self._looked = time.monotonic()
        self._stalled = 0.0
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    @property
    def seconds(self) -> float:
        with self._lock:
            now = time.monotonic()
            return now - self._began - self._stalled - self._get_missed(now)

    def _beat(self) -> None:
        while not self._over.wait(BEAT):
            with self._lock:
                now = time.monotonic()
                self._stalled += self._get_missed(now)
                self._looked = now

    def _get_missed(self, now: float) -> float:
        """Return the seconds by which the look after the last one is too late."""
        late = now - self._looked - BEAT
        return late if late > LATE else 0.0


def within(seconds: float, holds: Callable[[], bool]) -> bool:
    """Wait until ``holds()`` is true, and return whether it was within ``seconds`` of running time."""
    with Stopwatch() as watch:
        while not holds():
            if (passed := watch.seconds) > seconds:
                return False
            time.sleep(max(PAUSE, min(passed / 10, seconds / 60)))
    return True
