"""A record is only data: whatever it says, no plan goes beyond the closed lists.

This file repeats the lists on purpose, so that widening them takes two edits.
"""

from __future__ import annotations

import json
import re
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provision.errors import Conflict, Failed
from provision.fortios.config.desired import Desired
from provision.fortios.config.object_id import ObjectId
from provision.fortios.config.tables import TABLES, find_table
from provision.fortios.config.tables.table import MARKER
from provision.fortios.config.text import Config, Edit, Statement, Tree, list_lines, parse
from provision.fortios.planning.blocks import Block
from provision.fortios.planning.object_changes import MEMORY
from provision.fortios.planning.planner import FortiPlan, object_ids_to_observe, plan
from provision.fortios.record.record import Record, RecordRefused, remap_scopes
from provision.fortios.record.restorable import find_obstacles, is_owned
from tests.unit.fortios.fortios_model import (
    ModelFortiGate,
    commands_to_observe,
    make_fortigate,
    observe,
)
from tests.unit.fortios.sample_cli import KEY, WANT
from tests.unit.fortios.wishes import make_operated_fortigate, render_wish, wishes

NAMED = r"banstitch_[a-z0-9_]+"
ALLOWED: dict[str, tuple[str, set[str], dict[str, set[str]]]] = {
    "system automation-trigger": (
        NAMED,
        {"description", "trigger-type", "event-type", "logid", "vdom"},
        {"fields": {"name", "value"}},
    ),
    "system automation-action": (NAMED, set(), {}),
    "system automation-stitch": (
        NAMED,
        {"description", "status", "trigger", "action"},
        {"actions": {"action", "required", "delay"}},
    ),
    "system external-resource": (
        f"(g-)?{NAMED}",
        {
            *("status", "type", "username", "comments", "resource"),
            *("server-identity-check", "refresh-rate", "password"),
            *("source-ip", "source-ip-interface", "interface-select-method", "interface"),
            "vrf-select",
        },
        {},
    ),
    "vpn certificate ca": (NAMED, set(), {}),
    "certificate ca": (NAMED, set(), {}),
    "firewall policy": (
        r"[0-9]+",
        {
            *("status", "name", "srcintf", "dstintf", "action", "srcaddr", "dstaddr", "srcaddr6"),
            *("dstaddr6", "schedule", "service", "match-vip", "logtraffic", "comments"),
        },
        {},
    ),
    **{
        f"firewall local-in-policy{family}": (
            r"[0-9]+",
            {
                *("status", "intf", "action", "srcaddr", "dstaddr"),
                *("schedule", "service", "logtraffic", "comments"),
            },
            {},
        )
        for family in ("", "6")
    },
    "vpn ssl settings": (
        "",
        {
            *("source-address", "source-address-negate"),
            *("source-address6", "source-address6-negate"),
        },
        {},
    ),
    "system settings": ("", {"firewall-session-dirty"}, {}),
}
# A FortiGate with objects of the operator's under names and numbers that a record may try.
THEIRS = make_fortigate(
    'config system admin\nedit "evil"\nset accprofile "prof_admin"\nnext\nend\n',
    'config system automation-action\nedit "wipe"\nset action-type cli-script\nnext\n'
    'edit "banstitch_webhook"\nset description "theirs"\nset action-type email\nnext\nend\n',
    'config system external-resource\nedit "banstitch_feed"\nset type address\nnext\n'
    f'edit "banstitch_old"\nset comments "{MARKER}"\nset password ENC abc\nnext\nend\n',
    'config firewall policy\nedit 1\nset name "theirs"\nset srcaddr "banstitch_feed"\nnext\n'
    f'edit 2\nset name "banstitch_deny"\nset comments "{MARKER}"\nset nat enable\nnext\n'
    'edit 3\nset name "banstitch_deny"\nset comments "by hand"\nnext\nend\n',
    'config vpn ssl settings\nset source-address "office"\nset port 10443\nend\n',
)

