"""A modelled site: a ban host and two FortiGates that tell who was asked what, and fail as they are told."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from provision.desired import collect
from provision.desired.context import UNKNOWN
from provision.engine.run import Job, Process
from provision.engine.site import apply_site, plan_site
from provision.errors import Failed
from provision.fortios.config.desired import Desired
from provision.fortios.config.feed import FeedState
from provision.fortios.config.object_id import ObjectId
from provision.fortios.config.observed import Observed
from provision.fortios.planning.planner import FortiPlan, object_ids_to_observe
from provision.fortios.record.record import Record
from provision.linux.agent.digest import compute_bare_digest
from provision.linux.agent.protocol.answers import Applied, Ban, Bans, Done, Leased, SelfTested
from provision.linux.agent.protocol.observe import Request
from provision.linux.agent.protocol.requests import Apply, Remember, SelfTest
from provision.linux.agent.protocol.state import Observed as HostObserved
from provision.linux.draft import LinuxPlan
from provision.masking import Secrets
from provision.plan import SitePlan, Verb, from_json, to_json
from provision.results import SiteResult, TargetResult, summarize
from provision.sites.selection import Choice, ChosenSites
from provision.sites.site import Selected
from provision.ssh.connection import Access
from provision.ssh.login import Login
from tests.plays import PLAYS
from tests.unit.fortios import fortios_model
from tests.unit.linux import linux_model
from tests.unit.roles.sample_site import sample_site

SITE = sample_site()
BAN_HOST, FW1, FW2 = "ban1", "fw1", "fw2"
ALL = Selected(SITE, True, SITE.fortigates)
ONLY_FW1 = Selected(SITE, False, SITE.fortigates[:1])
ONLY_HOST = Selected(SITE, True, ())
ONE_OF_TWO = Selected(SITE, True, SITE.fortigates[:1])

# What a FortiGate has before anybody configures it, as far as the roles look.
FACTORY: fortios_model.ModelFortiGate = {"vpn ssl settings": ()}


@dataclass
class World:
    """What really stands at the site; ``log`` has what was asked of whom, ``faults`` what happens then."""

    host: linux_model.Host = field(default_factory=linux_model.Host)
    units: dict[str, fortios_model.ModelFortiGate] = field(
        default_factory=lambda: {FW1: dict(FACTORY), FW2: dict(FACTORY)}
    )
    log: list[tuple[str, str]] = field(default_factory=list)
    faults: dict[tuple[str, str], Exception] = field(default_factory=dict)
    # what the self-test finds of posts that could not be read
    unreadable: dict[str, int] = field(default_factory=dict)
    # what each FortiGate holds of the feed, and the bans of the site
    feeds: dict[str, FeedState] = field(default_factory=dict)
    bans: list[Ban] = field(default_factory=list)
    meddle: Callable[[str, str], None] = lambda _host, _what: None

    def asked(self, host: str, what: str) -> None:
        self.log.append((host, what))
        self.meddle(host, what)
        if (host, what) in self.faults:
            raise self.faults[(host, what)]

    def changes(self) -> list[tuple[str, str]]:
        return [entry for entry in self.log if entry[1] not in NO_CHANGES]

    def records(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = (self.host.memory or {}).get("fortigates", {})
        return found

    def everything(self) -> Any:
        return copy.deepcopy((self.host.things(), self.host.memory, self.units))


# a lease is held for the length of a change and leaves nothing
NO_CHANGES = ("observe", "connect", "lease", "release")


class FakeBanHost:
    def __init__(self, world: World, login: Login, _: Access) -> None:
        self._world, self._name, self.execs = world, login.host, 0

    def __enter__(self) -> Self:
        self._world.asked(self._name, "connect")
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def is_open(self) -> bool:
        return (self._name, "is open") not in self._world.faults

    def ask(self, request: Request[Any]) -> Any:
        self.execs += 1
        self._world.asked(self._name, request.do)
        return copy.deepcopy({"observe": self._observe, **self._others()}[request.do](request))

    def _others(self) -> dict[str, Callable[[Any], object]]:
        records = self._world.records()
        return {
            "apply": self._apply,
            "remember": self._remember,
            "self-test": self._run_self_test,
            "bans": lambda _: Bans(self._world.bans, []),
            "lease": lambda asked: Leased(None, None, records.get(asked.fortigate)),
            "release": lambda _: Done(),
        }

    def _observe(self, _: object) -> HostObserved:
        return self._world.host.observed(collect.render_resources(SITE, PLAYS))

    def _apply(self, request: Apply) -> Applied:
        now, memory = self._observe(request), self._world.host.memory
        is_bare = memory is None and compute_bare_digest(now) == request.seen
        if now.digest != request.seen and not is_bare:
            return Applied(True, [], now)
        self._world.host.carry_out(LinuxPlan(steps=request.steps))
        return Applied(False, [], self._observe(request))

    def _remember(self, request: Remember) -> Done:
        if self._world.host.memory is None:
            raise Failed("this ban host was never deployed")
        records = self._world.host.memory.setdefault("fortigates", {})
        records.pop(request.fortigate, None)
        if request.record is not None:
            records[request.fortigate] = request.record
        return Done()

    def _run_self_test(self, request: SelfTest) -> SelfTested:
        fetched = {name: 31.0 for name in request.fetchers if name != FW2}
        return SelfTested(["it was banned"], self._world.unreadable, {FW1: 6.25}, fetched)

    def install_python(self) -> str:
        self.execs += 1
        self._world.asked(self._name, "install python")
        del self._world.faults[(self._name, "observe")]
        return ""


class FakeUnit:
    facts = UNKNOWN
    members = ()

    def __init__(self, world: World, login: Login, _: Access) -> None:
        self._world, self._name, self.exchanges = world, login.host, 0

    def __enter__(self) -> Self:
        self._world.asked(self._name, "connect")
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def observe(self, wanted: Desired, record: Record) -> Observed:
        self.exchanges += 1
        self._world.asked(self._name, "observe")
        unit = self._world.units[self._name]
        return fortios_model.observe(unit, object_ids_to_observe(wanted, record), self._name)

    def look(self, wanted: Iterable[str]) -> Observed:
        self.exchanges += 1
        return fortios_model.observe(self._world.units[self._name], wanted, self._name)

    def read_feed(self, feed_id: ObjectId) -> FeedState:
        self.exchanges += 1
        return self._world.feeds.get(self._name, FeedState(words="Unknown action 0"))

    def apply(self, plan: FortiPlan, approved: Iterable[tuple[str, str]]) -> None:
        assert tuple(approved) == tuple((each.id, each.shown) for each in plan.blocks)
        self.exchanges += 1
        self._world.asked(self._name, "apply")
        unit = self._world.units[self._name]
        self._world.units[self._name] = fortios_model.apply_blocks(unit, plan.blocks)


class Listening:
    """Hears what a run tells; ``heard`` has the state that each target was last left in."""

    def __init__(self) -> None:
        self.heard: dict[str, str] = {}

    def report_activity(self, site: str, host: str, activity: str) -> None:
        self.heard[host] = activity

    def report_result(self, site: str, result: TargetResult) -> None:
        self.heard[result.host] = result.state

    def print_line(self, text: str) -> None:
        pass


def job(verb: Verb, selected: Selected = ALL, **options: Any) -> Job:
    """What a run is to do at the site."""
    chosen = ChosenSites(Choice(("/nonexistent",)), PLAYS, [selected])
    return Job(verb, PLAYS, chosen, Path("/nonexistent/known_hosts"), **options)


def plan(work: Job) -> SitePlan:
    """Look; as what is shown and approved comes back from a file or another process."""
    return from_json(to_json(plan_site(SITE.name, work)))


def apply(work: Job, approved: SitePlan) -> SiteResult:
    """Carry out what was approved."""
    return apply_site(SITE.name, work, approved)


def go(verb: Verb, selected: Selected = ALL, **options: Any) -> SiteResult:
    """The whole of a run at the site."""
    secrets = options.pop("secrets", None) or Secrets()
    listener = options.pop("listener", None) or Listening()
    work = job(verb, selected, **options)
    process = Process(listener, secrets)
    planned = plan_site(SITE.name, work, process)
    if verb not in ("apply", "teardown"):
        return summarize(planned)
    return apply_site(SITE.name, work, planned, process)


def states(result: SiteResult) -> dict[str, str]:
    return {target.host: target.state for target in result.targets}


def error(result: SiteResult, host: str) -> str:
    return next(target.error for target in result.targets if target.host == host)


def notes(result: SiteResult, host: str) -> tuple[str, ...]:
    return next(target.notes for target in result.targets if target.host == host)
