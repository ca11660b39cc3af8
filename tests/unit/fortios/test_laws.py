"""Laws that hold for any desired and any observed state."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from provision.fortios.config.tables.table import MARKER
from provision.fortios.config.text import forti_quote
from provision.fortios.record.record import Record
from tests.unit.fortios.fortios_model import (
    apply,
    apply_blocks,
    make_desired,
    normalize_fortigate,
    observe_and_plan,
    tear_down,
)

names = st.sampled_from(["banstitch_a", "banstitch_b", "banstitch_c", "banstitch_d_1"])
texts = st.text(st.characters(exclude_categories=["C", "Z"]), max_size=6)
numbers = st.integers(0, 65535).map(str)
attrs = st.fixed_dictionaries(
    {},
    optional={
        "description": st.lists(texts.filter(bool), min_size=1, max_size=1),
        "event-type": st.just(["event-log"]),
        "logid": st.lists(numbers, min_size=1, max_size=3, unique=True),
    },
)
feeds = st.fixed_dictionaries(
    {},
    optional={
        "comments": st.lists(texts.filter(bool), min_size=1, max_size=1),
        "type": st.just(["address"]),
        "resource": st.just(["http://192.0.2.1/feed"]),
        "refresh-rate": st.lists(numbers, min_size=1, max_size=1),
        "password": st.lists(texts.filter(bool), min_size=1, max_size=1),
    },
)


def _entry_text(key: str, attrs: dict[str, list[str]], rows: dict[int, list[str]]) -> str:
    lines = [f"edit {forti_quote(key)}"]
    lines += [f"set {name} {' '.join(map(forti_quote, each))}" for name, each in attrs.items()]
    lines += ["config fields"] if rows else []
    for number, each in rows.items():
        lines += [f"edit {number}", f"set value {' '.join(map(forti_quote, each))}", "next"]
    lines += ["end", "next"] if rows else ["next"]
    return "\n".join(lines) + "\n"


rows = st.dictionaries(
    st.integers(0, 3), st.lists(texts.filter(bool), min_size=1, max_size=2), max_size=3
)
triggers = st.tuples(attrs, rows)


def _tables(path: str, entries: Any) -> Any:
    return st.dictionaries(st.tuples(st.just(path), names), entries, max_size=3)


def _ours(entry: Any, mark: str) -> Any:
    attrs, nested = entry
    return {**attrs, mark: [f"{MARKER}: {''.join(attrs.get(mark, []))}"]}, nested


def _theirs(entry: Any) -> Any:
    """Return an object without secrets, since one with a secret is never taken over."""
    attrs, nested = entry
    return {name: each for name, each in attrs.items() if name != "password"}, nested


TRIGGERS, FEEDS = "system automation-trigger", "system external-resource"
no_rows: Any = st.tuples(feeds, st.just({}))
found_tables = st.builds(
    lambda one, two: {**one, **two},
    _tables(TRIGGERS, triggers),
    _tables(FEEDS, no_rows.map(_theirs)),
)
wanted_tables = st.builds(
    lambda one, two: {**one, **two},
    _tables(TRIGGERS, triggers.map(lambda each: _ours(each, "description"))),
    _tables(FEEDS, no_rows.map(lambda each: _ours(each, "comments"))),
)


def _text(objects: dict[tuple[str, str], tuple[dict[str, list[str]], dict[int, list[str]]]]) -> str:
    return "".join(
        f"config {path}\n{_entry_text(key, *body)}end\n" for (path, key), body in objects.items()
    )


@settings(max_examples=30, deadline=None)
@given(found_tables, wanted_tables, wanted_tables)
def test_law_apply_is_idempotent_and_teardown_is_its_inverse(
    theirs: Any, first: Any, second: Any
) -> None:
    fortigate = apply_blocks({}, observe_and_plan(make_desired(_text(theirs)), {}, Record()).blocks)
    held, record = apply(make_desired(_text(first)), fortigate, Record(), adopt=True)
    assert observe_and_plan(make_desired(_text(first)), held, record).blocks == ()
    held, record = apply(make_desired(_text(second)), held, record, adopt=True)
    assert observe_and_plan(make_desired(_text(second)), held, record).blocks == ()
    left = tear_down(held, record)
    assert normalize_fortigate(left) == normalize_fortigate(fortigate)


@settings(max_examples=30, deadline=None)
@given(found_tables, wanted_tables)
def test_law_foreign_objects_are_never_touched(theirs: Any, wanted: Any) -> None:
    fortigate = apply_blocks({}, observe_and_plan(make_desired(_text(theirs)), {}, Record()).blocks)
    made = observe_and_plan(make_desired(_text(wanted)), fortigate, Record(), adopt=True)
    assert {block.id for block in made.blocks} <= {f"{path}:{key}" for path, key in wanted}
