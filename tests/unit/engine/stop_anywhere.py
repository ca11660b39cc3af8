"""Press Ctrl-C at each moment of a run in turn. A run that does not end keeps this process from ending."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType

from provision.engine import parallel

# Calls and returns in the main thread until it has waited for the work a few times.
MOMENTS = 400
PATIENCE = 30


class PressAt:
    """A profiler of the main thread that presses Ctrl-C at one of the calls and returns there."""

    def __init__(self, moment: int) -> None:
        self._left = moment

    def __call__(self, _: FrameType, event: str, __: object) -> None:
        self._left -= 1
        if self._left == 0:
            signal.raise_signal(signal.SIGINT)


class Work(list[int]):
    """Work at which the pressing begins when it is given out."""

    def __init__(self, moment: int) -> None:
        super().__init__(range(5))
        self._moment = moment

    def __iter__(self) -> Iterator[int]:
        sys.setprofile(PressAt(self._moment))
        return super().__iter__()


def run_until_stopped(moment: int) -> None:
    """Start work that goes on until the run is stopped, and stop it."""
    told = threading.Event()
    try:
        parallel.run_all(Work(moment), lambda _: told.wait(PATIENCE), 2, stopping=told.set)
    except parallel.Interrupted as stop:
        if not all(stop.finished):
            raise RuntimeError(f"{moment}: {stop.finished}") from None
    else:
        raise RuntimeError(f"{moment}: it was not stopped")
    finally:
        sys.setprofile(None)


def main() -> None:
    """Stop a run at each moment."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    parallel.TICK = 0.001
    for moment in range(1, MOMENTS):
        run_until_stopped(moment)
    print("stopped at each moment")


if __name__ == "__main__":
    main()
