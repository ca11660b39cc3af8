"""Policies are found by name, kept first in their table, made once, and deleted at teardown."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provision.errors import Conflict, Failed
from provision.fortios.config.desired import CliBlock, Desired, read_blocks
from provision.fortios.config.observed import Observed
from provision.fortios.config.text import Config, Edit, Tree, parse
from provision.fortios.planning.planner import (
    FortiPlan,
    object_ids_to_observe,
    plan,
    plan_rollback,
    teardown,
)
from provision.fortios.planning.references import find_referring_tables
from provision.fortios.record.record import Record, remap_scopes
from tests.unit.fortios.fortios_model import (
    ModelFortiGate,
    apply,
    apply_blocks,
    apply_statements,
    get_table_id,
    list_rows,
    normalize,
    observe,
    observe_and_plan,
    tear_down,
)
from tests.unit.fortios.sample_cli import KEY, SSL

FEED = """config system external-resource
    edit "banstitch_feed"
        set type address
        set comments "Managed by Banstitch"
        set resource "http://10.0.0.5/feed"
    next
end
"""
POLICY = """config firewall policy
    edit 9001
        set name "banstitch_deny"
        set srcintf "wan1"
        set dstintf "any"
        set srcaddr "banstitch_feed"
        set dstaddr "all"
        set schedule "always"
        set service "ALL"
        set logtraffic all
        set comments "Managed by Banstitch"
    next
end
"""
LOCAL_IN = """config firewall local-in-policy
    edit 9001
        set intf "wan1"
        set srcaddr "banstitch_feed"
        set dstaddr "all"
        set service "ALL"
        set schedule "always"
        set comments "Managed by Banstitch"
    next
