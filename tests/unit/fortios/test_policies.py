"""Policies are found by name, kept first in their table, made once, and deleted at teardown."""

from __future__ import annotations

import pytest

from provision.errors import Conflict
from provision.fortios.config.desired import Desired
from provision.fortios.planning.planner import (
    object_ids_to_observe,
    plan_rollback,
    teardown,
)
from provision.fortios.record.record import Record, remap_scopes
from tests.unit.fortios.fortios_model import (
    apply,
    apply_blocks,
    apply_statements,
    get_table_id,
    observe,
    observe_and_plan,
    tear_down,
)
from tests.unit.fortios.sample_policies import (
    BOTH,
    FEED,
    LOCAL_IN,
    POLICY,
    are_same,
    list_keys,
    list_sent_lines,
    make_policies,
    parse_body,
    plan_with_users,
    read_desired,
)


def test_a_new_policy_gets_a_free_number_and_the_first_position() -> None:
    made = observe_and_plan(read_desired(*BOTH), make_policies("lan", "any"), Record())
    held = apply_blocks(make_policies("lan", "any"), made.blocks)
    assert list_keys(held) == ["9001", "1", "2"]
    assert "move 9001 before 1" in list_sent_lines(made)


def test_the_number_of_an_operators_policy_is_not_taken() -> None:
    held, _ = apply(read_desired(*BOTH), make_policies("a", "b", first=9001), Record())
    assert list_keys(held) == ["9003", "9001", "9002"]


def test_the_first_policy_of_an_empty_table_is_not_moved() -> None:
    made = observe_and_plan(read_desired(*BOTH), {}, Record())
    assert not [line for line in list_sent_lines(made) if line.startswith("move")]


@pytest.mark.parametrize("texts", [BOTH, (FEED, LOCAL_IN), (FEED, POLICY, LOCAL_IN)])
def test_a_second_run_does_not_make_a_second_policy(texts: tuple[str, ...]) -> None:
    want = read_desired(*texts)
    fortigate = {**make_policies("lan"), **make_policies("x", table="firewall local-in-policy")}
    held, record = apply(want, fortigate, Record())
    again = observe_and_plan(want, held, record)
    assert again.blocks == ()
    assert again.settled == record
    assert are_same(tear_down(held, record), fortigate)


def test_a_policy_placed_above_ours_costs_one_move_and_nothing_else() -> None:
    held, record = apply(read_desired(*BOTH), make_policies("lan"), Record())
    theirs = make_policies("new", first=7)
    made = observe_and_plan(read_desired(*BOTH), {**theirs, **held}, record)
    assert list_sent_lines(made) == ["move 9001 before 7"]
    assert [(each.action, each.reason) for each in made.changes] == [
        ("update", "it is not the first")
    ]
    assert list_keys(apply_blocks({**theirs, **held}, made.blocks)) == ["9001", "7", "1"]


def test_a_renumbered_policy_is_found_by_its_name() -> None:
    held, record = apply(read_desired(*BOTH), {}, Record())
    held["firewall policy:5"] = held.pop("firewall policy:9001")
    made = observe_and_plan(read_desired(*BOTH), held, record)
    assert made.blocks == ()
    assert "firewall policy:5" in made.settled.objects
    assert "firewall policy:9001" not in made.settled.objects
    assert not [each for each in tear_down(held, made.settled) if "policy" in each]


@pytest.mark.parametrize(
    ("texts", "attribute"),
    [
        *((BOTH, name) for name in ("comments", "srcaddr", "dstaddr")),
        *(((FEED, LOCAL_IN), name) for name in ("service", "srcaddr", "dstaddr")),
    ],
)
def test_a_drift_of_a_policy_is_corrected_alone(texts: tuple[str, ...], attribute: str) -> None:
    held, record = apply(read_desired(*texts), make_policies("lan"), Record())
    (ours,) = [each for each in held if each.endswith(":9001")]
    held[ours] = apply_statements(held[ours], parse_body(f'set {attribute} "changed"'))
    made = observe_and_plan(read_desired(*texts), held, record)
    assert [line.split()[1] for line in list_sent_lines(made) if line.startswith("set")] == [
        attribute
    ]
    assert list_keys(apply_blocks(held, made.blocks)) == list_keys(held)


@pytest.mark.parametrize(("texts", "attribute"), [(BOTH, "name"), ((FEED, LOCAL_IN), "comments")])
def test_a_policy_that_the_operator_renamed_is_not_ours_whatever_the_record_says(
    texts: tuple[str, ...], attribute: str
) -> None:
    want = read_desired(*texts)
    held, record = apply(want, {}, Record())
    (ours,) = [each for each in held if each.endswith(":9001")]
    held[ours] = apply_statements(held[ours], parse_body(f'set {attribute} "mine now"'))
    made = observe_and_plan(want, held, record)
    assert any(f"{ours} is left alone" in each for each in made.warnings)
    now = apply_blocks(held, made.blocks)
    assert list_keys(now, get_table_id(ours)) == ["9002", "9001"]
    assert now[ours] == held[ours]
    gone = plan_with_users(Desired(), held, record)
    assert ours not in {each.id for each in gone.changes}
    assert f"{ours} refers to it" in gone.stays[0]


