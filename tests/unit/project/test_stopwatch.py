"""Check that the stopwatch leaves out time in which the machine stalled."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

from tests.lab.stopwatch import LATE, Stopwatch, within

# Stops itself, and says how much of the time the watch counted.
STALLED = """
import os, signal, sys, time
from tests.lab.stopwatch import Stopwatch
began = time.monotonic()
with Stopwatch() as watch:
    print("begun", flush=True)
    os.kill(os.getpid(), signal.SIGSTOP)
    print(watch.seconds, time.monotonic() - began, flush=True)
"""


def test_time_in_which_a_process_did_not_run_is_not_counted() -> None:
    argv = [sys.executable, "-c", STALLED]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout
        assert child.stdout.readline() == "begun\n"
        os.waitpid(child.pid, os.WUNTRACED)
        time.sleep(2)  # the stall itself
        child.send_signal(signal.SIGCONT)
        counted, passed = map(float, child.stdout.readline().split())
    assert passed - counted > 1


def test_time_that_passes_without_a_stall_is_counted() -> None:
    began = time.monotonic()
    with Stopwatch() as watch:
        while watch.seconds < 2 * LATE:
            time.sleep(0.01)
        assert watch.seconds <= time.monotonic() - began


def test_a_condition_that_never_holds_times_out() -> None:
    assert not within(0.01, lambda: False)
    assert within(0, lambda: True)
