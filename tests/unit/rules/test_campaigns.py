"""A few campaigns of the bench: the shipped defaults keep out what they should, and spare the people."""

from __future__ import annotations

import pytest

from tests.bench.campaigns.defaults import read_defaults
from tests.bench.campaigns.defences import Rules
from tests.bench.campaigns.people import MONDAY
from tests.bench.campaigns.simulation import Result, simulate
from tests.bench.campaigns.table import CAMPAIGNS, make_campaign


def run(name: str, is_new: bool = False) -> Result:
    """Return what the shipped defaults make of a campaign."""
    campaign = next(each for each in CAMPAIGNS if each.name == name)
    attempts = [each for each in make_campaign(campaign, 3) if not is_new or each.at >= MONDAY]
    return simulate(attempts, Rules(*read_defaults()), MONDAY)


@pytest.mark.parametrize("is_new", [False, True])
def test_nobody_much_is_denied_in_quiet_weeks(is_new: bool) -> None:
    assert len(run("quiet", is_new).denied) <= 3


def test_slow_groups_are_kept_out() -> None:
    assert run("groups of 3 to 5 slow addresses").share > 94


def test_a_campaign_is_the_same_for_the_same_seed() -> None:
    campaign = next(each for each in CAMPAIGNS if each.name == "quiet")
    assert make_campaign(campaign, 1) == make_campaign(campaign, 1)
    assert make_campaign(campaign, 1) != make_campaign(campaign, 2)