hostile = st.sampled_from(
    [
        *("", "x", "1", "2", "3", "9001", "all", "office", "enable", "deny", "accept", "address"),
        *("banstitch_x", "banstitch_feed", "g-banstitch_feed", "banstitch_webhook", "wipe", MARKER),
        *("banstitch_deny", "banstitch_old", "evil", "super_admin", 'x"\nend\nconfig system admin'),
        *("a\rb", "a\x1b[2Jb", "a\u2028b", "a\u202eb", "\ud800", "ENC", "%%log%%", "a b", "ü", "?"),
    ]
)
words = hostile | st.text(max_size=5)
tables = st.sampled_from(
    [*ALLOWED, "system admin", "firewall address", "user local", "system status\nconfig system x"]
)
scopes = st.sampled_from(["", "", "", "global/", "root/", "edge/", "a b/", "x\nend/", "/", "a/b/"])
attributes = st.sampled_from(
    [
        *sorted({name for _, names, _ in ALLOWED.values() for name in names}),
        *("action-type", "script", "accprofile", "uuid", "port", "nat", "x\ny", "config", "set"),
    ]
)


def _spelt(word: str) -> str:
    return word if re.fullmatch(r"[a-z0-9-]+", word) else '"' + word.replace('"', '\\"') + '"'


statements = st.builds(
    lambda verb, name, values: " ".join([verb, name, *map(_spelt, values)]),
    st.sampled_from(["set", "set", "set", "unset", "append", "delete", "move", "end\nconfig"]),
    attributes,
    st.lists(words, max_size=2),
)
nested = st.builds(
    lambda table, key, body: "\n".join([f"config {table}", f"edit {key}", *body, "next", "end"]),
    st.sampled_from(["fields", "actions", "http-headers", "authentication-rule"]),
    st.sampled_from(["1", "2", '"x"']),
    st.lists(statements, max_size=2),
)


def _text(table: str, key: str | None, body: list[str], more: str) -> str:
    entry = body if key is None else [f"edit {_spelt(key)}", *body, "next"]
    return "\n".join([f"config {table}", *entry, "end", more])


@st.composite
def objects(draw: Any) -> tuple[str, Any]:
    """Draw an id and its earlier text, each of which may be forged."""
    table = draw(tables)
    key = draw(st.none() | words | st.sampled_from(["banstitch_x", "1", "2", "9001"]))
    if table in ("vpn ssl settings", "system settings") and draw(st.integers(0, 3)):
        key = None
    object_id = f"{draw(scopes)}{table}" + ("" if key is None else f":{key}")
    body = draw(st.lists(statements | nested, max_size=3))
    other = draw(st.sampled_from([table] * 5 + ["system admin"]))
    more = draw(st.sampled_from([""] * 5 + ["config system admin\nedit evil\nnext\nend\n"]))
    same = draw(st.sampled_from([key] * 5 + ["evil"]))
    return object_id, draw(st.none() | st.just(_text(other, same, body, more)) | words)


def _likely_text(object_id: str, body: list[str]) -> str:
    table, _, key = object_id.partition(":")
    name = find_table(table).identified_by
    ours = {"name": "banstitch_deny", "comments": MARKER}
    body = [f'set {name} "{ours[name]}"', *body] if name else body
    return _text(table, key or None, body, "")


likely_values = st.sampled_from(
    [
        *(
            "all",
            "office",
            "bad",
            "enable",
            "disable",
            "deny",
            "accept",
            "address",
            "event-log",
            "1",
        ),
        *(
            "banstitch_x",
            "wipe",
            "http://x/y",
            "https://evil",
            "ioc",
            "category",
            "none",
            "check-new",
        ),
    ]
)
likely_names = st.sampled_from(
    [
        *("description", "event-type", "logid", "status", "trigger", "action", "type", "resource"),
        *("srcaddr", "dstaddr", "comments", "source-address", "source-address-negate", "password"),
        *("firewall-session-dirty", "uuid", "action-type", "nat"),
    ]
)
likely_statements = st.builds(
    lambda name, value: f"set {name} {_spelt(value)}", likely_names, likely_values
) | st.builds(lambda name: f"unset {name}", likely_names)
likely_ids = st.sampled_from(
    [
        "system automation-trigger:banstitch_x",
        "system automation-action:banstitch_webhook",
        "system automation-stitch:banstitch_x",
        "system external-resource:banstitch_feed",
        "system external-resource:banstitch_old",
        *(f"firewall policy:{number}" for number in (1, 2, 3, 9001)),
        "firewall local-in-policy:9001",
        "vpn ssl settings",
        "vpn ssl settings",
        "system settings",
        "vpn certificate ca:banstitch_ca",
    ]
)
single_names = {
    "vpn ssl settings": ["source-address", "source-address6", "source-address-negate"],
    "system settings": ["firewall-session-dirty"],
}


