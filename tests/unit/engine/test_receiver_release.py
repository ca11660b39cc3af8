"""Check what a FortiGate gets while the receiver is of another release."""

from __future__ import annotations

import pytest

from provision.engine import requests
from provision.engine.run import Process
from provision.plan import Verb
from tests.unit.engine.site_model import (
    ALL,
    BAN_HOST,
    FW1,
    FW2,
    ONLY_FW1,
    Listening,
    World,
    error,
    go,
    job,
    states,
)
from tests.unit.linux.linux_model import file_state

RECEIVER_CONFIG = "/opt/banstitch/receiver/config.py"


@pytest.mark.parametrize("verb", ["plan", "apply"])
def test_a_fortigate_is_not_pointed_to_a_receiver_that_does_not_serve_it_yet(
    world: World, verb: Verb
) -> None:
    """As after an upgrade of Banstitch, or where the port was changed in the inventory."""
    go("apply")
    world.host.paths[RECEIVER_CONFIG] = file_state("{}\n")
    world.units[FW1] = {}

    result = go(verb, ONLY_FW1)

    assert states(result) == {FW1: "failed"}
    assert "--limit" in error(result, FW1)
    assert world.units[FW1] == {}
    assert states(go("apply")) == {BAN_HOST: "changed", FW1: "changed", FW2: "ok"}


def test_no_secret_is_renewed_while_the_receiver_is_that_of_another_release(world: World) -> None:
    go("apply")
    before = world.host.things()
    world.host.paths[RECEIVER_CONFIG] = file_state("{}\n")

    result = requests.rotate(job("apply").begin(Process(Listening())), ALL)

    assert states(result) == {BAN_HOST: "failed"}
    assert "was changed\nrun apply first" in error(result, BAN_HOST)
    assert world.host.tokens == before["tokens"]


def test_a_fortigate_is_torn_down_whatever_the_receiver_is(world: World) -> None:
    go("apply")
    world.host.paths[RECEIVER_CONFIG] = file_state("{}\n")
    assert states(go("teardown", ONLY_FW1)) == {FW1: "changed"}
