"""The planner sends only the difference to a FortiGate, and a teardown restores what was there."""

from __future__ import annotations

import pytest

from provision.errors import Conflict, Failed, InputError
from provision.fortios.config.desired import CliBlock, Desired, read_blocks
from provision.fortios.config.observed import Observed
from provision.fortios.planning.object_changes import MEMORY
from provision.fortios.planning.planner import (
    plan,
    plan_rollback,
    teardown,
)
from provision.fortios.record.record import Record
from tests.unit.fortios.fortios_model import (
    apply,
    apply_blocks,
    commands_to_observe,
    format_fortigate,
    join_diffs,
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
    KEY,
    OPERATORS,
    SSL,
    SSL_ALL,
    SSL_DENY,
    TRIGGER,
)


@pytest.mark.parametrize("before", [(), (OPERATORS,), (SSL_ALL,), (OPERATORS, SSL_DENY)])
def test_a_second_apply_has_nothing_to_do_and_teardown_restores_the_fortigate(
    before: tuple[str, ...],
) -> None:
    fortigate = make_fortigate(*before)
    held, record = apply(make_desired(*ALL), fortigate, Record())
    again = observe_and_plan(make_desired(*ALL), held, record)
    assert again.blocks == ()
    assert again.record == again.settled == record
    left = tear_down(held, record)
    left = {each: body for each, body in left.items() if body or each in fortigate}
    assert left == fortigate


def test_objects_are_made_in_the_order_of_the_blocks_and_deleted_after_their_users() -> None:
    made = observe_and_plan(make_desired(*ALL), {}, Record())
    assert [change.id for change in made.changes] == [
        "system external-resource:banstitch_feed",
        "system automation-action:banstitch_webhook",
        "system automation-trigger:banstitch_login",
        "system automation-stitch:banstitch_login",
        "vpn ssl settings",
    ]
    fortigate = apply_blocks({}, made.blocks)
    # made in another order than the one they refer in: references decide
    shuffled = Record("FGT1", dict(sorted(made.settled.objects.items(), reverse=True)))
    gone = teardown(observe(fortigate, shuffled.objects), shuffled)
    order = [change.id.split(":")[0] for change in gone.changes]
    assert order.index("system automation-stitch") < order.index("system automation-trigger")
    assert order.index("system automation-stitch") < order.index("system automation-action")
    assert order.index("vpn ssl settings") < order.index("system external-resource")


def test_only_managed_tables_are_read_with_one_command_per_object() -> None:
    made = {"firewall address:x": None, "firewall policy:7": None, "firewall policy:8": None}
    assert commands_to_observe(make_desired(TRIGGER, SSL), Record("x", made)) == (
        'show system automation-trigger "banstitch_login"',
        "show vpn ssl settings",
        'show firewall address "x"',
        "show firewall policy",  # the whole of it, once: the order counts
    )


@pytest.mark.parametrize(
    ("drift", "mended"),
    [
        (("set port 5514", "set port 1"), ["set port 5514"]),
        (("set port 5514\n", "set port 5514\nset method put\n"), ["unset method"]),
        (('set value "s3cret-token"', 'set value "x"'), ['set value "s3cret-token"']),
        (('set key "X-Token"', 'set key "X"'), ['set key "X-Token"']),
        (
            ("config http-headers\n", 'config http-headers\nedit 9\nset key "e"\nnext\n'),
            ["delete 9"],
        ),
    ],
)
def test_a_drift_is_corrected_and_nothing_else_is_sent(
    drift: tuple[str, str], mended: list[str]
) -> None:
    _, record = apply(make_desired(ACTION), {}, Record())
    assert drift[0] in ACTION
    made = observe_and_plan(make_desired(ACTION), make_fortigate(ACTION.replace(*drift)), record)
    frame = ("config", "edit", "next", "end")
    lines = [line.strip() for line in join_diffs(made).splitlines()]
    assert [line for line in lines if not line.startswith(frame)] == mended
    assert [change.action for change in made.changes] == ["update"]


def test_defaults_list_order_spelling_and_automatic_attributes_are_no_difference() -> None:
    want = """config system automation-action
    edit "banstitch_a"
        set action-type webhook
        set protocol http
        set method post
        set minimum-interval 0
        set uri 'x y'
        set verify-host-cert enable
    next
end
config firewall local-in-policy
    edit 9000
        set srcaddr "a" "b"
        set action deny
        set comments "Managed by Banstitch"
    next
end
"""
    fortigate = make_fortigate(
        'config system automation-action\nedit "banstitch_a"\nset uuid 1-2-3\nset action-type webhook\n'
        'set uri "x y"\nnext\nend\n'
        'config firewall local-in-policy\nedit 9000\nset uuid 4\nset srcaddr "b" a\n'
        'set comments "Managed by Banstitch"\nnext\nend\n'
    )
    made = Record("FGT1", dict.fromkeys(fortigate))
    assert observe_and_plan(make_desired(want), fortigate, made).blocks == ()


def test_the_order_of_words_counts_where_it_has_a_meaning() -> None:
    want = 'config firewall address\nedit "a"\nset subnet 10.0.0.0 255.0.0.0\nnext\nend\n'
    fortigate = make_fortigate(want.replace("10.0.0.0 255.0.0.0", "255.0.0.0 10.0.0.0"))
    with pytest.raises(Conflict):
        observe_and_plan(make_desired(want), fortigate, Record())