@st.composite
def likely(draw: Any) -> tuple[str, str | None]:
    """Draw an id of ours and a plausible earlier text, which pass the first check."""
    object_id = draw(likely_ids)
    if object_id in single_names:
        names = st.sampled_from(single_names[object_id])
        values = {"source-address-negate": "enable", "firewall-session-dirty": "check-new"}
        body = [
            f"set {name} {values.get(name, draw(st.sampled_from(['all', 'office', 'bad'])))}"
            for name in draw(st.lists(names, unique=True))
        ]
        return object_id, _likely_text(object_id, body)
    body = draw(st.lists(likely_statements, max_size=2))
    return object_id, draw(st.none() | st.just(_likely_text(object_id, body)))


forged = st.builds(
    lambda found, serial, prints, names: {
        "serial": serial,
        "objects": [list(each) for each in found],
        "fingerprints": prints,
        "names": names,
    },
    st.lists(objects(), max_size=3),
    st.sampled_from(["", "FGT1", "FGT1\nx"]) | words,
    st.dictionaries(words, st.sampled_from(["", "a" * 64, "x\n"]), max_size=1),
    st.dictionaries(st.just("firewall policy:1") | words, words, max_size=1),
)


records = forged | st.builds(
    lambda found: {"serial": "", "objects": found, "fingerprints": {}, "names": {}},
    st.lists(likely().map(list), max_size=4, unique_by=lambda each: str(each[0])),
)


def _check_lines(block: Block) -> None:
    for line in list_lines(block.tree):
        assert line.isprintable(), line


def _check(block: Block) -> None:
    """Check that a block stays within the lists of this file."""
    _check_lines(block)
    one = ObjectId.parse(block.id)
    keys, names, inner = ALLOWED[one.table]
    (config,) = block.tree
    assert isinstance(config, Config)
    assert config.path == one.table
    assert re.fullmatch(r"|global|root|edge", one.scope)
    assert re.fullmatch(keys, one.key or "")
    for node in config.body:
        if isinstance(node, Edit):
            assert node.key.value == one.key
            _check_body(node.body, names, inner)
        elif isinstance(node, Statement) and node.verb in ("delete", "move") and one.key:
            assert node.words[0].value == one.key
        else:
            _check_body((node,), names, {})


def _check_body(body: Tree, names: set[str], inner: dict[str, set[str]]) -> None:
    for node in body:
        if isinstance(node, Config):
            for row in node.body:
                assert isinstance(row, Edit | Statement)
                if isinstance(row, Edit):
                    _check_body(row.body, inner[node.path], {})
                else:
                    assert row.verb == "delete"
        else:
            assert isinstance(node, Statement)
            assert node.verb in ("set", "unset")
            assert node.name in names
            values = [each.value for each in node.words[1:]]
            assert "ENC" not in values[:1]
            assert node.name != "password" or node.verb == "unset"
            assert node.name != "action" or set(values) <= {"deny"} or values[0].startswith("banst")


def _plan(fortigate: ModelFortiGate, want: Desired, record: Record) -> FortiPlan:
    seen = observe(fortigate, object_ids_to_observe(want, record))
    return plan(want, seen, record, key=KEY)


def _read(data: Any) -> Record | None:
    with suppress(RecordRefused):
        return Record.from_json(data)
    return None


