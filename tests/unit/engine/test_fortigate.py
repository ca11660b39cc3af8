"""One FortiGate of a site: what is remembered of it, and when nothing is sent to it."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from provision.errors import Failed, Unreachable
from provision.fortios.config.text import Config, parse
from provision.fortios.session.push import RolledBack
from tests.unit.engine.site_model import (
    BAN_HOST,
    FW1,
    FW2,
    ONE_OF_TWO,
    ONLY_FW1,
    ONLY_HOST,
    World,
    apply,
    error,
    go,
    job,
    notes,
    plan,
    states,
)


def test_what_was_found_is_on_the_host_before_the_first_line_is_sent(world: World) -> None:
    go("apply", ONLY_HOST)
    kept: dict[str, Any] = {}

    def look(host: str, what: str) -> None:
        if (host, what) == (FW1, "apply"):
            kept.update(copy.deepcopy(world.records()))

    world.meddle = look
    go("apply")

    assert [identity for identity, _ in kept[FW1]["objects"]]


@pytest.mark.parametrize("what", [RolledBack("refused", ""), Unreachable("gone")])
def test_a_push_that_changed_nothing_leaves_the_record_as_it_was(
    world: World, what: Exception
) -> None:
    world.faults[(FW1, "apply")] = what
    go("apply")
    assert FW1 not in world.records()
    assert FW2 in world.records()


def test_a_refusal_is_reported_although_the_ban_host_is_gone_by_then(world: World) -> None:
    def lose_ban_host(host: str, what: str) -> None:
        if (host, what) == (FW1, "apply"):
            world.faults[(BAN_HOST, "remember")] = Unreachable("ban1 is gone")

    world.meddle = lose_ban_host
    world.faults[(FW1, "apply")] = RolledBack("the address was refused", "")

    result = go("apply", ONE_OF_TWO)

    assert error(result, FW1) == "the address was refused"
    assert "its record stays as it was for the push: ban1 is gone" in notes(result, FW1)


def test_a_push_that_could_not_be_put_back_is_remembered(world: World) -> None:
    world.faults[(FW1, "apply")] = Failed("refused", "it could not be put back")

    result = go("apply")

    assert states(result)[FW1] == "failed"
    assert FW1 in world.records()


def test_a_fortigate_that_changed_since_the_plan_is_not_touched(world: World) -> None:
    go("apply")
    stitch = next(each for each in world.units[FW1] if "automation-stitch" in each)
    del world.units[FW1][stitch]
    work = job("apply")
    approved = plan(work)
    feed = next(each for each in world.units[FW1] if "external-resource" in each)
    del world.units[FW1][feed]
    world.log.clear()

    result = apply(work, approved)

    assert states(result)[FW1] == "failed"
    assert "changed after its plan was made; nothing was sent" in error(result, FW1)
    assert (FW1, "apply") not in world.log


def test_a_change_that_does_not_hold_is_a_failure(world: World) -> None:
    def stop_again(host: str, what: str) -> None:
        if (host, what) == (FW1, "observe") and (FW1, "apply") in world.log:
            world.units[FW1] = {}

    world.meddle = stop_again
    result = go("apply")

    assert states(result)[FW1] == "failed"
    assert "still differs" in error(result, FW1)


def test_limited_to_a_fortigate_of_a_host_never_deployed_nothing_is_sent(world: World) -> None:
    result = go("apply", ONLY_FW1)

    assert states(result)[FW1] == "failed"
    assert "not deployed and outside the limit" in error(result, FW1)
    assert (FW1, "apply") not in world.log


def test_a_fortigate_that_was_never_deployed_is_not_contacted_by_teardown(world: World) -> None:
    go("apply", ONE_OF_TWO)
    world.log.clear()
    go("teardown")
    assert (FW2, "connect") not in world.log


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
