"""One site from end to end, with a modelled ban host and modelled FortiGates: who is touched, and when."""

from __future__ import annotations

import pytest

from provision.desired.host_paths import AUTHORITY
from provision.errors import Failed, UnknownKey, Unreachable
from provision.linux.session.session import NoPython
from provision.masking import MASK, Secrets
from tests.unit.engine.site_model import (
    BAN_HOST,
    FW1,
    FW2,
    ONE_OF_TWO,
    ONLY_FW1,
    Listening,
    World,
    apply,
    error,
    go,
    job,
    plan,
    states,
)
from tests.unit.roles.sample_ca import CA, limited


def test_plan_shows_what_apply_then_does_and_changes_nothing(world: World) -> None:
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


def test_one_apply_gives_the_site_a_new_ca(world: World) -> None:
    go("apply")
    world.host.certificates[AUTHORITY]["permits"] = []
    planned = go("plan")
    assert {change.id for target in planned.targets for change in target.changes} == {
        f"authority:{AUTHORITY}",
        "vpn certificate ca:banstitch_ca",
    }

    applied = go("apply")

    assert states(applied) == {BAN_HOST: "changed", FW1: "changed", FW2: "changed"}
    assert states(go("plan")) == {BAN_HOST: "ok", FW1: "ok", FW2: "ok"}


def test_a_fortigate_alone_goes_on_with_the_ca_that_it_has(world: World) -> None:
    go("apply")
    world.host.certificates[AUTHORITY]["permits"] = []
    assert states(go("apply", ONLY_FW1)) == {FW1: "ok"}


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


def test_unknown_host_keys_of_a_whole_site_are_printed_at_once(world: World) -> None:
    world.faults[(BAN_HOST, "connect")] = UnknownKey("unknown key A")
    world.faults[(FW1, "connect")] = UnknownKey("unknown key B")

    result = go("plan")

    assert states(result) == {BAN_HOST: "unreachable", FW1: "unreachable", FW2: "skipped"}
    assert error(result, FW1) == "unknown key B"
    assert world.log == [(name, "connect") for name in (BAN_HOST, FW1, FW2)]


def test_the_listener_gets_the_result_of_each_target_also_of_one_that_failed(world: World) -> None:
    world.faults[(BAN_HOST, "observe")] = Failed("no space left")
    listener = Listening()
    result = go("plan", listener=listener)
    assert listener.heard == states(result) == {BAN_HOST: "failed", FW1: "skipped", FW2: "skipped"}


def test_one_unreachable_fortigate_does_not_stop_the_others(world: World) -> None:
    world.faults[(FW1, "connect")] = Unreachable("no route")
    assert states(go("apply")) == {BAN_HOST: "changed", FW1: "unreachable", FW2: "changed"}


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


def list_asked(world: World) -> list[str]:
    """Apply to the ban host and one FortiGate, and return what was asked of the ban host meanwhile."""
    work = job("apply", ONE_OF_TWO)
    approved = plan(work)
    world.log.clear()
    apply(work, approved)
    return [what for host, what in world.log if host == BAN_HOST]


def test_a_run_logs_in_to_its_ban_host_once(world: World) -> None:
    assert list_asked(world) == ["connect", "apply", "lease", "remember", "remember", "release"]


def test_a_connection_that_was_lost_is_replaced(world: World) -> None:
    world.faults[(BAN_HOST, "is open")] = Unreachable("the connection was lost")
    asked = ("apply", "lease", "remember", "remember", "release")
    assert list_asked(world) == [each for what in asked for each in ("connect", what)]


def test_after_an_error_the_next_request_has_a_login_of_its_own(world: World) -> None:
    world.faults[(BAN_HOST, "remember")] = Failed("the connection broke during the run")
    asked = ["connect", "apply", "lease", "remember", "connect", "release"]
    assert list_asked(world) == asked


