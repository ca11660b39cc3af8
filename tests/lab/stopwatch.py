"""Time in which this machine ran: a promise in seconds is held against no other.

A virtual machine stands still now and then, for seconds: then nothing that was promised can happen,
and whoever looks at the clock next would blame the product.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Self

# Seconds between two looks at the clock, and how much too late one is that tells of a stall.
BEAT = 0.05
LATE = 0.25
# Seconds between two questions whether something holds by now.
PAUSE = 0.1


class Stopwatch:
    """As a context manager: ``seconds`` have passed since it was entered, without those of stalls.

    A stall is time in which not even a thread that only wants to look at the clock got to run.
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
            return now - self._began - self._stalled - self._missed(now)

    def _beat(self) -> None:
        while not self._over.wait(BEAT):
            with self._lock:
                now = time.monotonic()
                self._stalled += self._missed(now)
                self._looked = now

    def _missed(self, now: float) -> float:
        """How long, since the last look, there was none although there should have been."""
        late = now - self._looked - BEAT
        return late if late > LATE else 0.0


def within(seconds: float, holds: Callable[[], bool]) -> bool:
    """Whether ``holds()`` becomes true before ``seconds`` have passed in which this machine ran."""
    with Stopwatch() as watch:
        while not holds():
            if watch.seconds > seconds:
                return False
            time.sleep(PAUSE)
    return True
