"""Functions that workers call in tests; a worker of another process finds them by their names."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

from provision.engine.progress import Listener
from provision.engine.run import Job, Process
from provision.errors import Failed
from provision.plan import SitePlan, TargetPlan


def wait_for_word(fifo: Path, listener: Listener) -> str:
    """Report that it waits, and return what somebody writes to ``fifo``."""
    listener.report_activity("site", str(os.getpid()), "waiting")
    return fifo.read_text()


def answer_word(question: Path, answer: Path, listener: Listener) -> None:
    """Wait for a word, and pass it on."""
    answer.write_text(wait_for_word(question, listener))


def survive_signals(_: Listener) -> str:
    """Send this process each signal that asks a program to end."""
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        os.kill(os.getpid(), each)
    return "alive"


def find_terminal(_: Listener) -> bool:
    """Return whether this process could ask anything on a terminal."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR))
    except OSError:
        return False
    return True


def fail(_: Listener) -> None:
    raise KeyError("a fault")


def plan_nothing(name: str, job: Job, process: Process) -> SitePlan:
    """Return an empty plan, with the login that this process has read for the site as its note."""
    login = job.sites[name].site.ban_host.login
    process.listener.report_activity(name, name, f"as {login.password}")
    process.listener.print_line(f"the password is {login.password}")
    return SitePlan(name, job.verb, (TargetPlan(name, "linux", notes=(login.user,)),))


def refuse(name: str, job: Job, _: Process) -> SitePlan:
    raise Failed(f"refused {job.sites[name].site.ban_host.login.password}", "do something")


def crash(name: str, job: Job, _: Process) -> SitePlan:
    raise KeyError(job.sites[name].site.ban_host.login.password)


def go_on(_: str, __: Job, approved: SitePlan, ___: Process) -> Any:
    """Return what was approved."""
    return approved
