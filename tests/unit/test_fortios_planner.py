"""What is sent to a FortiGate: the difference and no more; teardown gives back what was there."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provision.errors import Conflict, Failed, InputError
from provision.fortios.desired import CliBlock, Desired, desired
from provision.fortios.planner import (
    FortiPlan,
    Observed,
    ids,
    plan,
    reads,
    revert,
    teardown,
)
from provision.fortios.record import Record
from provision.fortios.text import Config, Edit, forti_quote, parse, serialise
from tests.unit.fortios_model import Unit, after, look, normal

KEY = b"k" * 32
TRIGGER = """config system automation-trigger
    edit "ban-login"
        set event-type event-log
        set logid 39426
    next
end
"""
ACTION = """config system automation-action
    edit "ban-hook"
        set action-type webhook
        set uri "10.0.0.5/log"
        set http-body "%%log%%"
        set port 5514
        config http-headers
            edit 1
                set key "X-Token"
                set value "s3cret-token"
            next
        end
    next
end
"""
STITCH = """config system automation-stitch
    edit "ban-login"
        set trigger "ban-login"
        config actions
            edit 1
                set action "ban-hook"
                set required enable
            next
        end
    next
end
"""
FEED = """config system external-resource
    edit "ban-feed"
        set type address
        set username "fgt"
        set password "feed-pass"
        set resource "http://10.0.0.5/feed"
        set refresh-rate 1
    next
end
"""
SSL = """config vpn ssl settings
    set source-address "ban-feed"
    set source-address-negate enable
end
"""
ALL = (FEED, ACTION, TRIGGER, STITCH, SSL)


def _desired(*texts: str) -> Desired:
    return desired([CliBlock(f"block{n}.j2", text) for n, text in enumerate(texts)])


def _unit(*texts: str) -> Unit:
    """A unit that holds what ``texts`` show."""
    found: Unit = {}
    for config in parse("".join(texts)):
        assert isinstance(config, Config)
        edits = [each for each in config.body if isinstance(each, Edit)]
        if not edits:
            found[config.path] = config.body
        for edit in edits:
            found[f"{config.path}:{edit.key.value}"] = edit.body
    return found


def _plan(want: Desired, unit: Unit, record: Record, **options: Any) -> FortiPlan:
    return plan(want, look(unit, ids(want, record)), record, key=KEY, **options)


def _applied(want: Desired, unit: Unit, record: Record, **options: Any) -> tuple[Unit, Record]:
    made = _plan(want, unit, record, **options)
    return after(unit, made.blocks), made.settled


def _torn_down(unit: Unit, record: Record) -> Unit:
    made = teardown(look(unit, ids(Desired(), record)), record)
    assert made.settled.objects == {}
    return after(unit, made.blocks)


def _sent(made: FortiPlan) -> str:
    return "".join(change.diff for change in made.changes)


OPERATORS = 'config system automation-stitch\n edit "theirs"\n set trigger "x"\n next\nend\n'
SSL_ALL = "config vpn ssl settings\n set source-address all\n set port 10443\nend\n"
SSL_DENY = (
    'config vpn ssl settings\n set source-address "bad guys"\n'
    " set source-address-negate enable\nend\n"
)
SSL_ALLOW = 'config vpn ssl settings\n set source-address "office" "home"\nend\n'


@pytest.mark.parametrize("before", [(), (OPERATORS,), (SSL_ALL,), (OPERATORS, SSL_DENY)])
def test_apply_then_nothing_to_do_then_teardown_gives_back_the_unit(
    before: tuple[str, ...],
) -> None:
    unit = _unit(*before)
    held, record = _applied(_desired(*ALL), unit, Record())
    again = _plan(_desired(*ALL), held, record)
    assert again.blocks == ()
    assert again.record == again.settled == record
    left = _torn_down(held, record)
    left = {each: body for each, body in left.items() if body or each in unit}
    assert left == unit


def test_objects_are_made_in_the_order_of_the_blocks_and_deleted_user_first() -> None:
    made = _plan(_desired(*ALL), {}, Record())
    assert [change.id for change in made.changes] == [
        "system external-resource:ban-feed",
        "system automation-action:ban-hook",
        "system automation-trigger:ban-login",
        "system automation-stitch:ban-login",
        "vpn ssl settings",
    ]
    unit = after({}, made.blocks)
    # made in another order than the one they refer in: references decide
    shuffled = Record("FGT1", dict(sorted(made.settled.objects.items(), reverse=True)))
    gone = teardown(look(unit, shuffled.objects), shuffled)
    order = [change.id.split(":")[0] for change in gone.changes]
    assert order.index("system automation-stitch") < order.index("system automation-trigger")
    assert order.index("system automation-stitch") < order.index("system automation-action")
    assert order.index("vpn ssl settings") < order.index("system external-resource")


def test_only_the_tables_that_are_managed_are_read_one_object_a_command() -> None:
    made = {"firewall address:x": None, "firewall policy:7": None, "firewall policy:8": None}
    assert reads(_desired(TRIGGER, SSL), Record("x", made)) == (
        'show system automation-trigger "ban-login"',
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
def test_each_drift_is_mended_and_nothing_else_is_sent(
    drift: tuple[str, str], mended: list[str]
) -> None:
    _, record = _applied(_desired(ACTION), {}, Record())
    assert drift[0] in ACTION
    made = _plan(_desired(ACTION), _unit(ACTION.replace(*drift)), record)
    frame = ("config", "edit", "next", "end")
    lines = [line.strip() for line in _sent(made).splitlines()]
    assert [line for line in lines if not line.startswith(frame)] == mended
    assert [change.action for change in made.changes] == ["update"]


def test_defaults_list_order_spelling_and_automatic_attributes_make_no_difference() -> None:
    want = """config system automation-action
    edit "a"
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
    next
