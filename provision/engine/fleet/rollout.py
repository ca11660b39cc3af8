"""Carry out a run in waves: a wave begins only if the one before it went well."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from provision.engine.fleet.waves import Rollout, Waves, split_sites
from provision.engine.parallel import Interrupted
from provision.errors import spell_count
from provision.results import SiteResult, TargetResult
from provision.sites.builder import Selected

Work = TypeVar("Work")
# Does what the second argument does with each name, some of them at once.
RunAll = Callable[[Sequence[str], Callable[[str], SiteResult]], Sequence[SiteResult]]

_FAILED = ("failed", "unreachable")
# Names in a message; the results have them all.
_LISTED = 20


@dataclass
class WaveRun:
    """A run in waves at the ``sites``; ``announce`` prints a line."""

    sites: Mapping[str, Selected]
    waves: Waves
    announce: Callable[[str], object]

    def __post_init__(self) -> None:
        self._rollout = Rollout(len(self.sites), self.waves.budget)
        self._lock = threading.Lock()
        self._left: list[str] = []

    def list_waves(self) -> list[tuple[str, ...]]:
        """Return the names of the sites in each wave."""
        names = sorted(self.sites, key=lambda name: self.sites[name].site.place)
        fixed = {name: self.sites[name].site.rollout.site_wave for name in names}
        return split_sites(names, self.waves.shares, fixed)

    def describe_waves(self) -> Iterator[str]:
        """Yield a line for each wave, if there are several."""
        for number, wave in enumerate(self.list_waves(), 1):
            if len(self.waves.shares) > 1:
                yield f"{self._name_wave(number)}: {_list_names(wave)}"

    def _name_wave(self, number: int) -> str:
        several = len(self.waves.shares) > 1
        return f"wave {number} of {len(self.waves.shares)}" if several else "this run"

    def run(
        self,
        work: Mapping[str, Work],
        do: Callable[[Work], SiteResult],
        run_all: RunAll,
    ) -> list[SiteResult]:
        """Do the ``work`` of each site, by name, and return the results in the order of ``work``.

        A site that may not begin any more is skipped, with the reason.

        Raises:
            Interrupted: on Ctrl-C, with the results of all sites that had ended.
        """
        done: dict[str, SiteResult] = {}

        def do_unless_stopped(name: str) -> SiteResult:
            with self._lock:
                why = self._rollout.stop
            if why:
                return self._skip(name, why)
            result = do(work[name])
            with self._lock:
                self._rollout.note_site(find_failure(result))
            return result

        for number, wave in enumerate(self.list_waves(), 1):
            names = [name for name in wave if name in work]
            if self._rollout.stop:
                done |= {name: self._skip(name, self._rollout.stop) for name in names}
                continue
            self._begin_wave(number, names)
            try:
                results = run_all(names, do_unless_stopped)
            except Interrupted as interruption:
                raise Interrupted([*done.values(), *interruption.finished]) from None
            done |= dict(zip(names, results, strict=True))
            self._rollout.end_wave()
        return [done[name] for name in work]

    def _begin_wave(self, number: int, names: Sequence[str]) -> None:
        self._rollout.begin_wave(self._name_wave(number))
        if names and len(self.waves.shares) > 1:
            self.announce(f"{self._name_wave(number)}: {spell_count(len(names), 'site')}")

    def _skip(self, name: str, why: str) -> SiteResult:
        with self._lock:
            self._left.append(name)
        return skip_site(self.sites[name], f"not begun: {why}")

    def describe_stop(self) -> str:
        """Return why the run stopped, and at which sites nothing was begun; empty if it did not stop."""
        if not self._left:
            return ""
        left = _list_names(sorted(self._left, key=lambda name: self.sites[name].site.place))
        return f"stopped: {self._rollout.stop}; not begun: {left}"


def skip_site(selected: Selected, why: str) -> SiteResult:
    """Return the result of a site at which nothing is done, because of ``why``."""
    hosts = [TargetResult(selected.site.name, "linux", "skipped", error=why)]
    units = [
        TargetResult(each.name, "fortios", "skipped", error=why) for each in selected.fortigates
    ]
    return SiteResult(selected.site.name, (*(hosts if selected.linux else ()), *units))


def find_failure(result: SiteResult) -> str:
    """Return the first error of a site, without the names and numbers that differ from site to site."""
    errors = [target.error for target in result.targets if target.state in _FAILED]
    if not errors:
        return ""
    text = errors[0].partition("\n")[0]
    names = sorted((target.host for target in result.targets), key=len, reverse=True)
    for name in names:
        text = re.sub(rf"(?<![\w.-]){re.escape(name)}(?![\w-])", "*", text)
    return re.sub(r"\d+", "#", text) or "an error"


def _list_names(names: Sequence[str]) -> str:
    more = len(names) - _LISTED
    rest = f" and {more} more" if more > 0 else ""
    shown = f"{', '.join(names[:_LISTED])}{rest}"
    return f"{spell_count(len(names), 'site')}{f': {shown}' if names else ''}"
