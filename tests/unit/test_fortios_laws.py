"""What holds for whatever a site asks for and whatever a FortiGate holds."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from provision.fortios.record import Record
from provision.fortios.text import forti_quote
from tests.unit.fortios_model import after, applied, asked, normal_unit, planned, torn_down

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
    unit = after({}, planned(asked(_text(theirs)), {}, Record()).blocks)
    held, record = applied(asked(_text(first)), unit, Record(), adopt=True)
    assert planned(asked(_text(first)), held, record).blocks == ()
    held, record = applied(asked(_text(second)), held, record, adopt=True)
    assert planned(asked(_text(second)), held, record).blocks == ()
    left = torn_down(held, record)
    assert normal_unit(left) == normal_unit(unit)


@settings(max_examples=30, deadline=None)
@given(tables, tables)
def test_law_foreign_objects_are_never_touched(theirs: Any, wanted: Any) -> None:
    unit = after({}, planned(asked(_text(theirs)), {}, Record()).blocks)
    made = planned(asked(_text(wanted)), unit, Record(), adopt=True)
    assert {block.id for block in made.blocks} <= {f"{path}:{key}" for path, key in wanted}