end
"""
    unit = _unit(
        'config system automation-action\nedit "a"\nset uuid 1-2-3\nset action-type webhook\n'
        'set uri "x y"\nnext\nend\n'
        'config firewall local-in-policy\nedit 9000\nset uuid 4\nset srcaddr "b" a\nnext\nend\n'
    )
    assert _plan(_desired(want), unit, Record()).blocks == ()


def test_words_whose_order_means_something_are_not_taken_for_a_set() -> None:
    want = 'config firewall address\nedit "a"\nset subnet 10.0.0.0 255.0.0.0\nnext\nend\n'
    unit = _unit(want.replace("10.0.0.0 255.0.0.0", "255.0.0.0 10.0.0.0"))
    with pytest.raises(Conflict):
        _plan(_desired(want), unit, Record())


def test_an_object_of_the_same_name_that_is_not_ours_is_a_conflict_that_names_it() -> None:
    unit = _unit(TRIGGER.replace("39426", "1"), ACTION.replace("5514", "1"))
    with pytest.raises(Conflict) as caught:
        _plan(_desired(TRIGGER, ACTION), unit, Record())
    text = str(caught.value)
    assert "system automation-trigger:ban-login" in text
    assert "differs in 'logid'" in text
    assert "system automation-action:ban-hook" in text
    assert "block1.j2:2" in text
    assert "--adopt" in text


def test_an_adopted_object_comes_back_whole_at_teardown() -> None:
    theirs = TRIGGER.replace("39426", "1").replace("set logid", 'set description "x"\nset logid')
    unit = _unit(theirs)
    held, record = _applied(_desired(TRIGGER), unit, Record(), adopt=True)
    assert held == _unit(TRIGGER)
    left = _torn_down(held, record)
    assert _normal(left) == _normal(unit)


def test_an_equal_object_that_is_not_ours_is_left_alone_and_survives_teardown() -> None:
    unit = _unit(TRIGGER)
    held, record = _applied(_desired(TRIGGER), unit, Record())
    assert held == unit
    assert record.objects["system automation-trigger:ban-login"] is not None
    assert _torn_down(held, record) == unit


def test_what_an_older_inventory_made_is_removed_after_the_new_is_in_place() -> None:
    held, record = _applied(_desired(*ALL), {}, Record())
    feed, ssl = FEED.replace("ban-feed", "new-feed"), SSL.replace("ban-feed", "new-feed")
    made = _plan(_desired(feed, ssl), held, record)
    assert [(change.action, change.id) for change in made.changes] == [
        ("create", "system external-resource:new-feed"),
        ("update", "vpn ssl settings"),
        ("delete", "system automation-stitch:ban-login"),
        ("delete", "system automation-trigger:ban-login"),
        ("delete", "system automation-action:ban-hook"),
        ("delete", "system external-resource:ban-feed"),
    ]
    # an interruption between the two must not lose sight of what is still there
    assert set(made.record.objects) == set(record.objects) | {"system external-resource:new-feed"}
    assert list(made.settled.objects) == ["system external-resource:new-feed", "vpn ssl settings"]
    unit = after(held, made.blocks)
    assert 'source-address "new-feed"\n' in _shown(unit)
    assert _torn_down(unit, made.settled) == {"vpn ssl settings": ()}


def _shown(unit: Unit) -> str:
    return "".join(serialise((Config(each, body),)) for each, body in unit.items())


def test_an_allow_list_of_the_operator_is_never_turned_into_a_deny_list() -> None:
    for options in ({}, {"adopt": True}):
        with pytest.raises(Conflict) as caught:
            _plan(_desired(FEED, SSL), _unit(SSL_ALLOW), Record(), **options)
        assert "source-address office home" in str(caught.value)


def test_a_deny_list_of_the_operator_is_joined_and_restored() -> None:
    held, record = _applied(_desired(FEED, SSL), _unit(SSL_DENY), Record())
    assert 'set source-address "bad guys" "ban-feed"' in _shown(held)
    assert _torn_down(held, record) == _unit(SSL_DENY)


def test_what_the_operator_added_to_our_deny_list_stays_at_teardown() -> None:
    held, record = _applied(_desired(FEED, SSL), _unit(SSL_ALL), Record())
    held["vpn ssl settings"] = _unit(SSL.replace('"ban-feed"', '"ban-feed" "late"'))[
        "vpn ssl settings"
    ]
    assert _plan(_desired(FEED, SSL), held, record).blocks == ()
    made = teardown(look(held, record.objects), record)
    assert "late" in made.warnings[0]
    shown = _shown(after(held, made.blocks))
    assert 'set source-address "late"\n' in shown
    assert "set source-address-negate enable" in shown


def test_a_single_object_is_changed_in_one_block_and_only_where_it_is_named() -> None:
    made = _plan(_desired(FEED, SSL), _unit(SSL_ALL), Record())
    assert made.changes[1].diff == SSL
    held = after(_unit(SSL_ALL), made.blocks)
    (back,) = [
        change.diff
        for change in teardown(look(held, made.settled.objects), made.settled).changes
        if change.id == "vpn ssl settings"
    ]
    assert back == (
        "config vpn ssl settings\n    unset source-address-negate\n"
        "    set source-address all\nend\n"
    )


def test_an_attribute_that_is_no_longer_named_goes_back_to_what_it_was() -> None:
    more = SSL.replace("end", "set login-attempt-limit 5\nend")
    unit = _unit(SSL_ALL.replace("end", "set login-attempt-limit 3\nend"))
    held, record = _applied(_desired(FEED, more), unit, Record())
    made = _plan(_desired(FEED, SSL), held, record)
    assert "set login-attempt-limit 3" in _sent(made)
    assert "source-address" not in _sent(made)
    assert "login-attempt-limit" not in str(made.settled.objects["vpn ssl settings"])


def test_a_secret_is_sent_again_only_when_it_changed() -> None:
    held, record = _applied(_desired(FEED), {}, Record())
    assert "ENC" in _shown(held)
    assert _plan(_desired(FEED), held, record).blocks == ()
    made = _plan(_desired(FEED.replace("feed-pass", "other-pass")), held, record)
    assert 'set password "other-pass"' in _sent(made)
    assert "username" not in _sent(made)
    name = "system external-resource:ban-feed password"
    assert made.record.fingerprints[name] == ""
    assert made.settled.fingerprints[name] not in ("", record.fingerprints[name])


def test_a_secret_whose_sending_was_cut_short_is_sent_again() -> None:
    made = _plan(_desired(FEED), {}, Record())
    unit = after({}, made.blocks)
    assert 'set password "feed-pass"' in _sent(_plan(_desired(FEED), unit, made.record))


def test_a_secret_never_reaches_the_record_readable() -> None:
    made = _plan(_desired(*ALL), {}, Record())
    for each in (made.record, made.settled):
        assert "feed-pass" not in str(each.to_json())
        assert "s3cret-token" not in str(each.to_json())


def test_an_adopted_secret_of_the_operator_comes_back_as_the_unit_showed_it() -> None:
    unit = _unit(FEED.replace('"feed-pass"', "ENC abc="))
    held, record = _applied(_desired(FEED), unit, Record(), adopt=True)
    assert _torn_down(held, record) == unit


def test_the_record_survives_json_in_its_order() -> None:
    _, record = _applied(_desired(*ALL), _unit(SSL_ALL), Record())
    back = Record.from_json(json.loads(json.dumps(record.to_json(), sort_keys=True)))
    assert back == record
    assert list(back.objects) == list(record.objects)


@pytest.mark.parametrize("bad", [{}, {"serial": "x", "objects": 3, "fingerprints": {}}, []])
def test_a_damaged_record_is_refused(bad: Any) -> None:
    with pytest.raises(ValueError):
        Record.from_json(bad)


def test_a_second_teardown_has_nothing_to_do() -> None:
    _, record = _applied(_desired(*ALL), _unit(SSL_ALL), Record())
    made = teardown(look(_unit(SSL_ALL), record.objects), record)
    assert made.blocks == ()
    assert made.settled.objects == {}


def test_a_cluster_partner_is_taken_for_the_same_unit_and_a_new_one_is_not() -> None:
    held, record = _applied(_desired(*ALL), {}, Record())
    want = _desired(*ALL)
    partner = plan(want, look(held, ids(want, record), "FGT2"), record, key=KEY)
    assert partner.blocks == ()
    assert "FGT2" in partner.warnings[0]
    assert partner.settled.serial == "FGT2"
    fresh = plan(want, look({}, ids(want, record), "FGT3"), record, key=KEY)
    assert len(fresh.changes) == 5
    assert "new unit" in fresh.warnings[0]


def test_a_table_that_the_unit_lacks_is_an_error_only_where_it_is_needed() -> None:
    seen = Observed("FGT1", {"vpn ssl settings": None}, frozenset({"vpn ssl settings"}))
    with pytest.raises(Failed) as caught:
        plan(_desired(SSL), seen, Record(), key=KEY)
    assert "'vpn ssl settings'" in str(caught.value)
    assert "block0.j2:1" in str(caught.value)
    record = Record("FGT1", {"vpn ssl settings": SSL})
    assert plan(Desired(), seen, record, key=KEY).blocks == ()


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ('config system automation-trigger\nedit "a"\nset\nnext\nend\n', 3, "needs a name"),
        ('config system automation-trigger\ndelete "a"\nend\n', 2, "'delete' is an order"),
        ("config system automation-trigger\nend\n", 1, "says nothing"),
        (
            "config vpn ssl settings\nset a b\nconfig x\nedit 1\nnext\nend\nend\n",
            3,
            "inside a single",
        ),
        ('config a\nedit "x"\nnext\nset a b\nend\n', 4, "entries or attributes"),
        (TRIGGER + TRIGGER, 8, "described twice"),
    ],
)
def test_a_faulty_template_is_named_with_its_line(text: str, line: int, what: str) -> None:
    with pytest.raises(InputError) as caught:
        desired([CliBlock("fortigate/x.j2", text)])
    assert any(fault.line == line and what in fault.what for fault in caught.value.faults)
    assert "fortigate/x.j2" in str(caught.value)


def test_a_revert_leads_back_to_what_was_observed() -> None:
    unit = _unit(OPERATORS, SSL_ALL)
    made = _plan(_desired(*ALL), unit, Record())
    touched = [block.id for block in made.blocks]
    before = look(unit, touched)
    for done in range(len(made.blocks) + 1):
        halfway = after(unit, made.blocks[:done])
        back = revert(before, look(halfway, touched), made.blocks)
        left = after(halfway, back)
        assert _normal(left) == _normal(unit)


# Laws

names = st.sampled_from(["a", "b", "c", "d e"])
texts = st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=6)
attrs = st.dictionaries(
    st.sampled_from(["description", "uri", "method", "port", "members", "password"]),
    st.lists(texts.filter(bool), min_size=1, max_size=3, unique=True),
    max_size=4,
)


def _entry_text(key: str, attrs: dict[str, list[str]], rows: dict[int, list[str]]) -> str:
    lines = [f"edit {forti_quote(key)}"]
    lines += [f"set {name} {' '.join(map(forti_quote, each))}" for name, each in attrs.items()]
    lines += ["config rows"] if rows else []
    for number, each in rows.items():
        lines += [f"edit {number}", f"set value {' '.join(map(forti_quote, each))}", "next"]
    lines += ["end", "next"] if rows else ["next"]
    return "\n".join(lines) + "\n"


rows = st.dictionaries(
    st.integers(0, 3), st.lists(texts.filter(bool), min_size=1, max_size=2), max_size=3
)
tables = st.dictionaries(
    st.tuples(st.sampled_from(["system automation-action", "firewall address"]), names),
    st.tuples(attrs, rows),
    max_size=4,
)


def _text(objects: dict[tuple[str, str], tuple[dict[str, list[str]], dict[int, list[str]]]]) -> str:
    return "".join(
        f"config {path}\n{_entry_text(key, *body)}end\n" for (path, key), body in objects.items()
    )


@settings(max_examples=30, deadline=None)
@given(tables, tables, tables)
def test_law_apply_is_idempotent_and_teardown_is_its_inverse(
    theirs: Any, first: Any, second: Any
) -> None:
    unit = after({}, _plan(_desired(_text(theirs)), {}, Record()).blocks)
    held, record = _applied(_desired(_text(first)), unit, Record(), adopt=True)
    assert _plan(_desired(_text(first)), held, record).blocks == ()
    held, record = _applied(_desired(_text(second)), held, record, adopt=True)
    assert _plan(_desired(_text(second)), held, record).blocks == ()
    left = _torn_down(held, record)
    assert _normal(left) == _normal(unit)


@settings(max_examples=30, deadline=None)
@given(tables, tables)
def test_law_foreign_objects_are_never_touched(theirs: Any, wanted: Any) -> None:
    unit = after({}, _plan(_desired(_text(theirs)), {}, Record()).blocks)
    made = _plan(_desired(_text(wanted)), unit, Record(), adopt=True)
    assert {block.id for block in made.blocks} <= {f"{path}:{key}" for path, key in wanted}


def _normal(unit: Unit) -> Any:
    return {each: normal(body) for each, body in unit.items()}
