"""Jobs of the service: each repeats in a thread of its own, so one that waits delays no other.

A *part* is one subject of the service, such as the ignore list: its jobs, and a function that writes what
they found. Only the main thread writes, every second and once more at the end.

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later, standard library only.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

log = logging.getLogger("banstitch-watch")


class Job(NamedTuple):
    """Work that repeats. ``pause``: seconds from its end to its next start."""

    name: str
    work: Callable[[], None]
    pause: float


class Part(NamedTuple):
    """One subject of the service. ``write`` may raise OSError; then it is called again.

    ``test`` is called when root asks for a test (SIGUSR1), and must return at once.
    """

    jobs: Sequence[Job]
    write: Callable[[], None]
    test: Callable[[], None] = lambda: None


def start(parts: Sequence[Part]) -> None:
    """Start a thread for each job. The threads end with the process."""
    for part in parts:
        for job in part.jobs:
            threading.Thread(target=repeat, args=(job,), name=job.name, daemon=True).start()


def repeat(job: Job, sleep: Callable[[float], None] = time.sleep) -> None:
    """Do a job again and again; what it does not expect itself is logged and does not end it."""
    while True:
        try:
            job.work()
        except Exception:
            log.exception("%s failed", job.name)
        sleep(job.pause)


def write(parts: Sequence[Part]) -> None:
    """Write what the jobs found; where that fails, the next call tries again."""
    for part in parts:
        try:
            part.write()
        except OSError as error:
            log.error("cannot write: %s", error)


def test(parts: Sequence[Part]) -> None:
    """Begin the test of each part that has one."""
    for part in parts:
        part.test()
