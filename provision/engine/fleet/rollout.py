"""Carry out a run in waves: a wave begins only if the one before it went well."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeVar

from provision.engine.fleet.run_files import RunFile
from provision.engine.fleet.waves import Rollout, Waves, split_sites
from provision.engine.parallel import Interrupted
from provision.errors import spell_count
from provision.results import SiteResult, TargetResult
from provision.sites.site import Selected
from provision.sites.windows import describe_opening, is_open

Work = TypeVar("Work")
# Does what the second argument does with each name, some of them at once.
RunAll = Callable[[Sequence[str], Callable[[str], SiteResult]], Sequence[SiteResult]]

_FAILED = ("failed", "unreachable")
# Names in a message; the results have them all.
_LISTED = 20


# Returns why a site may not be changed at this time; empty if it may.
Gate = Callable[[Selected], str]


def allow_always(_: Selected) -> str:
    """Return the reason of a gate that is always open."""
    return ""


def check_window(selected: Selected) -> str:
    """Return why a site may not be changed now, and when it may; empty if it is within its windows."""
    now, windows = datetime.now(UTC), selected.site.rollout.site_window
    if is_open(windows, now):
        return ""
    opens = describe_opening(windows, now)
    return f"left alone: it is outside of its site_window, which {opens}; --now changes it anyway"


@dataclass
class WaveRun:
    """A run in waves at the ``sites``; ``announce`` prints a line.

    ``gate`` is asked twice: before anything, since a closed site is not contacted and belongs to no wave, and
    when the site is to begin. ``before``: sites that an earlier run has done; they count in the waves only.
    ``file``: notes which site begins and ends.
    """

    sites: Mapping[str, Selected]
    waves: Waves
    announce: Callable[[str], object]
    gate: Gate = allow_always
    before: Mapping[str, Selected] = field(default_factory=dict)
    file: RunFile = field(default_factory=RunFile)

    def __post_init__(self) -> None:
        reasons = {name: self.gate(selected) for name, selected in self.sites.items()}
        self._closed = {name: why for name, why in reasons.items() if why}
        self._rollout = Rollout(len(self.open) + len(self.before), self.waves.budget)
        self._lock = threading.Lock()
        self._left: list[str] = []

    @property
    def open(self) -> list[str]:
        """Return the names of the sites that the gate let in."""
        return [name for name in self.sites if name not in self._closed]

    def list_closed(self) -> list[SiteResult]:
        """Return the results of the sites that the gate kept out."""
        return [skip_site(self.sites[name], why) for name, why in self._closed.items()]

    def list_waves(self) -> list[tuple[str, ...]]:
        """Return the names of the sites in each wave, without those that an earlier run has done."""
        waves = self._split_all()
        return [tuple(name for name in wave if name not in self.before) for wave in waves]

    def _split_all(self) -> list[tuple[str, ...]]:
        sites = {**{name: self.sites[name] for name in self.open}, **self.before}
        names = sorted(sites, key=lambda name: sites[name].site.place)
        fixed = {name: sites[name].site.rollout.site_wave for name in names}
        return split_sites(names, self.waves.shares, fixed)

    def describe_waves(self) -> Iterator[str]:
        """Yield a line for each wave, if there are several."""
        both = zip(self.list_waves(), self._split_all(), strict=True)
        for number, (wave, whole) in enumerate(both, 1):
            if len(self.waves.shares) > 1:
                done = len(whole) - len(wave)
                before = f"; {done} done before" if done else ""
                yield f"{self._name_wave(number)}: {_list_names(wave)}{before}"

    def _name_wave(self, number: int) -> str:
        several = len(self.waves.shares) > 1
        return f"wave {number} of {len(self.waves.shares)}" if several else "this run"

    def run(
        self,
        work: Mapping[str, Work],
        do: Callable[[Work], SiteResult],
        run_all: RunAll,
    ) -> list[SiteResult]:
        """Do the ``work`` of each site that is open, by name, and return the results of all in their order.

        A site that may not begin any more is skipped, with the reason.

        Raises:
            Interrupted: on Ctrl-C, with the results of all sites that had ended.
        """
        done = {result.name: result for result in self.list_closed()}
        waves = self.list_waves()

        def do_unless_stopped(name: str) -> SiteResult:
            with self._lock:
                why = self._rollout.stop
            if why:
                return self._skip(name, why)
            closed = self.gate(self.sites[name])
            if closed:
                self._closed[name] = closed
                return skip_site(self.sites[name], closed)
            self.file.begin_site(name)
            result = do(work[name])
            self.file.end_site(result)
            with self._lock:
                self._rollout.note_site(find_failure(result))
            return result

        for number, wave in enumerate(waves, 1):
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
            if names and all(name in self._closed for name in names) and not self._rollout.stop:
                self._rollout.stop = f"every site_window of {self._name_wave(number)} has closed"
        return [done[name] for name in self.sites if name in done]

    def _begin_wave(self, number: int, names: Sequence[str]) -> None:
        self._rollout.begin_wave(self._name_wave(number))
        if names and len(self.waves.shares) > 1:
            self.announce(f"{self._name_wave(number)}: {spell_count(len(names), 'site')}")

    def _skip(self, name: str, why: str) -> SiteResult:
        with self._lock:
            self._left.append(name)
        return skip_site(self.sites[name], f"not begun: {why}")

    def describe_closed(self) -> str:
        """Return which sites the gate kept out; empty if there are none."""
        return (
            f"outside of their site_window: {_list_names([*self._closed])}" if self._closed else ""
        )

    @property
    def is_stopped(self) -> bool:
        """Return whether some site may not begin any more."""
        return bool(self._left)

    def describe_stop(self) -> str:
        """Return why the run stopped, and at which sites nothing was begun; empty if it did not stop."""
        if not self._left:
            return ""
        left = _list_names(sorted(self._left, key=lambda name: self.sites[name].site.place))
        return f"stopped: {self._rollout.stop}; not begun: {left}"


def skip_site(selected: Selected, why: str) -> SiteResult:
    """Return the result of a site at which nothing is done, because of ``why``."""
    hosts = [TargetResult(selected.site.name, "linux", "skipped", error=why)]
    fortigates = [
        TargetResult(each.name, "fortios", "skipped", error=why) for each in selected.fortigates
    ]
    return SiteResult(selected.site.name, (*(hosts if selected.linux else ()), *fortigates))


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
