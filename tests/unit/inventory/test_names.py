"""Ranges and ports in host names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provision.inventory.sources.names import expand


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("web[01:03].example.com", ["web01", "web02", "web03"]),
        ("db-[a:c]", ["db-a", "db-b", "db-c"]),
        ("n[0:6:3]", ["n0", "n3", "n6"]),
        ("n[8:11]", ["n8", "n9", "n10", "n11"]),
        ("r[1:2]u[a:b]", ["r1ua", "r1ub", "r2ua", "r2ub"]),
        ("plain", ["plain"]),
    ],
)
def test_a_range_stands_for_its_names(pattern: str, names: list[str]) -> None:
    assert [name.removesuffix(".example.com") for name in expand(pattern)] == names


@given(st.integers(0, 500), st.integers(0, 60), st.integers(1, 7), st.integers(0, 2))
def test_a_range_counts_like_python_and_keeps_the_width_of_its_zeros(
    first: int, length: int, step: int, zeros: int
) -> None:
    last = first + length
    width = len(str(last)) + zeros
    low, high = str(first).zfill(width), str(last).zfill(width)
    names = list(expand(f"a[{low}:{high}:{step}]z"))
    assert [int(name[1:-1]) for name in names] == list(range(first, last + 1, step))
    if low.startswith("0") and len(low) > 1:
        assert {len(name) for name in names} == {width + 2}


@given(st.text(alphabet="ab09[]:", max_size=12))
def test_any_text_is_a_range_or_a_value_error(text: str) -> None:
    try:
        names = list(expand(text))
    except ValueError:
        return
    assert names
    assert not any("[" in name for name in names)
