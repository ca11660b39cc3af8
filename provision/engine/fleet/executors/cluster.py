"""Workers of a Dask cluster, over TLS with certificates on both sides.

Dask runs a task again if its worker dies or is cut off, and if a result is lost. A site must not be changed
twice, so each task has a ticket, which the scheduler keeps. Whoever takes it works at the site: a second
worker finds none and gives up. The controller takes it back if the work is no longer to begin.
"""

from __future__ import annotations

import logging
import threading
import time
import uuid
from concurrent.futures import CancelledError, Future, wait
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from provision.engine.fleet.executors.remote import RemoteWorkers
from provision.engine.fleet.executors.tasks import Outcome, Task, forget_run, run_task
from provision.engine.fleet.executors.workers import WorkerDied
from provision.engine.progress import log
from provision.errors import Failed, InputError, Problem

if TYPE_CHECKING:
    from distributed import Client, Queue, Security

    from provision.engine.progress import Listener

SCHEME = "tls://"
# Seconds between looks for a reason to wait no longer.
PAUSE = 2.0
# Seconds without any worker after which work that has not begun is given up.
ABANDONED_AFTER = 60.0
# Seconds to wait for the scheduler.
PATIENCE = 30
_LOGGERS = ("distributed", "distributed.client", "distributed.gc", "tornado", "tornado.application")
_INSTALL = "pip install -r requirements-dask.txt"


@dataclass(frozen=True)
class Certificates:
    """The files that prove each side to the other; what is not given comes from Dask's configuration."""

    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None


def run_once(ticket: str, task: Task) -> Outcome | None:
    """Run ``task`` on a worker of the cluster; return None if somebody else has taken the ``ticket``."""
    from distributed import Queue

    queue = Queue(ticket)
    try:
        if not queue.get(batch=True):
            return None
    finally:
        queue.close()
    return run_task(task)


class ClusterWorkers(RemoteWorkers):
    """The workers that are connected to the scheduler of ``client``."""

    def __init__(self, client: Client) -> None:
        super().__init__()
        self._client = client
        self._executor = client.get_executor(pure=False, retries=0)
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._looked = self._seen = time.monotonic()
        self._lost = threading.Event()

    def _finish(self, task: Task, _: Listener) -> Outcome:
        ticket, future = self._submit(task)
        try:
            return self._wait(future, ticket)
        finally:
            with suppress(Exception):  # the scheduler is gone
                ticket.close()

    def _submit(self, task: Task) -> tuple[Queue, Future[Outcome | None]]:
        """Give ``task`` to the cluster, with its ticket.

        Raises:
            Failed: the scheduler is gone. Only the first to notice waits for it.
        """
        from distributed import Queue

        if not self._lost.is_set():
            try:
                ticket = Queue(f"banstitch-{uuid.uuid4().hex}", client=self._client)
                ticket.put(task.name)
                return ticket, self._executor.submit(run_once, ticket.name, task)
            except Exception as error:  # noqa: BLE001 - whatever Dask raises, nothing was given to a worker
                log.debug("the scheduler is gone: %s", _describe(error))
                self._lost.set()
        raise Failed(
            "the scheduler does not answer any more; nothing was begun",
            "start it and its workers again, and run again",
        )

    def _wait(self, future: Future[Outcome | None], ticket: Queue) -> Outcome:
        while wait([future], PAUSE).not_done:
            if self._stopping.is_set() and self._take_back(ticket):
                future.cancel()
                raise CancelledError
            if self._is_abandoned() and self._take_back(ticket):
                future.cancel()
                raise Failed(
                    "no worker has been connected to the scheduler for a minute; nothing was begun",
                    "start workers and run again",
                )
        try:
            outcome = future.result()
        except Exception as error:  # noqa: BLE001 - whatever Dask raises, no result will come
            if self._take_back(ticket):
                message = f"the cluster did not begin the work: {type(error).__name__}"
                raise Failed(message, "see the log of the scheduler, and run again") from None
            if self._client.status != "running":
                raise WorkerDied("the scheduler has died while a worker was at this site") from None
            raise WorkerDied from None
        if outcome is None:
            raise WorkerDied
        return outcome

    def _take_back(self, ticket: Queue) -> bool:
        """Return whether the work has not begun; then it never will."""
        try:
            return bool(ticket.get(batch=True))
        except Exception:  # noqa: BLE001 - without the scheduler nobody knows
            return False

    def _is_abandoned(self) -> bool:
        """Return whether there has been no worker for a while; ask the scheduler now and then."""
        with self._lock:
            now = time.monotonic()
            if now - self._looked > ABANDONED_AFTER:  # nobody has waited meanwhile
                self._seen = now
            if now - self._looked >= PAUSE:
                self._looked = now
                with suppress(Exception):
                    if self._client.scheduler_info()["workers"]:
                        self._seen = now
            return now - self._seen > ABANDONED_AFTER

    def stop(self) -> None:
        self._stopping.set()

    def close(self) -> None:
        with suppress(
            Exception
        ):  # the results are complete, and workers forget by themselves later
            self._client.run(forget_run, self.key)
        with suppress(Exception):
            self._client.close(timeout=PATIENCE)


