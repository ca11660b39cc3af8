"""Run files: what a run leaves on the controller, for people, `--retry-failed`, `--resume` and `merge`.

A run file has one JSON value on each line: a head when the run starts, a line for each site that begins and
for each that ends, and one at the end. Lines are only added, so that a run that was killed leaves a file that
can be read. The file is a report. It can name sites to the next run, which plans everything again.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar

from provision import VERSION
from provision.engine.fleet.shards import Shard
from provision.plan import Change, Verb
from provision.results import Exit, SiteResult, TargetResult

# The version of the form of the file.
FORMAT = 1


@dataclass(frozen=True)
class RunHead:
    """The start of a run. ``sites`` has the hosts of each, in the order of the inventory.

    ``inventory``: the sources as they were given; ``sources``: their absolute paths. ``options``: those that
    decide what is done, as on the command line. ``fleet``: the hash of the sites of all shards.
    """

    verb: Verb
    started: str
    inventory: tuple[str, ...]
    sources: tuple[str, ...]
    sites: Mapping[str, tuple[str, ...]]
    limit: str = ""
    options: tuple[str, ...] = ()
    waves: str = ""
    max_fail: str = ""
    shard: Shard | None = None
    fleet: str = ""
    banstitch: str = VERSION
    format: int = FORMAT

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    def is_of_inventory(self, other: RunHead) -> bool:
        """Return whether both name the same inventory, by what was written or by where it is."""
        return self.inventory == other.inventory or self.sources == other.sources


@dataclass(frozen=True)
class RunEnd:
    """The end of a run. ``stopped``: why not every site was begun; empty if each was."""

    ended: str
    exit_code: Exit
    stopped: str = ""

    __pydantic_config__: ClassVar = {"extra": "forbid"}


@dataclass(frozen=True)
class RunRecord:
    """A run file that was read. ``begun``: sites that had begun; ``results``: those of the sites that ended.

    ``end`` is None if the run is still at work, or was killed.
    """

    path: Path
    head: RunHead
    begun: frozenset[str] = frozenset()
    results: Mapping[str, SiteResult] = field(default_factory=dict)
    end: RunEnd | None = None

    def has_failed(self, name: str) -> bool:
        """Return whether a target of a site failed or was unreachable."""
        states = {target.state for target in self._list_targets(name)}
        return bool(states & {"failed", "unreachable"})

    def is_done(self, name: str) -> bool:
        """Return whether a site has ended, and nothing of it failed or was left alone."""
        states = {target.state for target in self._list_targets(name)}
        return name in self.results and not states & {"failed", "unreachable", "skipped"}

    def list_hosts(self, name: str) -> tuple[str, ...]:
        """Return the hosts at which a site is not done. `rotate` leaves out FortiGates with new secrets."""
        hosts = self.head.sites[name]
        if self.head.verb != "rotate":
            return hosts
        ready = {t.host for t in self._list_targets(name) if t.state in ("ok", "changed")}
        left = tuple(host for host in hosts if host not in ready or host == name)
        return left if set(left) - {name} else hosts

    def _list_targets(self, name: str) -> tuple[TargetResult, ...]:
        result = self.results.get(name)
        return result.targets if result else ()


class RunFile:
    """The file of a run in progress. Several threads may use it.

    A file that cannot be written stops nothing: ``warn`` is called once, and the rest is left out.
    """

    def __init__(
        self,
        path: Path | None = None,
        descriptor: int | None = None,
        warn: Callable[[str], object] = lambda _: None,
    ) -> None:
        self.path = path
        self._descriptor, self._warn = descriptor, warn
        self._earlier: Mapping[str, SiteResult] = {}
        self._written: set[str] = set()
        self._lock = threading.Lock()

    def start(self, head: RunHead, earlier: RunRecord | None = None) -> None:
        """Write the head, and what an ``earlier`` run says of its sites, until this one ends there."""
        self._write("run", asdict(head))
        if earlier:
            for name in head.sites:
                if name in earlier.begun:
                    self.begin_site(name)
                if name in earlier.results:
                    self.end_site(earlier.results[name])
            self._earlier = earlier.results
            self._written.clear()

    def begin_site(self, name: str) -> None:
        """Note that the work at a site begins."""
        self._write("begun", name)

    def end_site(self, result: SiteResult) -> None:
        """Note the result of a site. Targets that this run left out keep their earlier result."""
        hosts = {target.host for target in result.targets}
        before = self._earlier.get(result.name, SiteResult(result.name, ()))
        others = [target for target in before.targets if target.host not in hosts]
        targets = tuple(map(_shorten, (*result.targets, *others)))
        self._written.add(result.name)
        self._write("site", asdict(replace(result, targets=targets)))

    def end(self, results: Sequence[SiteResult], end: RunEnd) -> None:
        """Note the sites that were never begun, and the end of the run."""
        for result in results:
            if result.name not in self._written and result.name not in self._earlier:
                self.end_site(result)
        self._write("end", asdict(end))

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            if self._descriptor is not None:
                os.close(self._descriptor)
                self._descriptor = None

    def _write(self, kind: str, content: object) -> None:
        with self._lock:
            if self._descriptor is None:
                return
            rest = memoryview((json.dumps({kind: content}) + "\n").encode())
            try:
                while rest:
                    rest = rest[os.write(self._descriptor, rest) :]
            except OSError as error:
                os.close(self._descriptor)
                self._descriptor = None
                self._warn(
                    f"{self.path} could not be written: {error.strerror}; the run goes on without it"
                )


def _shorten(target: TargetResult) -> TargetResult:
    """Return a result without the content of new and deleted files, which would make the file large."""
    if target.kind == "fortios":
        return target
    new_plan = None if target.new_plan is None else tuple(map(_cut_diff, target.new_plan))
    return replace(target, changes=tuple(map(_cut_diff, target.changes)), new_plan=new_plan)


def _cut_diff(change: Change) -> Change:
    is_whole = change.action in ("create", "delete") and not change.source
    return replace(change, diff="") if is_whole else change


def format_now() -> str:
    """Return the time of this machine, as run files have it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def find_worst(codes: Sequence[int]) -> Exit:
    """Return the worst of the exit codes of several runs. One that was interrupted has failed."""
    for code in (Exit.FAILED, Exit.UNREACHABLE, Exit.DIFFERS):
        stops = (Exit.HUNG_UP, Exit.INTERRUPTED, Exit.TERMINATED, Exit.USAGE)
        if code in codes or (code == Exit.FAILED and any(stop in codes for stop in stops)):
            return code
    return Exit.OK
