"""Check that a ban host which changed after the plan is not changed further."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.unit.engine.approved_plans import FILTER, check_refused, find_target
from tests.unit.engine.site_model import (
    ALL,
    BAN_HOST,
    FACTORY,
    FW1,
    FW2,
    ONLY_FW1,
    World,
    apply,
    error,
    go,
    job,
    plan,
    states,
)
from tests.unit.linux.linux_model import Host, file_state


@pytest.mark.parametrize(
    "meddle",
    [
        lambda host: host.paths.update({FILTER: file_state("theirs")}),
        lambda host: host.packages.add("fail2ban"),
        lambda host: host.users.add("banstitch"),
    ],
)
def test_a_ban_host_that_changed_is_not_changed_further(
    world: World, meddle: Callable[[Any], object]
) -> None:
    work = job("apply", adopt=True)
    approved = plan(work)
    meddle(world.host)
    before = world.everything()

    result = apply(work, approved)

    check_refused(result, BAN_HOST)
    assert states(result) == {BAN_HOST: "failed", FW1: "skipped", FW2: "skipped"}
    assert world.everything() == before


def test_a_ban_host_that_moved_in_a_way_that_changes_no_plan_is_changed_in_one_more_exec(
    world: World,
) -> None:
    work = job("apply")
    quiet = apply(work, plan(work))
    world.host, world.units = Host(), {FW1: dict(FACTORY), FW2: dict(FACTORY)}
    approved = plan(work)
    world.host.facts["something"] = "else"

    result = apply(work, approved)

    assert states(result) == {BAN_HOST: "changed", FW1: "changed", FW2: "changed"}
    assert find_target(result, BAN_HOST).execs == find_target(quiet, BAN_HOST).execs + 1


def test_a_ban_host_that_never_stands_still_is_not_changed(world: World) -> None:
    work = job("apply")
    approved = plan(work)
    count = 0

    def move(host: str, what: str) -> None:
        nonlocal count
        if (host, what) == (BAN_HOST, "apply"):
            count += 1
            world.host.facts["count"] = count

    world.meddle = move
    result = apply(work, approved)

    assert "keeps changing" in error(result, BAN_HOST)
    assert count == 2
    assert world.host.memory is None


def test_bans_that_come_and_go_hold_up_nothing(world: World) -> None:
    go("apply")
    world.host.packages.clear()
    work = job("apply")
    approved = plan(work)
    world.host.bans["banstitch-ssl_login_failed"] = 7

    result = apply(work, approved)

    assert states(result)[BAN_HOST] == "changed"
    assert find_target(result, BAN_HOST).execs == 2


def test_looking_and_changing_cost_one_exec_each(world: World) -> None:
    """Where only FortiGates change, the ban host is asked once more for what they need."""
    work = job("apply", selected_host())
    assert find_target(apply(work, plan(work)), BAN_HOST).execs == 2
    go("apply")
    world.units[FW1] = {"vpn ssl settings": ()}
    work = job("apply", ONLY_FW1)
    approved = plan(work)
    world.log.clear()
    apply(work, approved)
    asked = [what for host, what in world.log if host == BAN_HOST and what != "connect"]
    assert asked == ["observe", "lease", "remember", "remember", "release"]


def selected_host() -> Any:
    return replace(ALL, fortigates=())


def test_a_teardown_of_a_ban_host_that_changed_leaves_the_whole_site(world: World) -> None:
    go("apply")
    work = job("teardown")
    approved = plan(work)
    world.host.paths[FILTER] = file_state("edited meanwhile")
    before = world.everything()

    result = apply(work, approved)

    check_refused(result, BAN_HOST)
    assert states(result) == {FW1: "skipped", FW2: "skipped", BAN_HOST: "failed"}
    assert world.everything() == before


def test_a_ban_host_is_not_torn_down_under_a_fortigate_that_came_meanwhile(world: World) -> None:
    go("apply")
    work = job("teardown")
    approved = plan(work)
    assert world.host.memory is not None
    world.host.memory["fortigates"]["fw3"] = world.records()[FW1]

    result = apply(work, approved)

    assert "still polled by fw3" in error(result, BAN_HOST)
    assert world.host.memory is not None