def open_cluster(scheduler: str, certificates: Certificates) -> ClusterWorkers:
    """Return the workers of a cluster.

    Raises:
        InputError: Dask is not installed, something is not TLS with certificates, or nobody is there.
    """
    if not scheduler.startswith(SCHEME):
        raise _refuse(
            f"--scheduler {scheduler} must begin with {SCHEME}",
            "a scheduler without TLS runs what anybody sends to it",
        )
    try:
        from distributed import Client
    except ImportError as error:
        raise _refuse(f"--executor dask needs Dask ({error})", _INSTALL) from None
    for name in _LOGGERS:  # -vvv decides, as for all others
        logging.getLogger(name).setLevel(logging.NOTSET)
    security = _read_certificates(certificates)
    try:
        client = Client(scheduler, security=security, timeout=PATIENCE, set_as_default=False)
    except Exception as error:  # noqa: BLE001 - OpenSSL's, tornado's, the system's or Dask's own
        message = f"the scheduler {scheduler} cannot be reached: {_describe(error)}"
        raise _refuse(message, "check that it runs, and the certificates of both sides") from None
    try:
        _check_workers(client)
    except BaseException:
        client.close()
        raise
    return ClusterWorkers(client)


def _read_certificates(certificates: Certificates) -> Security:
    from distributed import Security

    given: dict[str, Any] = {
        "tls_ca_file": certificates.ca,
        "tls_client_cert": certificates.certificate,
        "tls_client_key": certificates.key,
    }
    security = Security(
        require_encryption=True, **{name: str(path) for name, path in given.items() if path}
    )
    options = {"--tls-ca": security.tls_ca_file, "--tls-cert": security.tls_client_cert}
    options["--tls-key"] = security.tls_client_key or security.tls_client_cert
    for option, file in options.items():
        if not file:
            message = f"--executor dask needs {option}"
            raise _refuse(message, "or distributed.comm.tls in Dask's configuration")
        if "\n" not in file and not Path(file).is_file():
            raise _refuse(f"{option} {file} is not a file", "check the path")
    return security


def _check_workers(client: Client) -> None:
    """Check that there are workers, and that no secret goes to them, or comes from them, in the clear."""
    addresses = sorted(client.scheduler_info()["workers"])
    if not addresses:
        raise _refuse("no worker is connected to the scheduler", "start workers: see docs/fleet.md")
    for address in addresses:
        if not address.startswith(SCHEME):
            raise _refuse(f"the worker {address} does not use TLS", "start it with --tls-ca-file")


def _describe(error: BaseException) -> str:
    while error.__cause__ is not None:
        error = error.__cause__
    return (str(error).partition("\n")[0] or type(error).__name__)[:200]


def _refuse(message: str, remedy: str) -> InputError:
    return InputError([Problem("", 0, message, remedy)])
