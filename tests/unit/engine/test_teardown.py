"""Check the order of a teardown, and what stops it."""

from __future__ import annotations

from provision.errors import Failed
from tests.unit.engine.site_model import (
    BAN_HOST,
    FW1,
    FW2,
    ONE_OF_TWO,
    World,
    error,
    go,
    notes,
    states,
)


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


def test_a_host_is_not_torn_down_while_a_fortigate_with_a_damaged_record_polls_it(
    world: World,
) -> None:
    go("apply")
    assert world.host.memory is not None
    world.host.memory["fortigates"]["fw9"] = {"nonsense": 1}
    world.host.bans = {"banstitch-sslvpn_login_failed": 18}

    result = go("teardown")

    assert "still polled by fw9" in error(result, BAN_HOST)
    assert "bans end" not in " ".join(notes(result, BAN_HOST))
    assert world.host.memory is not None
