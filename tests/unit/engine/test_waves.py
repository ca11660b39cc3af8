"""Waves of a rollout: every site is in exactly one, and nothing begins after one failure too many."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provision.engine.fleet.waves import ALL, Rollout, Share, parse_share, parse_waves, split_sites

NAMES = [f"site{number}" for number in range(40)]
PERCENT = st.integers(0, 100).map(lambda number: parse_share(f"{number}%"))
SHARES = st.lists(st.one_of(st.integers(1, 50).map(Share), PERCENT), max_size=4)


@pytest.mark.parametrize(
    ("text", "counts"),
    [
        ("1,10%,100%", [1, 4, 40]),
        ("1, 5, 50%, 100%", [1, 5, 20, 40]),
        ("100%", [40]),
        ("0.1%,100%", [1, 40]),
        ("90,100%", [40, 40]),
    ],
)
def test_shares_are_of_all_sites_and_a_part_of_a_site_is_one(text: str, counts: list[int]) -> None:
    assert [share.count_up(40) for share in parse_waves(text)] == counts


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1,10%", "must end with 100%"),
        ("", "must be a number of sites or a percentage"),
        ("1,,100%", "must be a number of sites or a percentage"),
        ("-1,100%", "(got -1)"),
        ("101%", "(got 101%)"),
        ("1,ten,100%", "(got ten)"),
        ("5,1,100%", "must grow from wave to wave"),
        ("0,100%", "must grow from wave to wave"),
        ("50%,10%,100%", "must grow from wave to wave"),
    ],
)
def test_a_mistake_in_the_waves_is_named(text: str, words: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse_waves(text)
    assert words in str(caught.value)


@given(SHARES, st.integers(0, 40), st.dictionaries(st.sampled_from(NAMES), st.integers(0, 9)))
def test_every_site_is_in_exactly_one_wave(
    shares: list[Share], number: int, fixed: dict[str, int]
) -> None:
    names = NAMES[:number]
    waves = split_sites(names, [*shares, ALL], fixed)
    assert sorted(name for wave in waves for name in wave) == sorted(names)
    assert all(list(wave) == sorted(wave, key=names.index) for wave in waves)


@given(SHARES, st.integers(0, 40), st.dictionaries(st.sampled_from(NAMES), st.integers(0, 9)))
def test_a_site_with_a_wave_of_its_own_is_in_it_and_the_others_keep_their_order(
    shares: list[Share], number: int, fixed: dict[str, int]
) -> None:
    names = NAMES[:number]
    waves = split_sites(names, [*shares, ALL], fixed)
    for name in names:
        if fixed.get(name):
            assert name in waves[min(fixed[name], len(waves)) - 1]
    others = [name for wave in waves for name in wave if not fixed.get(name)]
    assert others == [name for name in names if not fixed.get(name)]


@given(SHARES, st.integers(0, 40), st.dictionaries(st.sampled_from(NAMES), st.integers(0, 9)))
def test_no_wave_exceeds_its_share_but_for_sites_with_a_wave_of_their_own(
    shares: list[Share], number: int, fixed: dict[str, int]
) -> None:
    names = NAMES[:number]
    begun = 0
    waves = split_sites(names, [*shares, ALL], fixed)
    for wave, share in zip(waves, [*shares, ALL], strict=True):
        begun += len(wave)
        if any(not fixed.get(name) for name in wave):
            assert begun <= share.count_up(len(names))


@pytest.mark.parametrize(
    ("budget", "failures", "stops"),
    [
        ("3", 3, False),
        ("3", 4, True),
        ("0", 1, True),
        ("5%", 2, False),
        ("5%", 3, True),
        ("1%", 1, True),
    ],
)
def test_the_budget_is_what_may_fail_in_the_whole_run(
    budget: str, failures: int, stops: bool
) -> None:
    rollout = Rollout(40, parse_share(budget))
    for number in range(failures):
        rollout.begin_wave(f"wave {number}")
        assert not rollout.stop
        rollout.note_site("")
        rollout.note_site(f"error {number}")
        rollout.end_wave()
    assert bool(rollout.stop) == stops


def test_without_a_budget_a_failure_stops_what_comes_after_its_wave() -> None:
    rollout = Rollout(3)
    rollout.begin_wave("wave 1 of 2")
    rollout.note_site("refused")
    before = rollout.stop
    rollout.note_site("")
    rollout.end_wave()
    assert before == ""
    assert rollout.stop == "1 of 2 sites failed in wave 1 of 2"


def test_the_same_error_at_every_site_of_the_first_wave_stops_whatever_the_budget() -> None:
    rollout = Rollout(100, parse_share("50%"))
    rollout.begin_wave("wave 1 of 3")  # one without a site
    rollout.end_wave()
    rollout.begin_wave("wave 2 of 3")
    rollout.note_site("refused")
    rollout.note_site("refused")
    rollout.end_wave()
    assert rollout.stop == "2 sites of wave 2 of 3 failed, all with the same error"


def test_different_errors_in_the_first_wave_and_the_same_one_later_are_within_the_budget() -> None:
    rollout = Rollout(100, parse_share("50%"))
    for wave, failures in enumerate((("refused", "no route"), ("refused", "refused"))):
        rollout.begin_wave(f"wave {wave}")
        for failure in failures:
            rollout.note_site(failure)
        rollout.end_wave()
    assert not rollout.stop


@given(st.lists(st.booleans(), max_size=60), st.integers(0, 60))
def test_the_run_stops_exactly_when_the_budget_is_exceeded(fails: list[bool], budget: int) -> None:
    rollout = Rollout(60, Share(budget))
    rollout.begin_wave("this run")
    for number, failed in enumerate(fails, 1):
        rollout.note_site("refused" if failed else "")
        assert bool(rollout.stop) == (sum(fails[:number]) > budget)
