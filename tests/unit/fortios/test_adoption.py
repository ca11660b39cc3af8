"""Check what is adopted, kept and restored of an operator's objects."""

from __future__ import annotations

import pytest

from provision.errors import Conflict
from provision.fortios.planning.planner import (
    teardown,
)
from provision.fortios.record.record import Record
from tests.unit.fortios.fortios_model import (
    apply,
    apply_blocks,
    format_fortigate,
    make_desired,
    make_fortigate,
    normalize_fortigate,
    observe,
    observe_and_plan,
    tear_down,
)
from tests.unit.fortios.sample_cli import (
    ACTION,
    ALL,
    FEED,
    SSL,
    SSL_ALL,
    SSL_ALLOW,
    SSL_DENY,
    STITCH,
    TRIGGER,
)


def test_a_foreign_object_of_the_same_name_is_a_conflict_that_names_it() -> None:
    fortigate = make_fortigate(TRIGGER.replace("39426", "1"), ACTION.replace("5514", "1"))
    with pytest.raises(Conflict) as caught:
        observe_and_plan(make_desired(TRIGGER, ACTION), fortigate, Record())
    text = str(caught.value)
    assert "system automation-trigger:banstitch_login" in text
    assert "differs in 'logid'" in text
    assert "system automation-action:banstitch_webhook" in text
    assert "block1.j2:2" in text
    assert "--adopt" in text


def test_teardown_restores_an_adopted_object_completely() -> None:
    theirs = TRIGGER.replace("39426", "1").replace("Managed by Banstitch: failed logins", "x")
    fortigate = make_fortigate(theirs)
    held, record = apply(make_desired(TRIGGER), fortigate, Record(), adopt=True)
    assert held == make_fortigate(TRIGGER)
    left = tear_down(held, record)
    assert normalize_fortigate(left) == normalize_fortigate(fortigate)


def test_an_equal_foreign_object_is_not_changed_and_survives_teardown() -> None:
    fortigate = make_fortigate(TRIGGER)
    held, record = apply(make_desired(TRIGGER), fortigate, Record())
    assert held == fortigate
    assert record.objects["system automation-trigger:banstitch_login"] is not None
    assert tear_down(held, record) == fortigate


def test_an_operators_allow_list_never_becomes_a_deny_list() -> None:
    for options in ({}, {"adopt": True}):
        with pytest.raises(Conflict) as caught:
            observe_and_plan(
                make_desired(FEED, SSL), make_fortigate(SSL_ALLOW), Record(), **options
            )
        assert "source-address office home" in str(caught.value)


def test_our_feed_joins_an_operators_deny_list_and_teardown_restores_it() -> None:
    held, record = apply(make_desired(FEED, SSL), make_fortigate(SSL_DENY), Record())
    assert 'set source-address "bad guys" "banstitch_feed"' in format_fortigate(held)
    assert tear_down(held, record) == make_fortigate(SSL_DENY)


def test_teardown_keeps_what_the_operator_added_to_our_deny_list() -> None:
    held, record = apply(make_desired(FEED, SSL), make_fortigate(SSL_ALL), Record())
    held["vpn ssl settings"] = make_fortigate(
        SSL.replace('"banstitch_feed"', '"banstitch_feed" "late"')
    )["vpn ssl settings"]
    assert observe_and_plan(make_desired(FEED, SSL), held, record).blocks == ()
    made = teardown(observe(held, record.objects), record)
    assert "late" in made.warnings[0]
    shown = format_fortigate(apply_blocks(held, made.blocks))
    assert 'set source-address "late"\n' in shown
    assert "set source-address-negate enable" in shown


@pytest.mark.parametrize(
    ("theirs", "attribute"),
    [
        (
            FEED.replace('"feed-pass"', "ENC abc=").replace("Managed by Banstitch", "x"),
            "'password'",
        ),
        (
            FEED.replace("type address", "type domain").replace('"Managed by Banstitch"', "x"),
            "'type'",
        ),
        (ACTION.replace("Managed by Banstitch", "x"), "'action-type'"),
        (TRIGGER.replace("Managed by Banstitch", "x").replace("event-log", "ioc"), "'event-type'"),
        (STITCH.replace("Managed by Banstitch", "x").replace("_webhook", "other"), "'action'"),
    ],
)
def test_an_object_that_memory_could_not_restore_is_not_adopted_and_the_error_names_the_attribute(
    theirs: str, attribute: str
) -> None:
    ours = next(each for each in ALL if each.split("\n")[0] == theirs.split("\n")[0])
    for options in ({}, {"adopt": True}):
        with pytest.raises(Conflict) as caught:
            observe_and_plan(make_desired(ours), make_fortigate(theirs), Record(), **options)
        assert attribute in str(caught.value)
        assert "rename it or delete it on the FortiGate" in str(caught.value)
        assert "feed-pass" not in str(caught.value)