end
"""
BOTH = (FEED, POLICY)


def _desired(*texts: str, vdom: str = "", choices: bool = False) -> Desired:
    names = {"config vpn": "ssl_vpn", "config firewall local": "local_in"}
    blocks = []
    for text in texts:
        choice = next((each for start, each in names.items() if text.startswith(start)), "")
        scope: Any = "global" if text == FEED else "vdom"
        blocks.append(CliBlock("b.j2", text, scope, choice if choices else ""))
    return read_blocks(blocks, vdom)


def _body(*statements: str) -> Tree:
    (config,) = parse("config x\n" + "\n".join(statements) + "\nend\n")
    assert isinstance(config, Config)
    return config.body


def _policies(*names: str, first: int = 1, table: str = "firewall policy") -> ModelFortiGate:
    """Return a FortiGate with policies of the operator, numbered from ``first``."""
    (attribute,) = ("comments",) if "local" in table else ("name",)
    return {
        f"{table}:{number}": parse(f'config x\nset {attribute} "{name}"\nset srcaddr "all"\nend\n')[
            0
        ].body  # type: ignore[union-attr]
        for number, name in enumerate(names, first)
    }


def _order(fortigate: ModelFortiGate, table: str = "firewall policy") -> list[str]:
    return [row.key.value for row in list_rows(fortigate, table) if isinstance(row, Edit)]


def _sent(made: FortiPlan) -> list[str]:
    lines = "".join(change.diff for change in made.changes).splitlines()
    return [line.strip() for line in lines if line.split()[0] not in ("config", "next", "end")]


def _same(one: ModelFortiGate, other: ModelFortiGate) -> bool:
    tables = {get_table_id(each) for each in (*one, *other) if "policy:" in each}
    bodies = [
        {each: normalize(body) for each, body in fortigate.items() if body}
        for fortigate in (one, other)
    ]
    orders = [{table: _order(fortigate, table) for table in tables} for fortigate in (one, other)]
    return bodies[0] == bodies[1] and orders[0] == orders[1]


def test_a_new_policy_gets_a_free_number_and_the_first_position() -> None:
    made = observe_and_plan(_desired(*BOTH), _policies("lan", "any"), Record())
    held = apply_blocks(_policies("lan", "any"), made.blocks)
    assert _order(held) == ["9001", "1", "2"]
    assert "move 9001 before 1" in _sent(made)


def test_the_number_of_an_operators_policy_is_not_taken() -> None:
    held, _ = apply(_desired(*BOTH), _policies("a", "b", first=9001), Record())
    assert _order(held) == ["9003", "9001", "9002"]


def test_the_first_policy_of_an_empty_table_is_not_moved() -> None:
    made = observe_and_plan(_desired(*BOTH), {}, Record())
    assert not [line for line in _sent(made) if line.startswith("move")]


@pytest.mark.parametrize("texts", [BOTH, (FEED, LOCAL_IN), (FEED, POLICY, LOCAL_IN)])
def test_a_second_run_does_not_make_a_second_policy(texts: tuple[str, ...]) -> None:
    want = _desired(*texts)
    fortigate = {**_policies("lan"), **_policies("x", table="firewall local-in-policy")}
    held, record = apply(want, fortigate, Record())
    again = observe_and_plan(want, held, record)
    assert again.blocks == ()
    assert again.settled == record
    assert _same(tear_down(held, record), fortigate)


def test_a_policy_placed_above_ours_costs_one_move_and_nothing_else() -> None:
    held, record = apply(_desired(*BOTH), _policies("lan"), Record())
    theirs = _policies("new", first=7)
    made = observe_and_plan(_desired(*BOTH), {**theirs, **held}, record)
    assert _sent(made) == ["move 9001 before 7"]
    assert [(each.action, each.reason) for each in made.changes] == [
        ("update", "it is not the first")
    ]
    assert _order(apply_blocks({**theirs, **held}, made.blocks)) == ["9001", "7", "1"]


def test_a_renumbered_policy_is_found_by_its_name() -> None:
    held, record = apply(_desired(*BOTH), {}, Record())
    held["firewall policy:5"] = held.pop("firewall policy:9001")
    made = observe_and_plan(_desired(*BOTH), held, record)
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
    held, record = apply(_desired(*texts), _policies("lan"), Record())
    (ours,) = [each for each in held if each.endswith(":9001")]
    held[ours] = apply_statements(held[ours], _body(f'set {attribute} "changed"'))
    made = observe_and_plan(_desired(*texts), held, record)
    assert [line.split()[1] for line in _sent(made) if line.startswith("set")] == [attribute]
    assert _order(apply_blocks(held, made.blocks)) == _order(held)


@pytest.mark.parametrize(("texts", "attribute"), [(BOTH, "name"), ((FEED, LOCAL_IN), "comments")])
def test_a_policy_that_the_operator_renamed_is_not_ours_whatever_the_record_says(
    texts: tuple[str, ...], attribute: str
) -> None:
    want = _desired(*texts)
    held, record = apply(want, {}, Record())
    (ours,) = [each for each in held if each.endswith(":9001")]
    held[ours] = apply_statements(held[ours], _body(f'set {attribute} "mine now"'))
    made = observe_and_plan(want, held, record)
    assert any(f"{ours} is left alone" in each for each in made.warnings)
    now = apply_blocks(held, made.blocks)
    assert _order(now, get_table_id(ours)) == ["9002", "9001"]
    assert now[ours] == held[ours]
    gone = _plan_with_users(Desired(), held, record)
    assert ours not in {each.id for each in gone.changes}
    assert f"{ours} refers to it" in gone.stays[0]


def test_a_number_that_the_operator_reuses_is_not_ours_any_more() -> None:
    held, record = apply(_desired(*BOTH), {}, Record())
    held["firewall policy:9001"] = _policies("theirs")["firewall policy:1"]
    made = observe_and_plan(_desired(*BOTH), held, record)
    now = apply_blocks(held, made.blocks)
    assert _order(now) == ["9002", "9001"]
    left = tear_down(now, made.settled)
    assert left["firewall policy:9001"] == held["firewall policy:9001"]
    alone = teardown(observe(held, object_ids_to_observe(Desired(), record)), record)
    assert "firewall policy:9001" not in {change.id for change in alone.changes}


def test_an_operators_copy_of_our_policy_is_not_ours() -> None:
    want = _desired(FEED, LOCAL_IN)
    held, record = apply(want, {}, Record())
    copy = {"firewall local-in-policy:1": held["firewall local-in-policy:9001"]}
    made = observe_and_plan(want, {**copy, **held}, record)
    assert _sent(made) == ["move 9001 before 1"]
    now = apply_blocks({**copy, **held}, made.blocks)
    gone = _plan_with_users(Desired(), now, made.settled)
    assert [change.id for change in gone.changes] == ["firewall local-in-policy:9001"]
    assert "firewall local-in-policy:1 refers to it" in gone.stays[0]
    assert list(apply_blocks(now, gone.blocks))[-1:] == ["firewall local-in-policy:1"]


def test_a_foreign_policy_of_our_name_is_a_conflict_and_returns_to_its_position() -> None:
    fortigate = _policies("a", "banstitch_deny", "z")
    with pytest.raises(Conflict, match="firewall policy:2 exists already"):
        observe_and_plan(_desired(*BOTH), fortigate, Record())
    held, record = apply(_desired(*BOTH), fortigate, Record(), adopt=True)
    assert _order(held) == ["2", "1", "3"]
    assert _same(tear_down(held, record), fortigate)


def test_a_failed_push_restores_the_position_of_a_moved_policy() -> None:
    held, record = apply(_desired(*BOTH), _policies("lan", "dmz"), Record())
    drifted = {**_policies("new", first=7), **held}
    made = observe_and_plan(_desired(*BOTH), drifted, record)
    touched = [block.id.partition(":")[0] for block in made.blocks]
    now = apply_blocks(drifted, made.blocks)
    back = plan_rollback(observe(drifted, touched), observe(now, touched), made.blocks)
    assert _same(apply_blocks(now, back), drifted)


def test_a_failed_teardown_restores_the_position_of_a_deleted_policy() -> None:
    held, record = apply(_desired(*BOTH), _policies("lan", "dmz"), Record())
    made = teardown(observe(held, object_ids_to_observe(Desired(), record)), record)
    watched = object_ids_to_observe(Desired(), record)
    for done in range(len(made.blocks) + 1):
        now = apply_blocks(held, made.blocks[:done])
        back = plan_rollback(observe(held, watched), observe(now, watched), made.blocks)
        assert _same(apply_blocks(now, back), held)


# --- who refers to ours ------------------------------------------------------------------------


def _plan_with_users(want: Desired, fortigate: ModelFortiGate, record: Record) -> FortiPlan:
    """Plan as the engine does: read the tables of possible users once a deletion is planned."""
    observed = observe(fortigate, object_ids_to_observe(want, record))
    made = plan(want, observed, record, key=KEY)
    gone = [change.id for change in made.changes if change.action == "delete"]
    more = observe(fortigate, find_referring_tables(gone, observed))
    return plan(want, observed.merge(more), record, key=KEY)


def test_a_feed_in_use_by_an_operators_policy_stays_and_the_message_names_the_policy() -> None:
    held, record = apply(_desired(*BOTH), _policies("lan"), Record())
    theirs = _body('set name "theirs"', 'set srcaddr "banstitch_feed"')
    held["firewall policy:1"] = theirs
    made = _plan_with_users(Desired(), held, record)
    assert [(each.action, each.id) for each in made.changes] == [("delete", "firewall policy:9001")]
    (said,) = made.stays
    assert "system external-resource:banstitch_feed stays" in said
    assert "firewall policy:1 refers to it" in said
    assert list(made.settled.objects) == ["system external-resource:banstitch_feed"]
    held = apply_blocks(held, made.blocks)
    del held["firewall policy:1"]
    free = _plan_with_users(Desired(), held, made.settled)
    assert [each.id for each in free.changes] == ["system external-resource:banstitch_feed"]
    assert free.stays == ()


def test_a_plain_text_is_not_a_reference() -> None:
    held, record = apply(_desired(*BOTH), _policies("lan"), Record())
    held["firewall policy:1"] = _body('set comments "banstitch_feed"')
    assert _plan_with_users(Desired(), held, record).stays == ()


def test_tables_of_possible_users_are_read_only_for_a_planned_deletion() -> None:
    seen = Observed("FGT1", {"firewall policy": ()})
    assert find_referring_tables([], seen) == ()
    assert find_referring_tables(["system automation-action:x"], seen) == (
        "system automation-stitch",
    )
    assert "firewall policy" not in find_referring_tables(["system external-resource:x"], seen)
    many = find_referring_tables(["global/system external-resource:g-x"], seen, ("root", "edge"))
    assert {"root/firewall policy", "edge/firewall policy"} <= set(many)


# --- VDOMs -------------------------------------------------------------------------------------


def test_with_vdoms_each_object_is_in_its_scope() -> None:
    want = _desired(*BOTH, vdom="edge")
    assert [each.id for each in want.objects] == [
        "global/system external-resource:banstitch_feed",
        "edge/firewall policy:9001",
    ]
    assert object_ids_to_observe(want, Record())[1] == "edge/firewall policy"
    fortigate = {f"edge/{each}": body for each, body in _policies("lan").items()}
    fortigate |= {f"root/{each}": body for each, body in _policies("lan").items()}
    held, record = apply(want, fortigate, Record())
    assert _order(held, "edge/firewall policy") == ["9001", "1"]
    assert _order(held, "root/firewall policy") == ["1"]
    assert observe_and_plan(want, held, record).blocks == ()
    assert _same(tear_down(held, record), fortigate)


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


# --- the place that suits ----------------------------------------------------------------------

LISTENS: ModelFortiGate = {"vpn ssl settings": _body('set source-interface "wan1"')}
ALLOWS: ModelFortiGate = {"vpn ssl settings": _body('set source-address "office"')}
AUTO = _desired(FEED, SSL, LOCAL_IN, choices=True)


def _places(made: FortiPlan) -> list[str]:
    tables = [change.id.partition(":")[0] for change in made.changes]
    return [each for each in tables if each != "system external-resource"]


@pytest.mark.parametrize(
    ("fortigate", "place", "why"),
    [
        (LISTENS, "vpn ssl settings", "listens on wan1"),
        ({}, "firewall local-in-policy", "set in the inventory"),
        (ALLOWS, "firewall local-in-policy", "allow-list 'source-address office'"),
    ],
)
def test_auto_chooses_the_first_suitable_method_and_gives_the_reason(
    fortigate: ModelFortiGate, place: str, why: str
) -> None:
    made = observe_and_plan(AUTO, fortigate, Record())
    assert _places(made) == [place]
    assert "enforcement auto takes" in made.warnings[0]
    assert why in made.warnings[0]


def test_auto_keeps_the_method_that_is_in_place() -> None:
    held, record = apply(AUTO, {}, Record())
    again = observe_and_plan(AUTO, {**held, **LISTENS}, record)
    assert again.blocks == ()
    assert "it is in place" in again.warnings[0]


def test_auto_replaces_a_method_that_is_gone_and_leaves_nothing_behind() -> None:
    held, record = apply(AUTO, LISTENS, Record())
    assert record.objects.keys() == {"system external-resource:banstitch_feed", "vpn ssl settings"}
    seen = observe(
        {each: body for each, body in held.items() if "ssl" not in each},
        object_ids_to_observe(AUTO, record),
    )
    seen = Observed(seen.serial, seen.objects, frozenset({"vpn ssl settings"}))
    made = plan(AUTO, seen, record, key=KEY)
    assert _places(made) == ["firewall local-in-policy"]
    assert "no 'vpn ssl settings'" in made.warnings[0]


def test_auto_gives_the_reason_against_each_method() -> None:
    blocks = [
        CliBlock("f", FEED),
        CliBlock("s", SSL, "vdom", "ssl_vpn"),
        CliBlock("p", "", "vdom", "policy", unsuited="its interfaces are not named"),
    ]
    with pytest.raises(Failed) as caught:
        observe_and_plan(read_blocks(blocks), ALLOWS, Record())
    for each in ("not ssl_vpn: ", "allow-list", "not policy: its interfaces are not named"):
        assert each in str(caught.value)


# --- laws --------------------------------------------------------------------------------------

numbers = st.lists(st.integers(1, 9005), unique=True, max_size=5)
some = st.lists(st.integers(1, 9005), unique=True, min_size=1, max_size=5)


@settings(max_examples=60, deadline=None)
@given(numbers, st.permutations(range(6)), st.sampled_from(["firewall policy", "local-in"]))
def test_law_our_policy_is_first_whatever_the_operator_does_and_his_order_stays(
    theirs: list[int], shuffle: list[int], kind: str
) -> None:
    want = _desired(FEED, POLICY if kind == "firewall policy" else LOCAL_IN)
    table = "firewall policy" if kind == "firewall policy" else "firewall local-in-policy"
    fortigate: ModelFortiGate = {}
    for number in theirs:
        fortigate |= _policies(f"p{number}", first=number, table=table)
    held, record = apply(want, fortigate, Record())
    assert _order(held, table)[1:] == _order(fortigate, table)
    rows = [each for each in held if table in each]
    mixed = [rows[at] for at in shuffle if at < len(rows)]
    rest = {each: body for each, body in held.items() if each not in rows}
    moved = {**rest, **{each: held[each] for each in mixed}}
    made = observe_and_plan(want, moved, record)
    now = apply_blocks(moved, made.blocks)
    assert observe_and_plan(want, now, made.settled).blocks == ()
    assert _order(now, table)[0] == _order(held, table)[0]
    left = tear_down(now, made.settled)
    assert _order(left, table) == [each for each in _order(moved, table) if int(each) in theirs]
    assert all(left[each] == fortigate[each] for each in fortigate)


@settings(max_examples=60, deadline=None)
@given(some, st.integers(0, 9005))
def test_law_teardown_restores_number_content_and_position_of_an_adopted_policy(
    theirs: list[int], at: int
) -> None:
    fortigate: ModelFortiGate = {}
    for place, number in enumerate(theirs):
        name = "banstitch_deny" if place == at % len(theirs) else f"p{number}"
        fortigate |= _policies(name, first=number)
    held, record = apply(_desired(*BOTH), fortigate, Record(), adopt=True)
    assert observe_and_plan(_desired(*BOTH), held, record).blocks == ()
    assert _same(tear_down(held, record), fortigate)
