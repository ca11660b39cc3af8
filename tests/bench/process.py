"""Run a command to its end, and return what it cost as a whole process."""

from __future__ import annotations

import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NamedTuple

from tests import PROJECT

# Seconds after which a command is killed.
LIMIT = 900


class Cost(NamedTuple):
    """The seconds, the seconds of CPU and the MiB of a process and its children, and what it printed."""

    seconds: float
    cpu: float
    mebibytes: float
    out: str = ""
    code: int = 0


class Stop(NamedTuple):
    """A signal, and the seconds after which a command gets it."""

    after: float
    number: signal.Signals


def measure(
    argv: Sequence[str],
    environment: Mapping[str, str] | None = None,
    codes: Collection[int] = (0,),
    stop: Stop | None = None,
) -> Cost:
    """Return the cost of a command; ``environment`` is added to that of this process.

    Modules are compiled once, as on every machine that is not told otherwise.

    Raises:
        RuntimeError: its exit code is none of ``codes``. The text has the end of its output, and names a file
            with all of it.
    """
    kept = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    with tempfile.TemporaryFile() as output:
        began = time.monotonic()
        process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=PROJECT,
            env=kept | dict(environment or {}),
        )
        alarms = [threading.Timer(LIMIT, process.kill)]
        if stop:
            alarms.append(threading.Timer(stop.after, process.send_signal, [stop.number]))
        for alarm in alarms:
            alarm.start()
        _, status, used = os.wait4(process.pid, 0)
        seconds = time.monotonic() - began
        for alarm in alarms:
            alarm.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        said = output.read().decode(errors="replace")
    if process.returncode not in codes:
        words = " ".join(argv)
        whole = _keep_output(said)
        code = process.returncode
        raise RuntimeError(f"{words}: exit code {code}; all output: {whole}\n{said[-3000:]}")
    return Cost(
        seconds, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, said, process.returncode
    )


def _keep_output(said: str) -> str:
    """Write the output of a failed command to a file that stays, and return its path."""
    with tempfile.NamedTemporaryFile("w", prefix="bench-", suffix=".txt", delete=False) as file:
        file.write(said)
    return file.name


def run_site(*arguments: str, codes: Collection[int] = (0,), stop: Stop | None = None) -> Cost:
    """Return the cost of a call of `site.py`; see :func:`measure`."""
    argv = [sys.executable, str(PROJECT / "site.py"), *arguments]
    if stop:  # a bench in the background ignores Ctrl-C, and what it starts would inherit that
        argv = ["env", "--default-signal=INT", *argv]
    return measure(argv, codes=codes, stop=stop)


def take_medians(costs: Sequence[Cost]) -> Cost:
    """Return the median of each figure."""
    return Cost(
        statistics.median(cost.seconds for cost in costs),
        statistics.median(cost.cpu for cost in costs),
        statistics.median(cost.mebibytes for cost in costs),
    )


def measure_in_turn(
    runs: int, *measures: Callable[[], Cost], uncounted: int = 1
) -> list[list[Cost]]:
    """Return the costs of each of ``measures``, which take turns, so that a slow moment meets all of them.

    The first turns are not counted: they compile modules and fill caches.
    """
    turns = [[each() for each in measures] for _ in range(uncounted + runs)][uncounted:]
    return [list(costs) for costs in zip(*turns, strict=True)]


def compare_seconds(ours: Sequence[Cost], others: Sequence[Cost]) -> float:
    """Return how many times longer the others take: the median over the turns."""
    pairs = zip(ours, others, strict=True)
    return statistics.median(other.seconds / own.seconds for own, other in pairs)