def test_a_host_without_python_gets_it_first(world: World) -> None:
    world.faults[(BAN_HOST, "observe")] = NoPython("no python3", sshd_jail_without_log=False)

    result = go("apply")

    assert states(result) == {BAN_HOST: "changed", FW1: "changed", FW2: "changed"}
    assert result.targets[0].changes[0].id == "package:python3"
    assert world.changes()[0] == (BAN_HOST, "install python")


def test_plan_of_a_host_without_python_installs_nothing(world: World) -> None:
    world.faults[(BAN_HOST, "observe")] = NoPython("no python3", sshd_jail_without_log=False)
    assert states(go("plan"))[BAN_HOST] == "differs"
    assert world.changes() == []


def test_the_tokens_of_a_host_are_secrets_of_the_run(world: World) -> None:
    go("apply")
    world.host.tokens = dict.fromkeys(world.host.tokens or {}, "t0ken-of-the-host")
    secrets = Secrets()
    go("plan", secrets=secrets)
    assert secrets.mask("t0ken-of-the-host") == MASK


def test_verify_sends_an_event_only_through_a_loop_that_is_as_it_should_be(world: World) -> None:
    told = go("verify").targets[0].notes
    assert "no event was sent through the loop; run apply first" in told
    assert (BAN_HOST, "self-test") not in world.log
    go("apply")

    result = go("verify")

    assert states(result) == {BAN_HOST: "ok", FW1: "ok", FW2: "ok"}
    assert "it was banned" in result.targets[0].notes


def test_verify_does_not_call_a_site_well_whose_posts_cannot_be_read(world: World) -> None:
    go("apply")
    world.unreadable = {FW2: 3, "no-unit-of-this-site": 1}
    result = go("verify")
    assert states(result) == {BAN_HOST: "differs", FW1: "ok", FW2: "ok"}
    told = [note for note in result.targets[0].notes if "could not be read" in note]
    assert told == [
        f"{FW2}: 3 posts of the last 24 hours could not be read:"
        f" see /var/log/banstitch/rejected.log on {BAN_HOST}"
    ]


@pytest.mark.parametrize("where", [(BAN_HOST, "observe"), (FW1, "observe")])
def test_an_error_of_the_toolkit_is_reported_as_a_failure_of_that_target(
    world: World, where: tuple[str, str]
) -> None:
    """One target with data nobody foresaw must not hide what came of the others, nor be quoted."""
    world.faults[where] = KeyError("t0ken")

    result = go("plan")

    assert states(result)[where[0]] == "failed"
    assert "error in Banstitch: KeyError" in error(result, where[0])
    assert "t0ken" not in error(result, where[0])
    assert len(result.targets) == 3


def test_a_damaged_record_fails_its_fortigate_and_no_other_target(world: World) -> None:
    go("apply")
    assert world.host.memory is not None
    world.host.memory["fortigates"][FW1] = {"nonsense": 1}

    result = go("plan")

    assert states(result) == {BAN_HOST: "ok", FW1: "failed", FW2: "ok"}
    assert "record of this FortiGate" in error(result, FW1)
    assert "nonsense" not in error(result, FW1)


@pytest.mark.parametrize(
    "pem",
    [
        CA,
        "no certificate",
        limited(("other.example.net", "192.0.2.10")),
        limited(("192.0.2.0/24",)),
        limited(("192.0.2.10",)) * 2,
    ],
)
def test_a_ca_that_is_not_limited_to_the_receiver_reaches_no_fortigate(
    world: World, pem: str
) -> None:
    """A ban host that was taken over would pass for any server that the FortiGates talk to."""
    go("apply")
    world.log.clear()
    for found in world.host.certificates.values():
        found["pem"] = pem
    for verb in ("plan", "verify", "apply"):
        result = go(verb)
        for fortigate in (FW1, FW2):
            assert states(result)[fortigate] == "failed"
            assert f"the CA of its ban host {BAN_HOST} is refused" in error(result, fortigate)
    assert not any(what == "apply" for _, what in world.log)