@settings(max_examples=400, deadline=None)
@given(records, st.sampled_from([Desired(), WANT]), st.sampled_from([(), ("root", "edge")]))
def test_law_whatever_a_record_says_only_the_closed_lists_reach_a_plan(
    data: Any, want: Desired, vdoms: tuple[str, ...]
) -> None:
    record = _read(data)
    if record is None:
        return
    record = remap_scopes(record, vdoms)
    assert all(re.fullmatch(r"show [ -~]+", each) for each in commands_to_observe(want, record))
    scope = "root/" if vdoms else ""
    try:
        made = _plan({f"{scope}{each}": body for each, body in THEIRS.items()}, want, record)
    except (Conflict, Failed):
        return
    for change, block in zip(made.changes, made.blocks, strict=True):
        if change.source == MEMORY:
            _check(block)
        assert change.action not in ("delete", "restore") or change.source == MEMORY
        assert change.diff == block.text
    touched = {each.id.removeprefix("root/") for each in made.changes if each.action == "delete"}
    assert touched <= {"system external-resource:banstitch_old", "firewall policy:2"}


@settings(max_examples=100, deadline=None)
@given(words, words, words)
def test_law_no_id_makes_more_than_one_line_even_unchecked(
    scope: str, table: str, key: str
) -> None:
    for each in (f"{scope}/{table}:{key}", f"{table}:{key}", f"firewall policy:{key}"):
        with suppress(ValueError):
            assert ObjectId.parse(each).show_command.isprintable()
            assert (
                ObjectId.parse(each).show_command.count('"') in (0, 2)
                or "\\" in ObjectId.parse(each).show_command
            )


@settings(max_examples=60, deadline=None)
@given(wishes, st.booleans())
def test_law_every_desired_object_is_in_the_lists_and_its_record_can_be_read(
    wish: dict[str, Any], vdoms: bool
) -> None:
    want, fortigate = render_wish(wish, vdoms), make_operated_fortigate(vdoms)
    try:
        made = _plan(fortigate, want, Record())
    except Failed:
        return
    assert all(is_owned(ObjectId.parse(each.id)) for each in want.objects)
    for record in (made.record, made.settled):
        assert Record.from_json(json.loads(json.dumps(record.to_json()))) == record


def test_the_tables_have_the_lists_of_this_file() -> None:
    owned = {path: table for path, table in TABLES.items() if table.keys is not None}
    for path, table in owned.items():
        assert {*table.restores, *table.clears} == ALLOWED[path][1]
        inner_tables = table.restorable_tables.items()
        assert {name: set(names) for name, names in inner_tables} == ALLOWED[path][2]
    assert owned.keys() == ALLOWED.keys()


@pytest.mark.parametrize("table", [path for path in TABLES if find_table(path).identified_by])
def test_a_numbered_entry_is_restored_only_under_our_name(table: str) -> None:
    one, attribute = ObjectId("", table, "9001"), find_table(table).identified_by
    for name in ("theirs", "", "banstitch_deny2"):
        (config,) = parse(f'config x\nset {attribute} "{name}"\nset action deny\nend\n')
        assert isinstance(config, Config)
        assert find_obstacles(one, config.body) == (f"'{attribute}'",)
    assert find_obstacles(one, ()) == (f"no '{attribute}'",)


@pytest.mark.parametrize(
    ("data", "what"),
    [
        ({}, "form of a record"),
        (None, "form of a record"),
        ({"objects": [["x" * 500, None]]}, "..."),
        ({"objects": [["firewall policy:9", None]] * 2}, "only once"),
        ({"objects": [["firewall policy:9", 5]]}, "text or null"),
        ({"objects": "x"}, "list of at most"),
        ({"objects": [["firewall policy:9", None]] * 2001}, "list of at most"),
        ({"serial": "a\nb"}, "printable"),
        ({"fingerprints": {"x": "nothex"}}, "64 hexadecimal digits"),
        ({"fingerprints": {"a\nb": ""}}, "printable"),
        ({"names": {"system admin:x": "banstitch_deny"}}, "not an object"),
        ({"names": {"firewall policy:9": "theirs"}}, "must not be called 'theirs'"),
    ],
)
def test_a_malformed_record_is_refused_with_the_reason_and_the_place(data: Any, what: str) -> None:
    whole = {"serial": "", "objects": [], "fingerprints": {}, "names": {}}
    with pytest.raises(RecordRefused) as caught:
        Record.from_json({**whole, **data} if data else data)
    assert what in str(caught.value)
    assert "manifest.json" in caught.value.remedy
    assert len(str(caught.value)) < 400
