"""Laws of policies, whatever the operator did with his own."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from provision.fortios.record.record import Record
from tests.unit.fortios.fortios_model import (
    ModelFortiGate,
    apply,
    apply_blocks,
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
    make_policies,
    read_desired,
)

# --- laws --------------------------------------------------------------------------------------

numbers = st.lists(st.integers(1, 9005), unique=True, max_size=5)
some = st.lists(st.integers(1, 9005), unique=True, min_size=1, max_size=5)


@settings(max_examples=60, deadline=None)
@given(numbers, st.permutations(range(6)), st.sampled_from(["firewall policy", "local-in"]))
def test_law_our_policy_is_first_whatever_the_operator_does_and_his_order_stays(
    theirs: list[int], shuffle: list[int], kind: str
) -> None:
    want = read_desired(FEED, POLICY if kind == "firewall policy" else LOCAL_IN)
    table = "firewall policy" if kind == "firewall policy" else "firewall local-in-policy"
    fortigate: ModelFortiGate = {}
    for number in theirs:
        fortigate |= make_policies(f"p{number}", first=number, table=table)
    held, record = apply(want, fortigate, Record())
    assert list_keys(held, table)[1:] == list_keys(fortigate, table)
    rows = [each for each in held if table in each]
    mixed = [rows[at] for at in shuffle if at < len(rows)]
    rest = {each: body for each, body in held.items() if each not in rows}
    moved = {**rest, **{each: held[each] for each in mixed}}
    made = observe_and_plan(want, moved, record)
    now = apply_blocks(moved, made.blocks)
    assert observe_and_plan(want, now, made.settled).blocks == ()
    assert list_keys(now, table)[0] == list_keys(held, table)[0]
    left = tear_down(now, made.settled)
    assert list_keys(left, table) == [
        each for each in list_keys(moved, table) if int(each) in theirs
    ]
    assert all(left[each] == fortigate[each] for each in fortigate)


@settings(max_examples=60, deadline=None)
@given(some, st.integers(0, 9005))
def test_law_teardown_restores_number_content_and_position_of_an_adopted_policy(
    theirs: list[int], at: int
) -> None:
    fortigate: ModelFortiGate = {}
    for place, number in enumerate(theirs):
        name = "banstitch_deny" if place == at % len(theirs) else f"p{number}"
        fortigate |= make_policies(name, first=number)
    held, record = apply(read_desired(*BOTH), fortigate, Record(), adopt=True)
    assert observe_and_plan(read_desired(*BOTH), held, record).blocks == ()
    assert are_same(tear_down(held, record), fortigate)
