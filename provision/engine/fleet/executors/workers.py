"""The one seam between a run and whatever works at its sites: an executor of concurrent.futures."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol, TypeVar

from provision.errors import Failed
from provision.plan import SitePlan
from provision.results import SiteResult

if TYPE_CHECKING:
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
        return function(name, job, *list_given(approved), process)

    def stop(self) -> None:
        """Do nothing: the caller begins nothing else."""

    def close(self) -> None:
        """Do nothing: there is nothing to end."""


THIS_PROCESS = ThisProcess()


def list_given(approved: SitePlan | None) -> tuple[SitePlan, ...]:
    """Return the argument for what was approved, if anything was."""
    return () if approved is None else (approved,)