def test_a_number_that_the_operator_reuses_is_not_ours_any_more() -> None:
    held, record = apply(read_desired(*BOTH), {}, Record())
    held["firewall policy:9001"] = make_policies("theirs")["firewall policy:1"]
    made = observe_and_plan(read_desired(*BOTH), held, record)
    now = apply_blocks(held, made.blocks)
    assert list_keys(now) == ["9002", "9001"]
    left = tear_down(now, made.settled)
    assert left["firewall policy:9001"] == held["firewall policy:9001"]
    alone = teardown(observe(held, object_ids_to_observe(Desired(), record)), record)
    assert "firewall policy:9001" not in {change.id for change in alone.changes}


def test_an_operators_copy_of_our_policy_is_not_ours() -> None:
    want = read_desired(FEED, LOCAL_IN)
    held, record = apply(want, {}, Record())
    copy = {"firewall local-in-policy:1": held["firewall local-in-policy:9001"]}
    made = observe_and_plan(want, {**copy, **held}, record)
    assert list_sent_lines(made) == ["move 9001 before 1"]
    now = apply_blocks({**copy, **held}, made.blocks)
    gone = plan_with_users(Desired(), now, made.settled)
    assert [change.id for change in gone.changes] == ["firewall local-in-policy:9001"]
    assert "firewall local-in-policy:1 refers to it" in gone.stays[0]
    assert list(apply_blocks(now, gone.blocks))[-1:] == ["firewall local-in-policy:1"]


def test_a_foreign_policy_of_our_name_is_a_conflict_and_returns_to_its_position() -> None:
    fortigate = make_policies("a", "banstitch_deny", "z")
    with pytest.raises(Conflict, match="firewall policy:2 exists already"):
        observe_and_plan(read_desired(*BOTH), fortigate, Record())
    held, record = apply(read_desired(*BOTH), fortigate, Record(), adopt=True)
    assert list_keys(held) == ["2", "1", "3"]
    assert are_same(tear_down(held, record), fortigate)


def test_a_failed_push_restores_the_position_of_a_moved_policy() -> None:
    held, record = apply(read_desired(*BOTH), make_policies("lan", "dmz"), Record())
    drifted = {**make_policies("new", first=7), **held}
    made = observe_and_plan(read_desired(*BOTH), drifted, record)
    touched = [block.id.partition(":")[0] for block in made.blocks]
    now = apply_blocks(drifted, made.blocks)
    back = plan_rollback(observe(drifted, touched), observe(now, touched), made.blocks)
    assert are_same(apply_blocks(now, back), drifted)


def test_a_failed_teardown_restores_the_position_of_a_deleted_policy() -> None:
    held, record = apply(read_desired(*BOTH), make_policies("lan", "dmz"), Record())
    made = teardown(observe(held, object_ids_to_observe(Desired(), record)), record)
    watched = object_ids_to_observe(Desired(), record)
    for done in range(len(made.blocks) + 1):
        now = apply_blocks(held, made.blocks[:done])
        back = plan_rollback(observe(held, watched), observe(now, watched), made.blocks)
        assert are_same(apply_blocks(now, back), held)


# --- VDOMs -------------------------------------------------------------------------------------


def test_with_vdoms_each_object_is_in_its_scope() -> None:
    want = read_desired(*BOTH, vdom="edge")
    assert [each.id for each in want.objects] == [
        "global/system external-resource:banstitch_feed",
        "edge/firewall policy:9001",
    ]
    assert object_ids_to_observe(want, Record())[1] == "edge/firewall policy"
    fortigate = {f"edge/{each}": body for each, body in make_policies("lan").items()}
    fortigate |= {f"root/{each}": body for each, body in make_policies("lan").items()}
    held, record = apply(want, fortigate, Record())
    assert list_keys(held, "edge/firewall policy") == ["9001", "1"]
    assert list_keys(held, "root/firewall policy") == ["1"]
    assert observe_and_plan(want, held, record).blocks == ()
    assert are_same(tear_down(held, record), fortigate)


def test_a_record_follows_vdoms_that_are_switched_on_switched_off_or_deleted() -> None:
    objects = {
        "system automation-stitch:s": None,
        "system external-resource:f": None,
        "firewall policy:9001": None,
    }
    name = "system external-resource:f password"
    record = Record("FGT1", objects, {name: "x"}, {"firewall policy:9001": "banstitch_deny"})
    on = remap_scopes(record, ("root", "edge"))
    assert list(on.objects) == [
        "global/system automation-stitch:s",
        "root/system external-resource:f",
        "root/firewall policy:9001",
    ]
    assert on.fingerprints == {f"root/{name}": "x"}
    assert on.names == {"root/firewall policy:9001": "banstitch_deny"}
    assert remap_scopes(on, ()) == record
    assert remap_scopes(on, ("root", "edge")) == on
    assert list(remap_scopes(on, ("edge",)).objects) == ["global/system automation-stitch:s"]
