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
from tests.unit.fortios.forged_records import ALLOWED, records, words
from tests.unit.fortios.fortios_model import (
    ModelFortiGate,
    commands_to_observe,
    make_fortigate,
    observe,
)
from tests.unit.fortios.sample_cli import KEY, WANT
from tests.unit.fortios.wishes import make_operated_fortigate, render_wish, wishes

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
