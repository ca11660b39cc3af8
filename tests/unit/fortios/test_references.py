"""Check that a feed in use by an operator's policy stays."""

from __future__ import annotations

from provision.fortios.config.desired import Desired
from provision.fortios.config.observed import Observed
from provision.fortios.planning.references import find_foreign_users, find_referring_tables
from provision.fortios.record.record import Record
from tests.unit.fortios.fortios_model import (
    apply,
    apply_blocks,
)
from tests.unit.fortios.sample_policies import (
    BOTH,
    make_policies,
    parse_body,
    plan_with_users,
    read_desired,
)


def test_a_feed_in_use_by_an_operators_policy_stays_and_the_message_names_the_policy() -> None:
    held, record = apply(read_desired(*BOTH), make_policies("lan"), Record())
    theirs = parse_body('set name "theirs"', 'set srcaddr "banstitch_feed"')
    held["firewall policy:1"] = theirs
    made = plan_with_users(Desired(), held, record)
    assert [(each.action, each.id) for each in made.changes] == [("delete", "firewall policy:9001")]
    (said,) = made.stays
    assert "system external-resource:banstitch_feed stays" in said
    assert "firewall policy:1 refers to it" in said
    assert list(made.settled.objects) == ["system external-resource:banstitch_feed"]
    held = apply_blocks(held, made.blocks)
    del held["firewall policy:1"]
    free = plan_with_users(Desired(), held, made.settled)
    assert [each.id for each in free.changes] == ["system external-resource:banstitch_feed"]
    assert free.stays == ()


def test_an_action_in_use_by_an_operators_stitch_is_found_among_its_actions() -> None:
    stitch = parse_body("config actions", "edit 1", 'set action "banstitch_post"', "next", "end")
    seen = Observed("FGT1", {"system automation-stitch:theirs": stitch})
    for name, users in (("post", ["system automation-stitch:theirs"]), ("other", [])):
        ours = f"system automation-action:banstitch_{name}"
        assert list(find_foreign_users(ours, seen, ())) == users


def test_a_plain_text_is_not_a_reference() -> None:
    held, record = apply(read_desired(*BOTH), make_policies("lan"), Record())
    held["firewall policy:1"] = parse_body('set comments "banstitch_feed"')
    assert plan_with_users(Desired(), held, record).stays == ()


def test_tables_of_possible_users_are_read_only_for_a_planned_deletion() -> None:
    seen = Observed("FGT1", {"firewall policy": ()})
    assert find_referring_tables([], seen) == ()
    assert find_referring_tables(["system automation-action:x"], seen) == (
        "system automation-stitch",
    )
    assert "firewall policy" not in find_referring_tables(["system external-resource:x"], seen)
    many = find_referring_tables(["global/system external-resource:g-x"], seen, ("root", "edge"))
    assert {"root/firewall policy", "edge/firewall policy"} <= set(many)
