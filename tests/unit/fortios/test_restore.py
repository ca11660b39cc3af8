"""Teardown restores a list that the operator has changed since."""

from __future__ import annotations

from provision.fortios.config.desired import Desired
from provision.fortios.planning.object_changes import MEMORY
from provision.fortios.planning.planner import FortiPlan, object_ids_to_observe, teardown
from provision.fortios.record.record import Record
from tests.unit.fortios.fortios_model import (
    ModelFortiGate,
    apply,
    apply_blocks,
    make_desired,
    make_fortigate,
    observe,
)
from tests.unit.fortios.sample_cli import FEED, SSL, SSL_ALL, SSL_DENY

ADDRESS = (
    'config firewall address\nedit "bad guys"\nset subnet 192.0.2.0 255.255.255.0\nnext\nend\n'
)


def _settings(*lines: str) -> ModelFortiGate:
    return make_fortigate("\n".join(["config vpn ssl settings", *lines, "end", ""]))


def _torn_down(fortigate: ModelFortiGate, record: Record) -> tuple[FortiPlan, ModelFortiGate]:
    made = teardown(observe(fortigate, object_ids_to_observe(Desired(), record)), record)
    return made, apply_blocks(fortigate, made.blocks)


def test_a_member_of_a_list_is_restored_only_if_it_still_exists() -> None:
    held, record = apply(make_desired(FEED, SSL), make_fortigate(ADDRESS, SSL_DENY), Record())
    held |= _settings('set source-address "banstitch_feed"', "set source-address-negate enable")
    made, left = _torn_down(held, record)
    assert left["vpn ssl settings"] == make_fortigate(SSL_DENY)["vpn ssl settings"]
    assert not made.warnings
    del held["firewall address:bad guys"]
    made, left = _torn_down(held, record)
    assert "bad guys" not in "".join(each.diff for each in made.changes)
    assert "bad guys is not restored: there is no such object" in made.warnings[0]


def test_the_members_of_a_remembered_list_are_observed_in_the_same_batch() -> None:
    _, record = apply(make_desired(FEED, SSL), make_fortigate(ADDRESS, SSL_DENY), Record())
    assert set(object_ids_to_observe(Desired(), record)) >= {
        "firewall address:bad guys",
        "firewall addrgrp:bad guys",
        "system external-resource:bad guys",
    }


def test_an_allow_list_that_replaced_ours_is_not_emptied() -> None:
    held, record = apply(make_desired(FEED, SSL), make_fortigate(SSL_ALL), Record())
    held |= _settings('set source-address "office"')
    made, left = _torn_down(held, record)
    assert left["vpn ssl settings"] == _settings('set source-address "office"')["vpn ssl settings"]
    assert "no feed of ours is in it" in made.warnings[0]
    assert [each.id for each in made.changes] == ["system external-resource:banstitch_feed"]


def test_only_our_feed_is_removed_from_a_list_that_became_an_allow_list() -> None:
    held, record = apply(make_desired(FEED, SSL), make_fortigate(SSL_ALL), Record())
    held |= _settings('set source-address "office" "banstitch_feed"')
    made, left = _torn_down(held, record)
    assert left["vpn ssl settings"] == _settings('set source-address "office"')["vpn ssl settings"]
    assert "only our feed is removed from it" in made.warnings[0]
    assert {each.source for each in made.changes} == {MEMORY}


def test_an_object_with_a_changed_mark_stays_and_teardown_names_it() -> None:
    held, record = apply(make_desired(FEED), {}, Record())
    key = "system external-resource:banstitch_feed"
    held[key] = make_fortigate(FEED.replace("Managed by Banstitch", "mine"))[key]
    made, left = _torn_down(held, record)
    assert left == held
    assert made.stays == (
        f"{key} stays: its 'comments' does not begin with 'Managed by Banstitch'; "
        "delete it by hand if it is not needed",
    )
    assert made.settled.objects == {key: None}
