"""The work at one site as a value, and what a worker does with it.

A task holds names and a plan, and no secret. A worker reads the inventory and its secrets once for each run,
asks nobody anything, and masks what it returns.
"""

from __future__ import annotations

import pickle
import socket
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from provision import VERSION
from provision.engine.progress import SILENT, Listener
from provision.engine.run import Job, Process
from provision.errors import BanstitchError
from provision.masking import Secrets
from provision.plan import SitePlan
from provision.results import SiteResult, TargetResult
from provision.ssh.routing.hops import Hops

# Seconds after which a worker forgets the secrets of a run that did not end in order.
IDLE_FOR = 3600.0


@dataclass(frozen=True)
class Task:
    """A call of ``function`` for the site ``name``.

    ``run`` is the same for all tasks of a run. ``version``: that of the Banstitch which made it. ``job``: the
    pickled job, which only the worker opens, because that reads the inventory. ``approved``: a plan, or
    nothing.
    """

    run: str
    version: str
    job: bytes = field(repr=False)
    function: Callable[..., SitePlan | SiteResult]
    name: str
    approved: tuple[SitePlan, ...] = field(default=(), repr=False)


@dataclass(frozen=True)
class Outcome:
    """A result, or an error with its remedy. ``lines`` are to be printed."""

    result: SitePlan | SiteResult | None = None
    error: str = ""
    remedy: str = ""
    lines: tuple[str, ...] = ()
    traceback: str = field(default="", repr=False)


class _Recorder:
    """Passes progress on, and keeps the lines that are to be printed, masked."""

    def __init__(self, listener: Listener, secrets: Secrets) -> None:
        self._listener, self._secrets = listener, secrets
        self.lines: list[str] = []

    def report_activity(self, site: str, host: str, activity: str) -> None:
        self._listener.report_activity(site, host, self._secrets.mask(activity))

    def report_result(self, site: str, result: TargetResult) -> None:
        # the caller gets the result of the site, masked, and reports it
        pass

    def print_line(self, text: str) -> None:
        self.lines.append(self._secrets.mask(text))


def run_task(task: Task, listener: Listener = SILENT) -> Outcome:
    """Run ``task`` in this process, a worker; never raise an error."""
    if task.version != VERSION:
        return Outcome(
            error=f"the worker on {socket.gethostname()} runs Banstitch {VERSION}, not {task.version}",
            remedy="give all workers the same version, and restart them",
        )
    secrets = Secrets()
    try:
        job, process = _OPENED.open(task)
        secrets = process.secrets or secrets
        if task.name not in job.sites:
            return _refuse(f"{task.name} is not in the inventory")
        recorder = _Recorder(listener, secrets)
        mine = replace(process, listener=recorder)
        result = task.function(task.name, job, *task.approved, mine)
        return Outcome(result, lines=tuple(recorder.lines))
    except BanstitchError as error:
        return _refuse(secrets.mask(str(error)))
    except Exception as error:  # noqa: BLE001 - its text may quote an answer of a target
        return Outcome(
            error=f"error in Banstitch: {type(error).__name__}",
            remedy="changes may be incomplete: run plan; run with -vvv and report the traceback",
            traceback=secrets.mask(traceback.format_exc()) if secrets.values() else "",
        )


def _refuse(what: str) -> Outcome:
    remedy = "give each worker the same inventory and the same files as this machine has"
    return Outcome(error=f"the worker on {socket.gethostname()}: {what}", remedy=remedy)


def forget_run(run: str) -> None:
    """Close the connections to jump hosts of a run, and forget its inventory and its secrets."""
    _OPENED.forget(run)


@dataclass
class _Inventory:
    """An inventory that this worker has read."""

    job: Job
    process: Process
    used: float = field(default_factory=time.monotonic)


class _Opened:
    """The jobs that this worker has opened; each is opened once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: dict[tuple[str, bytes], _Inventory] = {}

    def open(self, task: Task) -> tuple[Job, Process]:
        key = task.run, task.job
        with self._lock:
            if key not in self._found:
                self._drop_idle()
                job: Job = pickle.loads(task.job)  # noqa: S301 - from the controller, over TLS or a pipe
                process = Process(secrets=Secrets(job.sites.hidden), hops=Hops())
                self._found[key] = _Inventory(job, process)
            found = self._found[key]
            found.used = time.monotonic()
        return found.job, found.process

    def _drop_idle(self) -> None:
        since = time.monotonic() - IDLE_FOR
        for run in {key[0] for key, found in self._found.items() if found.used < since}:
            self._forget(run)

    def forget(self, run: str) -> None:
        with self._lock:
            self._forget(run)

    def _forget(self, run: str) -> None:
        for key in [key for key in self._found if key[0] == run]:
            hops = self._found.pop(key).process.hops
            if hops:
                hops.close()


_OPENED = _Opened()
