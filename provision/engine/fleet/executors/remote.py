"""Have workers in other processes do the work at sites, and report as if it had been done here."""

from __future__ import annotations

import pickle
import uuid
from abc import ABC, abstractmethod

from provision import VERSION
from provision.engine.fleet.executors.tasks import Outcome, Task
from provision.engine.fleet.executors.workers import AtSite, Done, list_given
from provision.engine.progress import Listener, log
from provision.engine.run import Job, Process
from provision.errors import Failed
from provision.plan import SitePlan
from provision.results import summarize


class RemoteWorkers(ABC):
    """Workers in other processes. They get names and plans, and read the inventory and its secrets."""

    def __init__(self) -> None:
        self.key = uuid.uuid4().hex

    def run(
        self,
        function: AtSite[Done],
        name: str,
        job: Job,
        approved: SitePlan | None,
        process: Process,
    ) -> Done:
        """Have a worker call ``function``; pass on what it reports."""
        listener = process.listener
        listener.report_activity(name, name, "given to a worker")
        given = list_given(approved)
        task = Task(self.key, VERSION, pickle.dumps(job), function, name, given)
        outcome = self._finish(task, listener)
        for line in outcome.lines:
            listener.print_line(line)
        if outcome.result is None:
            log.debug("unexpected error of a worker at %s\n%s", name, outcome.traceback)
            raise Failed(outcome.error, outcome.remedy)
        done = outcome.result
        for target in (summarize(done) if isinstance(done, SitePlan) else done).targets:
            listener.report_result(name, target)
        return done  # type: ignore[return-value]

    @abstractmethod
    def _finish(self, task: Task, listener: Listener) -> Outcome:
        """Have a worker run ``task``, at most once; return its outcome.

        Raises:
            WorkerDied, CancelledError: as for :meth:`Workers.run`.
        """

    @abstractmethod
    def stop(self) -> None:
        """Begin nothing else; what has begun comes to its end."""

    @abstractmethod
    def close(self) -> None:
        """End the workers once they have finished."""
