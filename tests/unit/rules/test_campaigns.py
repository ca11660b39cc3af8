"""A few campaigns of the bench: the shipped defaults keep out what they should, and spare the people."""

from __future__ import annotations

import pytest
from banstitch_shared.eventlog import FAILURE, SUCCESS

from tests.bench.campaigns.attempts import SSLVPN, Attempt
from tests.bench.campaigns.defaults import read_defaults
from tests.bench.campaigns.defences import Rules
from tests.bench.campaigns.group import simulate_group
from tests.bench.campaigns.people import DAY, MONDAY
from tests.bench.campaigns.simulation import Result, simulate
from tests.bench.campaigns.table import CAMPAIGNS, make_campaign

ATTACKER = "45.9.9.9"


def run(name: str, is_new: bool = False) -> Result:
    """Return what the shipped defaults make of a campaign."""
    campaign = next(each for each in CAMPAIGNS if each.name == name)
    attempts = [each for each in make_campaign(campaign, 3) if not is_new or each.at >= MONDAY]
    return simulate(attempts, Rules(*read_defaults()), MONDAY)


@pytest.mark.parametrize("name", ["quiet", "quiet, passwords changed on the first day"])
@pytest.mark.parametrize("is_new", [False, True])
def test_nobody_much_is_denied_in_quiet_weeks(name: str, is_new: bool) -> None:
    assert len(run(name, is_new).denied) <= 3


def test_slow_groups_are_kept_out() -> None:
    assert run("groups of 3 to 5 slow addresses").share > 94


def test_a_campaign_is_the_same_for_the_same_seed() -> None:
    campaign = next(each for each in CAMPAIGNS if each.name == "quiet")
    assert make_campaign(campaign, 1) == make_campaign(campaign, 1)
    assert make_campaign(campaign, 1) != make_campaign(campaign, 2)
    assert make_campaign(campaign, 1) != make_campaign(campaign, 1, number=1)


def test_the_same_sources_visit_each_site_at_other_times() -> None:
    campaign = next(each for each in CAMPAIGNS if each.name == "residential proxies")
    first, second = (
        {each.source: each.at for each in make_campaign(campaign, 1, number) if each.is_guess}
        for number in (0, 1)
    )
    assert len(first.keys() & second.keys()) > 0.99 * len(first)
    assert not [source for source in first if first[source] == second.get(source)]


def guess(at: float, user: str = "admin") -> Attempt:
    """Return a guess of ATTACKER at a time after MONDAY."""
    when = MONDAY + at
    return Attempt(when, ATTACKER, ATTACKER, SSLVPN, FAILURE, user, "", is_guess=True)


def meet_second_site(*attempts: Attempt, trap: float = 0) -> Result:
    """Return what a second site makes of attempts, after the first one banned ATTACKER at a time."""
    visits = [[guess(trap)], list(attempts)]
    _, second = simulate_group(visits, [Rules(*read_defaults()) for _ in visits], MONDAY)
    return second


@pytest.mark.parametrize(("at", "kept_out"), [(10, 0), (140, 1), (DAY - 60, 1), (DAY + 200, 0)])
def test_a_ban_of_one_site_is_denied_at_the_other_a_little_later_for_a_day(
    at: float, kept_out: int
) -> None:
    assert meet_second_site(guess(at)).kept_out == kept_out


def test_no_other_site_bans_whom_a_site_knows() -> None:
    login = Attempt(MONDAY, ATTACKER, ATTACKER, SSLVPN, SUCCESS, "alice", person=1)
    later = login._replace(at=MONDAY + 3600)
    assert meet_second_site(login, later, trap=60).denied == set()
    assert meet_second_site(later, trap=60).denied == {1}
