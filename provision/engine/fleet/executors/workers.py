"""The one seam between a run and whatever works at its sites: an executor of concurrent.futures."""

from __future__ import annotations

import pickle
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol, TypeVar

from provision import VERSION
from provision.errors import Failed
from provision.plan import SitePlan
from provision.results import SiteResult, summarize

if TYPE_CHECKING:
    from provision.engine.fleet.executors.tasks import Outcome, Task
    from provision.engine.progress import Listener
    from provision.engine.run import Job, Process

Done = TypeVar("Done", SitePlan, SiteResult)
# plan_site, apply_site or apply_saved_site; what was approved, if anything, is the third argument.
AtSite = Callable[..., Done]


class WorkerDied(Failed):
    """The worker of a site has ended, and what it had begun there is not known."""

    def __init__(self, cause: str = "the worker process that worked at this site has died") -> None:
        remedy = (
            "what it had begun may be incomplete: run again, which completes or repairs it;"
            " a lease that the worker held on a FortiGate ends after 5 minutes at most"
        )
        super().__init__(f"{cause}; nothing was tried again", remedy)


class Workers(Protocol):
    """Whatever works at the sites of a run. Several threads use it, each for one site at a time."""

    def run(
        self,
        function: AtSite[Done],
        name: str,
        job: Job,
        approved: SitePlan | None,
        process: Process,
    ) -> Done:
        """Call ``function`` for the site ``name``, and return its result.

        Raises:
            WorkerDied: the worker ended before its result arrived.
            CancelledError: :meth:`stop` was called before the work began.
        """

    def stop(self) -> None:
        """Begin nothing else; what has begun comes to its end."""

    def close(self) -> None:
        """End the workers once they have finished."""


class ThisProcess:
    """The threads of this process, which have all of its parts."""

    def run(
        self,
        function: AtSite[Done],
        name: str,
        job: Job,
        approved: SitePlan | None,
        process: Process,
    ) -> Done:
        """Call ``function`` in the thread of the caller."""
        return function(name, job, *_list_given(approved), process)

    def stop(self) -> None:
        """Do nothing: the caller begins nothing else."""

    def close(self) -> None:
        """Do nothing: there is nothing to end."""


THIS_PROCESS = ThisProcess()


def _list_given(approved: SitePlan | None) -> tuple[SitePlan, ...]:
    return () if approved is None else (approved,)


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
        from provision.engine.fleet.executors.tasks import Task

        listener = process.listener
        listener.report_activity(name, name, "given to a worker")
        given = _list_given(approved)
        task = Task(self.key, VERSION, pickle.dumps(job), function, name, given)
        outcome = self._do(task, listener)
        for line in outcome.lines:
            listener.print_line(line)
        if outcome.result is None:
            from provision.engine.progress import log

            log.debug("unexpected error of a worker at %s\n%s", name, outcome.traceback)
            raise Failed(outcome.error, outcome.remedy)
        done = outcome.result
        for target in (summarize(done) if isinstance(done, SitePlan) else done).targets:
            listener.report_result(name, target)
        return done  # type: ignore[return-value]

    @abstractmethod
    def _do(self, task: Task, listener: Listener) -> Outcome:
        """Have a worker do ``task``, at most once; wait for its outcome.

        Raises:
            WorkerDied, CancelledError: as for :meth:`Workers.run`.
        """

    @abstractmethod
    def stop(self) -> None:
        """Begin nothing else; what has begun comes to its end."""

    @abstractmethod
    def close(self) -> None:
        """End the workers once they have finished."""
