"""A plan is a value: it survives JSON and pickle, and what an operator approves has one spelling."""

from __future__ import annotations

import json
import pickle
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provision.plan import (
    Change,
    SitePlan,
    TargetPlan,
    format_approved,
    format_canonical,
    from_json,
    to_json,
    unified_diff,
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
TARGETS = st.builds(
    TargetPlan,
    host=st.text(),
    kind=st.sampled_from(["linux", "fortios"]),
    state=st.sampled_from(["ok", "differs", "failed", "unreachable", "skipped"]),
    changes=st.lists(st.builds(Change, *[st.text()] * 4), max_size=3).map(tuple),
    steps=st.lists(JSON.map(format_canonical), max_size=3).map(tuple),
    seen=st.text(),
    to_be_made=st.lists(st.text(), max_size=2).map(tuple),
    remembers=st.booleans(),
    forgets=st.lists(st.text(), max_size=2).map(tuple),
    error=st.text(),
    notes=st.lists(st.text(), max_size=2).map(tuple),
    details=st.dictionaries(st.text(), JSON, max_size=2),
    execs=st.integers(0, 9),
    exchanges=st.integers(0, 9),
)
PLANS = st.builds(
    SitePlan,
    name=st.text(),
    verb=st.sampled_from(["plan", "apply", "verify", "teardown"]),
    targets=st.lists(TARGETS, max_size=3).map(tuple),
)
FW1 = TargetPlan(
    "fw1",
    "fortios",
    "differs",
    (Change("vpn ssl settings", "update", "set a b", "why"),),
    (format_canonical({"id": "vpn ssl settings", "cli": "set a b"}),),
)


@given(PLANS)
def test_a_plan_survives_json_and_pickle(plan: SitePlan) -> None:
    text = to_json(plan)
    assert from_json(text) == plan
    assert to_json(from_json(text)) == text
    assert pickle.loads(pickle.dumps(plan)) == plan


def test_what_is_approved_leaves_out_what_may_differ_while_the_same_is_sent() -> None:
    (change,) = FW1.changes
    same = replace(FW1, changes=(replace(change, reason="other"),), notes=("3 bans",), seen="x")
    assert format_approved(same) == format_approved(FW1)


@pytest.mark.parametrize(
    "other",
    [
        replace(FW1, changes=(replace(FW1.changes[0], diff="set a c"),)),
        replace(FW1, changes=(replace(FW1.changes[0], action="delete"),)),
        replace(FW1, steps=(format_canonical({"id": "vpn ssl settings", "cli": "set a b\n"}),)),
        replace(FW1, steps=(*FW1.steps, *FW1.steps)),
        replace(FW1, changes=(), steps=()),
    ],
)
def test_what_is_approved_differs_with_each_byte_that_is_sent(other: TargetPlan) -> None:
    assert format_approved(other) != format_approved(FW1)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"format": 2}',
        '{"format": 1}',
        '{"format": 1, "name": "a", "verb": "apply", "targets": [1]}',
        '{"format": 1, "name": "a", "verb": "destroy", "targets": []}',
        '{"format": 1, "name": "a", "verb": "apply", "targets": [], "more": 1}',
        json.dumps(
            json.loads(to_json(SitePlan("a", "apply", (FW1,)))) | {"targets": [{"steps": 3}]}
        ),
    ],
)
def test_what_is_no_plan_is_refused_with_a_way_out(text: str) -> None:
    with pytest.raises(ValueError, match="make a new plan"):
        from_json(text)


def test_long_texts_of_few_different_lines_are_shown_without_a_comparison_of_days() -> None:
    old, new = (
        "\n".join(map(str, (n % 150 * factor for n in range(400_000)))) for factor in (7, 11)
    )
    head, *lines = unified_diff("x", old, new).split("@@ -1,400000 +1,400000 @@\n")
    assert head == "--- x\n+++ x\n"
    assert lines == ["\n".join(("-" + old.replace("\n", "\n-"), "+" + new.replace("\n", "\n+")))]
    assert unified_diff("x", old, old) == ""
