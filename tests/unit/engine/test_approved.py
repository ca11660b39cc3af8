"""The plan that was shown is the plan that is carried out; what differs by then is shown and not sent."""

from __future__ import annotations

from dataclasses import replace

from provision.errors import Unreachable
from provision.fortios.config.text import Statement, Word
from provision.results import Exit, build_document, exit_code
from tests.unit.engine.approved_plans import check_refused, list_sent
from tests.unit.engine.site_model import (
    BAN_HOST,
    FW1,
    FW2,
    World,
    apply,
    go,
    job,
    plan,
    states,
)
from tests.unit.roles.sample_ca import limited


def add_neighbour(world: World, name: str = "theirs") -> None:
    """Another administrator denies one more list."""
    body = world.units[FW1]["vpn ssl settings"]
    lists = [x for x in body if getattr(x, "name", "") == "source-address"]
    words = tuple(word for each in lists for word in each.words[1:])  # type: ignore[union-attr]
    others = tuple(x for x in body if x not in lists)
    both = (Word("source-address"), *words, Word(f'"{name}"'))
    world.units[FW1]["vpn ssl settings"] = (
        *others,
        Statement("set", both),
        Statement("set", (Word("source-address-negate"), Word("enable"))),
    )


def test_the_same_object_with_other_lines_is_not_sent(world: World) -> None:
    """Between question and push the ids and the actions of the changes stay what they were."""
    work = job("apply")
    add_neighbour(world)
    approved = plan(work)
    add_neighbour(world, "one_more")

    result = apply(work, approved)

    found = check_refused(result, FW1)
    assert [(c.id, c.action) for c in found.new_plan or ()] == [
        (c.id, c.action) for c in approved.targets[1].changes
    ]
    assert '"one_more"' in found.difference
    assert (FW1, "apply") not in world.log
    assert states(result)[FW2] == "changed"


def test_a_record_that_changes_between_question_and_push_changes_nothing_unseen(
    world: World,
) -> None:
    go("apply")
    work = job("teardown")
    approved = plan(work)
    assert world.host.memory is not None
    record = world.host.memory["fortigates"][FW1]
    settings = next(pair for pair in record["objects"] if pair[0] == "vpn ssl settings")
    settings[1] = 'config vpn ssl settings\nset source-address "all"\nend\n'
    world.log.clear()

    result = apply(work, approved)

    assert '"all"' in check_refused(result, FW1).difference
    assert (FW1, "apply") not in world.log
    assert (BAN_HOST, "apply") not in world.log
    assert states(result)[BAN_HOST] == "skipped"


def test_a_fortigate_that_was_unreachable_is_not_changed_once_it_is_back(world: World) -> None:
    world.faults[(FW1, "connect")] = Unreachable("no route")
    work = job("apply")
    approved = plan(work)
    world.faults.clear()

    result = apply(work, approved)

    assert states(result) == {BAN_HOST: "changed", FW1: "unreachable", FW2: "changed"}
    assert (FW1, "apply") not in world.log
    assert exit_code([result]) == Exit.UNREACHABLE


def test_a_fortigate_that_the_plan_does_not_name_is_left_alone(world: World) -> None:
    approved = plan(job("apply"))
    fewer = replace(approved, targets=approved.targets[:2])

    result = apply(job("apply"), fewer)

    assert states(result) == {BAN_HOST: "changed", FW1: "changed", FW2: "skipped"}
    assert (FW2, "apply") not in world.log


def test_a_site_that_had_nothing_to_change_is_not_touched_when_it_has(world: World) -> None:
    go("apply")
    work = job("apply")
    approved = plan(work)
    world.units[FW1] = {"vpn ssl settings": ()}
    world.host.packages.clear()
    before = world.everything()
    world.log.clear()

    result = apply(work, approved)

    assert states(result) == {BAN_HOST: "ok", FW1: "ok", FW2: "ok"}
    assert world.log == []
    assert world.everything() == before


def test_what_somebody_else_has_done_meanwhile_is_not_done_twice(world: World) -> None:
    work = job("apply")
    approved = plan(work)
    go("apply")
    world.log.clear()

    result = apply(work, approved)

    assert check_refused(result, BAN_HOST).new_plan == ()
    assert states(result) == {BAN_HOST: "failed", FW1: "skipped", FW2: "skipped"}
    assert list_sent(world) == [(BAN_HOST, "apply")]  # asked, and answered that it moved


def test_only_a_ca_that_did_not_exist_is_filled_in(world: World) -> None:
    """Once there is one, another that a ban host shows is a change of the plan."""
    go("apply")
    world.units[FW1] = {"vpn ssl settings": ()}
    work = job("apply")
    approved = plan(work)
    assert any("BEGIN CERTIFICATE" in step for step in approved.targets[1].steps)
    for found in world.host.certificates.values():
        found["pem"] = limited(tuple(found["permits"]), serial=9)
    world.log.clear()

    result = apply(work, approved)

    check_refused(result, FW1)
    assert (FW1, "apply") not in world.log


def test_only_what_was_to_be_forgotten_when_the_plan_was_shown_is_forgotten(world: World) -> None:
    go("apply")
    assert world.host.memory is not None
    records = world.host.memory["fortigates"]
    records["gone1"] = records[FW1]
    work = job("apply", forget=("gone1", "gone2"))
    approved = plan(work)
    assert approved.targets[0].forgets == ("gone1",)
    records["gone2"] = records[FW1]

    result = apply(work, approved)

    assert exit_code([result]) == Exit.OK
    assert set(world.records()) == {FW1, FW2, "gone2"}


def test_the_json_of_a_refused_apply_has_the_new_plan(world: World) -> None:
    add_neighbour(world)
    work = job("apply")
    approved = plan(work)
    add_neighbour(world, "one_more")

    result = apply(work, approved)

    (site,) = build_document("apply", exit_code([result]), [result])["sites"]
    found = next(each for each in site["targets"] if each["host"] == FW1)
    assert (found["state"], found["changes"]) == ("failed", [])
    assert {each["id"] for each in found["new_plan"]} >= {"vpn ssl settings"}
    assert '+        set source-address "theirs" "one_more"' in found["difference"]
    others = [each for each in site["targets"] if each["host"] != FW1]
    assert [each["new_plan"] for each in others] == [None, None]
