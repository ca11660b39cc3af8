"""Plans for everything that the roles can desire, on a modelled FortiGate with any earlier state."""

from __future__ import annotations

from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from provision.fortios.config.desired import Desired
from provision.fortios.planning.planner import FortiPlan, object_ids_to_observe, plan
from provision.fortios.planning.references import find_referring_tables
from provision.fortios.record.record import Record
from tests.unit.fortios.fortios_model import (
    ModelFortiGate,
    apply_blocks,
    get_table_id,
    list_rows,
    normalize,
    observe,
)
from tests.unit.fortios.wishes import make_operated_fortigate, render_wish, wishes

KEY = b"k" * 32


def planned(want: Desired, fortigate: ModelFortiGate, record: Record) -> FortiPlan:
    """Plan as the engine does: read possible users of what is to be deleted."""
    seen = observe(fortigate, object_ids_to_observe(want, record))
    first = plan(want, seen, record, key=KEY)
    gone = [change.id for change in first.changes if change.action == "delete"]
    more = observe(fortigate, find_referring_tables(gone, seen, ("root", "edge")))
    return plan(want, seen.merge(more), record, key=KEY)


def shown(fortigate: ModelFortiGate) -> Any:
    """Return the configuration and the order of its entries."""
    tables = {get_table_id(each) for each in fortigate if ":" in each}
    keys = {table: [row.key.value for row in list_rows(fortigate, table)] for table in tables}
    return {each: normalize(body) for each, body in fortigate.items() if body}, keys


@settings(max_examples=40, deadline=None)
@given(st.lists(wishes, min_size=1, max_size=3), st.booleans())
def test_law_any_inventory_can_follow_any_other_and_teardown_restores_the_first_state(
    inventories: list[dict[str, Any]], vdoms: bool
) -> None:
    fortigate, record = make_operated_fortigate(vdoms), Record()
    for wish in inventories:
        want = render_wish(wish, vdoms)
        made = planned(want, fortigate, record)
        fortigate, record = apply_blocks(fortigate, made.blocks), made.settled
        again = planned(want, fortigate, record)
        assert again.blocks == ()
        assert again.settled == record
    gone = planned(Desired(), fortigate, record)
    assert gone.stays == ()
    assert gone.settled.objects == {}
    assert shown(apply_blocks(fortigate, gone.blocks)) == shown(make_operated_fortigate(vdoms))


def make_wish(methods: list[str], local_in_interfaces: list[str]) -> dict[str, Any]:
    """Return a wish that differs from others in its enforcement only."""
    return {
        "version": "7.2.11",
        "feed_scope": "global",
        "detections": ["admin_login_failed"],
        "enforcement": {
            "enforcement": methods,
            "enforcement_vdom": "root",
            "enforcement_ipv6": False,
            "enforcement_local_in_interfaces": local_in_interfaces,
            "enforcement_policy_source_interfaces": ["wan1"],
            "enforcement_policy_destination_interfaces": ["wan1"],
            "enforcement_existing_sessions": "keep",
        },
    }


@settings(max_examples=30, deadline=None)
@given(wishes, wishes, st.booleans(), st.integers(0, 12))
@example(
    make_wish(["policy", "local_in"], ["wan1"]), make_wish(["auto"], ["wan1", "wan 2"]), False, 1
)
def test_law_the_next_run_completes_a_push_that_ended_after_any_object(
    first: dict[str, Any], second: dict[str, Any], vdoms: bool, done: int
) -> None:
    """The record written before the push is enough to continue, or to tear down."""
    fortigate = make_operated_fortigate(vdoms)
    made = planned(render_wish(first, vdoms), fortigate, Record())
    fortigate, record = apply_blocks(fortigate, made.blocks), made.settled
    want = render_wish(second, vdoms)
    cut = planned(want, fortigate, record)
    halfway = apply_blocks(fortigate, cut.blocks[:done])
    torn = planned(Desired(), halfway, cut.record)
    assert shown(apply_blocks(halfway, torn.blocks)) == shown(make_operated_fortigate(vdoms))
    rest = planned(want, halfway, cut.record)
    whole = apply_blocks(halfway, rest.blocks)
    assert planned(want, whole, rest.settled).blocks == ()
    assert shown(whole) == shown(apply_blocks(fortigate, cut.blocks))
