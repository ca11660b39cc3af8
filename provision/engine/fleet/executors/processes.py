"""An executor of processes on this machine, each with several threads.

The executor of the standard library kills all of its processes if one of them dies, in the middle of their
work. Here a process that dies takes only its own sites with it. A worker belongs to no terminal and ends on
no signal but SIGKILL: it ends in order when its controller has, even if that was killed.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any

from provision.engine.fleet.executors.remote import RemoteWorkers
from provision.engine.fleet.executors.tasks import Outcome, Task, run_task
from provision.engine.fleet.executors.workers import WorkerDied
from provision.engine.parallel import SIGNALS
from provision.engine.progress import SILENT, Listener
from provision.results import TargetResult

# A message to a worker: it gets no other task.
_LAST = b""


class ProcessWorkers(RemoteWorkers):
    """So many processes, which together work at ``forks`` sites at a time."""

    def __init__(self, processes: int, forks: int) -> None:
        super().__init__()
        self._executor = ProcessExecutor(min(processes, forks), forks)

    def _finish(self, task: Task, listener: Listener) -> Outcome:
        outcome: Outcome = self._executor.submit(run_task, task, listener=listener).result()
        return outcome

    def stop(self) -> None:
        """Do nothing, because each task that a process has was begun."""

    def close(self) -> None:
        self._executor.shutdown()


@dataclass
class _Worker:
    """A process, the pipe to it, and the calls that it has not answered, by number."""

    process: multiprocessing.process.BaseProcess
    pipe: Connection
    calls: dict[int, tuple[Future[Any], Listener]] = field(default_factory=dict)
    sending: threading.Lock = field(default_factory=threading.Lock)


class ProcessExecutor(Executor):
    """Calls functions in at most ``processes`` processes, ``calls`` at a time in all of them together."""

    def __init__(self, processes: int, calls: int) -> None:
        self._most, self._threads = processes, -(-calls // processes)
        self._lock = threading.Lock()
        self._workers: list[_Worker] = []
        self._readers: list[threading.Thread] = []
        self._number = 0

    def submit(self, fn: Callable[..., Any], /, *args: Any, **options: Any) -> Future[Any]:
        """Call ``fn`` in a process; its last argument is a listener that passes all on to ``listener``."""
        listener: Listener = options.get("listener", SILENT)
        future: Future[Any] = Future()
        future.set_running_or_notify_cancel()
        with self._lock:
            worker = self._choose()
            self._number += 1
            worker.calls[self._number] = future, listener
            message = pickle.dumps((self._number, fn, args))
        # if it has died meanwhile, its reader ends the call
        with worker.sending, suppress(OSError):
            worker.pipe.send_bytes(message)
        return future

    def _choose(self) -> _Worker:
        """Return the process with the fewest calls; start one if all are busy and there may be more."""
        least = min(self._workers, key=lambda worker: len(worker.calls), default=None)
        if least is None or (least.calls and len(self._workers) < self._most):
            return self._start()
        return least

    def _start(self) -> _Worker:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(
            target=serve, args=(theirs, self._threads), name="banstitch-worker"
        )
        process.start()
        theirs.close()
        worker = _Worker(process, ours)
        reader = threading.Thread(target=self._read, args=(worker,))
        self._workers.append(worker)
        self._readers.append(reader)
        reader.start()
        return worker

    def _read(self, worker: _Worker) -> None:
        """Pass on what ``worker`` sends, until it ends."""
        with suppress(EOFError, OSError):
            while True:
                number, what, *rest = pickle.loads(worker.pipe.recv_bytes())  # noqa: S301 - our own process
                future, listener = worker.calls[number]
                if what == "activity":
                    listener.report_activity(*rest)
                    continue
                with self._lock:
                    del worker.calls[number]
                if what == "done":
                    future.set_result(*rest)
                else:
                    future.set_exception(RuntimeError(*rest))
        with self._lock:
            self._workers.remove(worker)
        for future, _ in worker.calls.values():
            future.set_exception(WorkerDied())
        worker.process.join()
        worker.pipe.close()

    def shutdown(self, wait: bool = True, **_: Any) -> None:
        """End all processes once they have finished."""
        with self._lock:
            for worker in self._workers:
                with worker.sending, suppress(OSError):
                    worker.pipe.send_bytes(_LAST)
        for reader in self._readers if wait else ():
            reader.join()


# --- in the worker --------------------------------------------------------------------------------------


class _Sender:
    """Sends the progress of the call ``number`` to the controller."""

    def __init__(self, number: int, send: Callable[..., None]) -> None:
        self._number, self._send = number, send

    def report_activity(self, site: str, host: str, activity: str) -> None:
        self._send(self._number, "activity", site, host, activity)

    def report_result(self, site: str, result: TargetResult) -> None:
        pass

    def print_line(self, text: str) -> None:
        pass


def serve(pipe: Connection, threads: int) -> None:
    """Answer the calls that arrive at ``pipe`` until it ends, and finish what has begun."""
    _leave_terminal()
    lock = threading.Lock()

    def send(*message: Any) -> None:
        # a controller that was killed hears nothing, and what has begun goes on
        with lock, suppress(OSError):
            pipe.send_bytes(pickle.dumps(message))

    def call(number: int, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
        try:
            send(number, "done", function(*arguments, _Sender(number, send)))
        except Exception as error:  # noqa: BLE001 - it is raised again by the controller
            send(number, "failed", f"{type(error).__name__}: {error}")

    with ThreadPoolExecutor(threads) as pool, suppress(EOFError, OSError):
        while (message := pipe.recv_bytes()) != _LAST:
            pool.submit(call, *pickle.loads(message))  # noqa: S301 - from the controller


def _leave_terminal() -> None:
    """Leave the terminal and its Ctrl-C, and end on no signal: only the controller ends a worker.

    A program that a worker starts is ended by signals as usual, so they are not ignored.
    """
    os.setsid()
    for each in SIGNALS:
        signal.signal(each, lambda *_: None)
