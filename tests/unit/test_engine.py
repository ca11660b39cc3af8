"""One site from end to end, with a modelled ban host and modelled FortiGates: who is touched, and when."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import pytest

from provision import desired, engine
from provision.engine import Run, SiteRun
from provision.errors import Failed, UnknownKey, Unreachable
from provision.fortios.desired import Desired
from provision.fortios.planner import FortiPlan, Observed, ids
from provision.fortios.record import Record
from provision.fortios.target import PutBack
from provision.fortios.text import Config, parse
from provision.linux.draft import LinuxPlan
from provision.linux.target import NoPython
from provision.login import Login
from provision.progress import Verb
from provision.results import SiteResult, TargetResult
from provision.roles import UNKNOWN
from provision.secrets import MASK, Secrets
from provision.sites import Play, Selected
from provision.ssh import HostKeyPolicy
from tests.unit import fortios_model, linux_model
from tests.unit.sample_site import sample_site

PLAYS = (
    Play("ban_hosts", ("detection", "receiver")),
    Play("fortigates", ("webhook", "feed", "enforcement")),
)
SITE = sample_site()
BAN_HOST, FW1, FW2 = "ban1", "fw1", "fw2"
ALL = Selected(SITE, True, SITE.fortigates)
ONLY_FW1 = Selected(SITE, False, SITE.fortigates[:1])
ONLY_HOST = Selected(SITE, True, ())
ONE_OF_TWO = Selected(SITE, True, SITE.fortigates[:1])

# What a FortiGate has before anybody configures it, as far as the roles look.
FACTORY: fortios_model.Unit = {"vpn ssl settings": ()}


@dataclass
class World:
    """What really stands at the site; ``log`` has what was asked of whom, ``faults`` what happens then."""

    host: linux_model.Host = field(default_factory=linux_model.Host)
    units: dict[str, fortios_model.Unit] = field(
        default_factory=lambda: {FW1: dict(FACTORY), FW2: dict(FACTORY)}
    )
    log: list[tuple[str, str]] = field(default_factory=list)
    faults: dict[tuple[str, str], Exception] = field(default_factory=dict)
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
    def __init__(self, world: World, login: Login, _: HostKeyPolicy) -> None:
        self._world, self._name, self.execs = world, login.host, 0

    def __enter__(self) -> Self:
        self._world.asked(self._name, "connect")
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        self.execs += 1
        self._world.asked(self._name, request["do"])
        return copy.deepcopy({"observe": self._observe, **self._others()}[request["do"]](request))

    def _others(self) -> dict[str, Callable[[Mapping[str, Any]], dict[str, Any]]]:
        free = {"held": None, "broken": None}
        return {
            "apply": self._apply,
            "remember": self._remember,
            "drill": self._drill,
            "lease": lambda asked: {
                **free,
                "record": self._world.records().get(asked["fortigate"]),
            },
            "release": lambda _: {},
        }

    def _observe(self, _: Mapping[str, Any]) -> dict[str, Any]:
        return self._world.host.observed(desired.linux(SITE, PLAYS))

    def _apply(self, request: Mapping[str, Any]) -> dict[str, Any]:
        self._world.host.carry_out(LinuxPlan(steps=tuple(request["steps"])))
        return {"observed": self._observe(request)}

    def _remember(self, request: Mapping[str, Any]) -> dict[str, Any]:
        if self._world.host.memory is None:
            raise Failed("this ban host was never deployed")
        records = self._world.host.memory.setdefault("fortigates", {})
        records.pop(request["fortigate"], None)
        if request["record"] is not None:
            records[request["fortigate"]] = request["record"]
        return {}

    def _drill(self, _: Mapping[str, Any]) -> dict[str, Any]:
        return {"steps": ["it was banned"]}

    def install_python(self) -> None:
        self.execs += 1
        self._world.asked(self._name, "install python")
        del self._world.faults[(self._name, "observe")]


class FakeUnit:
    facts = UNKNOWN

    def __init__(self, world: World, login: Login, _: HostKeyPolicy) -> None:
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
        return fortios_model.look(unit, ids(wanted, record), self._name)

    def look(self, wanted: Iterable[str]) -> Observed:
        self.exchanges += 1
        return fortios_model.look(self._world.units[self._name], wanted, self._name)

    def apply(self, plan: FortiPlan) -> None:
        self.exchanges += 1
        self._world.asked(self._name, "apply")
        unit = self._world.units[self._name]
        self._world.units[self._name] = fortios_model.after(unit, plan.blocks)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    found = World()
    monkeypatch.setattr(engine, "BanHost", lambda *args: FakeBanHost(found, *args))
    monkeypatch.setattr(engine, "Unit", lambda *args: FakeUnit(found, *args))
    return found


class Silent:
    def doing(self, site: str, host: str, what: str) -> None:
        pass

    def done(self, site: str, result: TargetResult) -> None:
        pass


def start(verb: Verb, selected: Selected = ALL, **options: Any) -> SiteRun:
    policy = HostKeyPolicy(Path("/nonexistent/known_hosts"), accept_new=False)
    secrets = options.pop("secrets", None) or Secrets()
    return SiteRun(Run(verb, PLAYS, policy, secrets, Silent(), **options), selected)


def go(verb: Verb, selected: Selected = ALL, **options: Any) -> SiteResult:
    """The whole of a run at the site."""
    run = start(verb, selected, **options)
    planned = run.plan()
    return run.carry_out() if verb in ("apply", "teardown") else planned


def states(result: SiteResult) -> dict[str, str]:
    return {target.host: target.state for target in result.targets}


def error(result: SiteResult, host: str) -> str:
    return next(target.error for target in result.targets if target.host == host)


def test_plan_tells_what_apply_then_does_and_changes_nothing(world: World) -> None:
    before = world.everything()
    planned = go("plan")
    assert world.everything() == before
    assert states(planned) == {BAN_HOST: "differs", FW1: "differs", FW2: "differs"}

    applied = go("apply")

    assert states(applied) == {BAN_HOST: "changed", FW1: "changed", FW2: "changed"}
    shown = [[(c.id, c.action) for c in t.changes] for t in planned.targets]
    assert [[(c.id, c.action) for c in t.changes] for t in applied.targets] == shown


def test_a_second_apply_changes_nothing_and_costs_one_exec(world: World) -> None:
    go("apply")
    before = world.everything()
    world.log.clear()

    again = go("apply")

    assert states(again) == {BAN_HOST: "ok", FW1: "ok", FW2: "ok"}
    assert world.everything() == before
    assert world.changes() == []
    assert [target.execs for target in again.targets] == [1, 0, 0]


def test_linux_comes_first_and_teardown_goes_the_other_way_round(world: World) -> None:
    go("apply")
    first = [host for host, what in world.log if what == "apply"]
    world.log.clear()
    go("teardown")
    last = [host for host, what in world.log if what == "apply"]

    assert first == [BAN_HOST, FW1, FW2]
    assert last[-1] == BAN_HOST
    assert set(last[:-1]) == {FW1, FW2}


def test_teardown_leaves_nothing_and_a_second_one_has_nothing_to_do(world: World) -> None:
    before = world.everything()
    go("apply")
    go("teardown", purge_data=True)
    assert world.everything() == before
    assert states(go("teardown")) == {BAN_HOST: "ok", FW1: "ok", FW2: "ok"}


def test_fortigates_are_left_alone_when_the_host_failed(world: World) -> None:
    world.faults[(BAN_HOST, "apply")] = Failed("no space left")

    result = go("apply")

    assert states(result) == {BAN_HOST: "failed", FW1: "skipped", FW2: "skipped"}
    assert "left alone" in error(result, FW1)
    assert world.changes() == [(BAN_HOST, "apply")]


def test_fortigates_are_not_even_contacted_when_the_host_is_unreachable(world: World) -> None:
    world.faults[(BAN_HOST, "connect")] = Unreachable("no route")

    result = go("apply")

    assert states(result) == {BAN_HOST: "unreachable", FW1: "skipped", FW2: "skipped"}
    assert world.log == [(BAN_HOST, "connect")]


def test_unknown_host_keys_of_a_whole_site_are_told_at_once(world: World) -> None:
    world.faults[(BAN_HOST, "connect")] = UnknownKey("unknown key A")
    world.faults[(FW1, "connect")] = UnknownKey("unknown key B")

    result = go("plan")

    assert states(result) == {BAN_HOST: "unreachable", FW1: "unreachable", FW2: "skipped"}
    assert error(result, FW1) == "unknown key B"
    assert world.log == [(name, "connect") for name in (BAN_HOST, FW1, FW2)]


def test_one_unreachable_fortigate_does_not_stop_the_others(world: World) -> None:
    world.faults[(FW1, "connect")] = Unreachable("no route")
    assert states(go("apply")) == {BAN_HOST: "changed", FW1: "unreachable", FW2: "changed"}


def test_what_was_found_is_on_the_host_before_the_first_line_is_sent(world: World) -> None:
    go("apply", ONLY_HOST)
    kept: dict[str, Any] = {}

    def look(host: str, what: str) -> None:
        if (host, what) == (FW1, "apply"):
            kept.update(copy.deepcopy(world.records()))

    world.meddle = look
    go("apply")

    assert [identity for identity, _ in kept[FW1]["objects"]]


@pytest.mark.parametrize("what", [PutBack("refused", ""), Unreachable("gone")])
def test_a_push_that_changed_nothing_leaves_the_record_as_it_was(
    world: World, what: Exception
) -> None:
    world.faults[(FW1, "apply")] = what
    go("apply")
    assert FW1 not in world.records()
    assert FW2 in world.records()


def test_a_push_that_could_not_be_put_back_is_remembered(world: World) -> None:
    world.faults[(FW1, "apply")] = Failed("refused", "it could not be put back")

    result = go("apply")

    assert states(result)[FW1] == "failed"
    assert FW1 in world.records()


def test_a_unit_that_changed_since_the_plan_is_not_touched(world: World) -> None:
    go("apply")
    stitch = next(each for each in world.units[FW1] if "automation-stitch" in each)
    del world.units[FW1][stitch]
    run = start("apply")
    run.plan()
    feed = next(each for each in world.units[FW1] if "external-resource" in each)
    del world.units[FW1][feed]
    world.log.clear()

    result = run.carry_out()

    assert states(result)[FW1] == "failed"
    assert "changed since the plan" in error(result, FW1)
    assert (FW1, "apply") not in world.log


def test_a_change_that_does_not_hold_is_a_failure(world: World) -> None:
    def stop_again(host: str, what: str) -> None:
        if (host, what) == (FW1, "observe") and (FW1, "apply") in world.log:
            world.units[FW1] = {}

    world.meddle = stop_again
    result = go("apply")

    assert states(result)[FW1] == "failed"
    assert "do not hold" in error(result, FW1)


def test_limited_to_a_fortigate_the_host_is_read_but_left_alone(world: World) -> None:
    go("apply")
    world.host.packages.clear()
    world.units[FW1] = {}
    before = world.host.things()
    world.log.clear()

    result = go("apply", ONLY_FW1)

    assert states(result) == {FW1: "changed"}
    assert world.host.things() == before
    assert (BAN_HOST, "observe") in world.log
    assert (BAN_HOST, "apply") not in world.log


def test_limited_to_a_fortigate_of_a_host_never_deployed_nothing_is_sent(world: World) -> None:
    result = go("apply", ONLY_FW1)

    assert states(result)[FW1] == "failed"
    assert "not deployed and outside the limit" in error(result, FW1)
    assert (FW1, "apply") not in world.log


def test_the_host_is_not_torn_down_under_a_fortigate_out_of_the_limit(world: World) -> None:
    go("apply")
    before = world.host.things()

    result = go("teardown", ONE_OF_TWO)

    assert states(result)[BAN_HOST] == "failed"
    assert FW2 in error(result, BAN_HOST)
    assert "--limit" in error(result, BAN_HOST)
    assert world.host.things() == before


def test_the_host_is_left_alone_when_a_fortigate_could_not_be_torn_down(world: World) -> None:
    go("apply")
    world.faults[(FW1, "apply")] = Failed("refused")
    before = world.host.things()

    result = go("teardown")

    assert states(result) == {BAN_HOST: "skipped", FW1: "failed", FW2: "changed"}
    assert world.host.things() == before
    assert FW1 in world.records()


def test_a_fortigate_that_was_never_deployed_is_not_contacted_by_teardown(world: World) -> None:
    go("apply", ONE_OF_TWO)
    world.log.clear()
    go("teardown")
    assert (FW2, "connect") not in world.log


def test_a_host_without_python_gets_it_first(world: World) -> None:
    world.faults[(BAN_HOST, "observe")] = NoPython("no python3")

    result = go("apply")

    assert states(result) == {BAN_HOST: "changed", FW1: "changed", FW2: "changed"}
    assert result.targets[0].changes[0].id == "package:python3"
    assert world.changes()[0] == (BAN_HOST, "install python")


def test_plan_of_a_host_without_python_installs_nothing(world: World) -> None:
    world.faults[(BAN_HOST, "observe")] = NoPython("no python3")
    assert states(go("plan"))[BAN_HOST] == "differs"
    assert world.changes() == []


def test_the_tokens_of_a_host_are_secrets_of_the_run(world: World) -> None:
    go("apply")
    world.host.tokens = dict.fromkeys(world.host.tokens or {}, "t0ken-of-the-host")
    secrets = Secrets()
    go("plan", secrets=secrets)
    assert secrets.mask("t0ken-of-the-host") == MASK


def test_verify_sends_an_event_only_through_a_loop_that_is_as_it_should_be(world: World) -> None:
    run = start("verify")
    run.plan()
    assert "no event was sent through the loop: apply first" in run.drill().targets[0].notes
    assert (BAN_HOST, "drill") not in world.log
    go("apply")

    run = start("verify")
    run.plan()
    result = run.drill()

    assert states(result) == {BAN_HOST: "ok", FW1: "ok", FW2: "ok"}
    assert "it was banned" in result.targets[0].notes


@pytest.mark.parametrize("where", [(BAN_HOST, "observe"), (FW1, "observe")])
def test_a_fault_of_the_toolkit_is_told_as_a_failure_of_that_target(
    world: World, where: tuple[str, str]
) -> None:
    """One target with data nobody foresaw must not hide what came of the others."""
    world.faults[where] = KeyError("unforeseen")

    result = go("plan")

    assert states(result)[where[0]] == "failed"
    assert "unforeseen" in error(result, where[0])
    assert len(result.targets) == 3


def test_a_damaged_record_on_the_host_is_told_as_such(world: World) -> None:
    go("apply")
    assert world.host.memory is not None
    world.host.memory["fortigates"][FW1] = {"nonsense": 1}

    result = go("plan")

    assert states(result)[BAN_HOST] == "failed"
    assert "not the record of a FortiGate" in error(result, BAN_HOST)


def test_a_teardown_leaves_what_something_foreign_uses_and_the_ban_host_with_it(
    world: World,
) -> None:
    go("apply")
    ours = "system automation-action:banstitch_webhook"
    theirs = "system automation-stitch:theirs"
    (config,) = parse('config x\nset trigger "t"\nset action "banstitch_webhook"\nend\n')
    assert isinstance(config, Config)
    world.units[FW1][theirs] = config.body
    for _ in range(2):
        done = go("teardown")
        assert states(done) == {BAN_HOST: "skipped", FW1: "failed", FW2: states(done)[FW2]}
        assert f"{ours} stays: {theirs} refers to it" in error(done, FW1)
        assert [each for each in world.units[FW1] if "banstitch" in each] == [ours]
    del world.units[FW1][theirs]
    assert states(go("teardown"))[FW1] == "changed"
    assert not [each for each in world.units[FW1] if "banstitch" in each]
    assert world.host.memory is None