def test_stale_objects_are_removed_after_the_new_ones_are_in_place() -> None:
    held, record = apply(make_desired(*ALL), {}, Record())
    feed, ssl = (
        FEED.replace("banstitch_feed", "banstitch_new"),
        SSL.replace("banstitch_feed", "banstitch_new"),
    )
    made = observe_and_plan(make_desired(feed, ssl), held, record)
    assert [(change.action, change.id) for change in made.changes] == [
        ("create", "system external-resource:banstitch_new"),
        ("update", "vpn ssl settings"),
        ("delete", "system automation-stitch:banstitch_login"),
        ("delete", "system automation-trigger:banstitch_login"),
        ("delete", "system automation-action:banstitch_webhook"),
        ("delete", "system external-resource:banstitch_feed"),
    ]
    # an interruption between the two must not lose sight of what is still there
    assert set(made.record.objects) == set(record.objects) | {
        "system external-resource:banstitch_new"
    }
    assert list(made.settled.objects) == [
        "system external-resource:banstitch_new",
        "vpn ssl settings",
    ]
    fortigate = apply_blocks(held, made.blocks)
    assert 'source-address "banstitch_new"\n' in format_fortigate(fortigate)
    assert tear_down(fortigate, made.settled) == {"vpn ssl settings": ()}


def test_a_single_object_changes_in_one_block_and_only_in_desired_attributes() -> None:
    made = observe_and_plan(make_desired(FEED, SSL), make_fortigate(SSL_ALL), Record())
    assert made.changes[1].diff == SSL
    held = apply_blocks(make_fortigate(SSL_ALL), made.blocks)
    (back,) = [
        change.diff
        for change in teardown(observe(held, made.settled.objects), made.settled).changes
        if change.id == "vpn ssl settings"
    ]
    assert back == (
        "config vpn ssl settings\n    unset source-address-negate\n"
        "    set source-address all\nend\n"
    )


def test_an_attribute_that_is_no_longer_desired_is_restored() -> None:
    more = SSL.replace("end", 'set source-address6 "banstitch_feed"\nend')
    fortigate = make_fortigate(SSL_ALL.replace("end", "set source-address6 all\nend"))
    held, record = apply(make_desired(FEED, more), fortigate, Record())
    made = observe_and_plan(make_desired(FEED, SSL), held, record)
    assert "set source-address6 all" in join_diffs(made)
    assert "source-address " not in join_diffs(made)
    assert [(each.id, each.source) for each in made.changes] == [("vpn ssl settings", MEMORY)]
    assert "source-address6" not in str(made.settled.objects["vpn ssl settings"])


def test_a_secret_is_sent_again_only_when_it_changed() -> None:
    held, record = apply(make_desired(FEED), {}, Record())
    assert "ENC" in format_fortigate(held)
    assert observe_and_plan(make_desired(FEED), held, record).blocks == ()
    made = observe_and_plan(make_desired(FEED.replace("feed-pass", "other-pass")), held, record)
    assert 'set password "other-pass"' in join_diffs(made)
    assert "username" not in join_diffs(made)
    name = "system external-resource:banstitch_feed password"
    assert made.record.fingerprints[name] == ""
    assert made.settled.fingerprints[name] not in ("", record.fingerprints[name])


def test_a_secret_is_sent_again_after_an_interrupted_push() -> None:
    made = observe_and_plan(make_desired(FEED), {}, Record())
    fortigate = apply_blocks({}, made.blocks)
    assert 'set password "feed-pass"' in join_diffs(
        observe_and_plan(make_desired(FEED), fortigate, made.record)
    )


def test_a_second_teardown_has_nothing_to_do() -> None:
    _, record = apply(make_desired(*ALL), make_fortigate(SSL_ALL), Record())
    made = teardown(observe(make_fortigate(SSL_ALL), record.objects), record)
    assert made.blocks == ()
    assert made.settled.objects == {}


def test_a_missing_table_is_an_error_only_where_it_is_needed() -> None:
    seen = Observed("FGT1", {"vpn ssl settings": None}, frozenset({"vpn ssl settings"}))
    with pytest.raises(Failed) as caught:
        plan(make_desired(SSL), seen, Record(), key=KEY)
    assert "'vpn ssl settings'" in str(caught.value)
    assert "block0.j2:1" in str(caught.value)
    record = Record("FGT1", {"vpn ssl settings": SSL})
    assert plan(Desired(), seen, record, key=KEY).blocks == ()


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ('config system automation-trigger\nedit "a"\nset\nnext\nend\n', 3, "needs a name"),
        ('config system automation-trigger\ndelete "a"\nend\n', 2, "'delete' is a command"),
        ("config system automation-trigger\nend\n", 1, "must not be empty"),
        (
            "config vpn ssl settings\nset a b\nconfig x\nedit 1\nnext\nend\nend\n",
            3,
            "inside a single",
        ),
        ('config a\nedit "x"\nnext\nset a b\nend\n', 4, "entries or attributes"),
        (TRIGGER + TRIGGER, 9, "described twice"),
    ],
)
def test_an_error_in_a_template_names_its_line(text: str, line: int, what: str) -> None:
    with pytest.raises(InputError) as caught:
        read_blocks([CliBlock("fortigate/x.j2", text)])
    assert any(fault.line == line and what in fault.message for fault in caught.value.problems)
    assert "fortigate/x.j2" in str(caught.value)


def test_a_rollback_restores_what_was_observed() -> None:
    fortigate = make_fortigate(OPERATORS, SSL_ALL)
    made = observe_and_plan(make_desired(*ALL), fortigate, Record())
    touched = [block.id for block in made.blocks]
    before = observe(fortigate, touched)
    for done in range(len(made.blocks) + 1):
        halfway = apply_blocks(fortigate, made.blocks[:done])
        back = plan_rollback(before, observe(halfway, touched), made.blocks)
        left = apply_blocks(halfway, back)
        assert normalize_fortigate(left) == normalize_fortigate(fortigate)
