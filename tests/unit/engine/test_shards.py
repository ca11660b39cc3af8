"""Shards: every site is in exactly one, and what does not belong together is not merged."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provision.engine.fleet.shards import Shard, parse_shard, take_shard
from provision.engine.fleet.waves import Waves, parse_share, parse_waves

NAMES = [f"site{number}" for number in range(60)]


@given(st.integers(0, 60), st.integers(1, 12))
def test_every_site_is_in_exactly_one_shard_and_they_are_equally_large(
    number: int, of: int
) -> None:
    shards = [take_shard(NAMES[:number], Shard(each, of)) for each in range(1, of + 1)]
    assert sorted(name for shard in shards for name in shard) == sorted(NAMES[:number])
    sizes = [len(shard) for shard in shards]
    assert max(sizes) - min(sizes) <= 1
    assert all(list(shard) == sorted(shard, key=NAMES.index) for shard in shards)


@given(st.integers(1, 9999), st.integers(1, 9999))
def test_a_shard_is_read_as_it_is_written(one: int, two: int) -> None:
    shard = Shard(min(one, two), max(one, two))
    assert parse_shard(str(shard)) == shard


@pytest.mark.parametrize("text", ["", "1", "0/4", "5/4", "1/0", "-1/4", "1/4/2", "1/ 4", "٣/٤"])
def test_a_mistake_in_a_shard_is_named(text: str) -> None:
    with pytest.raises(ValueError, match="must be K/N"):
        parse_shard(text)


@pytest.mark.parametrize("text", ["100%", "1,100%", "1,0.5%,33.333%,100%", "3,7,100%"])
def test_waves_are_read_as_a_run_file_has_them(text: str) -> None:
    assert str(Waves(parse_waves(text))) == text
    assert [str(share) for share in parse_waves(text)] == [
        *map(str, map(parse_share, text.split(",")))
    ]
