"""Measure what sites keep out that share their bans, when one botnet visits all of them.

    python -m tests.bench.campaigns.sharing [--seed 1] [--only WORD] [--sites 1,3,10]

For each number of sites: the guesses kept out, in percent of those at all sites, and the most people of 500
whom one site denied at least once with the right password. The sites have the shipped defaults and have
seen a week of logins. Each has people of its own. Each source visits each site, at other times of the
campaign. The shorter a campaign is, the more sharing keeps out: a shared ban lasts a day.
"""

from __future__ import annotations

import argparse
import sys
from typing import NamedTuple

from tests.bench.campaigns.defaults import read_defaults
from tests.bench.campaigns.defences import Rules
from tests.bench.campaigns.group import simulate_group
from tests.bench.campaigns.people import MONDAY
from tests.bench.campaigns.simulation import Result
from tests.bench.campaigns.table import CAMPAIGNS, Campaign, make_campaign

# People whom a site may deny by mistake.
MOST_DENIED = 16


class Goal(NamedTuple):
    """A campaign, and the percentage of guesses to keep out at least, by the number of sites."""

    campaign: str
    shares: dict[int, float]


GOALS = (
    Goal("24,000 addresses, generic names", {1: 30, 3: 42, 10: 61}),
    Goal("24,000 addresses, names of employees", {1: 8, 3: 19, 10: 40}),
    Goal("residential proxies", {1: 58, 3: 66, 10: 77}),
    Goal("IPsec dial-up", {1: 25, 3: 38, 10: 56}),
    Goal("SAML", {1: 29, 3: 41, 10: 60}),
)


class Outcome(NamedTuple):
    """The result of a campaign against a group."""

    share: float
    most_denied: int


def measure(campaign: Campaign, seed: int, sites: int) -> Outcome:
    """Return what so many sites make of a campaign together."""
    visits = [make_campaign(campaign, seed, number) for number in range(sites)]
    defences = [Rules(*read_defaults()) for _ in range(sites)]
    results = simulate_group(visits, defences, MONDAY)
    return Outcome(_join(results).share, max(len(each.denied) for each in results))


def _join(results: list[Result]) -> Result:
    guesses = sum(each.guesses for each in results)
    return Result(guesses, sum(each.kept_out for each in results))


def main(argv: list[str] | None = None) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.campaigns.sharing")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="campaigns whose names hold this word")
    parser.add_argument("--sites", default="1,3,10", help="numbers of sites")
    args = parser.parse_args(argv)
    numbers = [int(each) for each in args.sites.split(",")]
    columns = "".join(
        f"{f'{number} site' + 's' * (number > 1):>17}{'goal':>7}" for number in numbers
    )
    print(f"{'':40}{columns}")
    chosen = [goal for goal in GOALS if args.only in goal.campaign]
    missed = [goal.campaign for goal in chosen if not _print_row(goal, args.seed, numbers)]
    for name in missed:
        print(f"missed: {name}")
    return 1 if missed else 0


def _print_row(goal: Goal, seed: int, numbers: list[int]) -> bool:
    campaign = next(each for each in CAMPAIGNS if each.name == goal.campaign)
    print(f"{goal.campaign:40}", end="", flush=True)
    is_reached = True
    for number in numbers:
        outcome, least = measure(campaign, seed, number), goal.shares.get(number, 0)
        is_reached &= outcome.share >= least and outcome.most_denied <= MOST_DENIED
        print(f"{outcome.share:11.1f} %{outcome.most_denied:4}{least:5} %", end="", flush=True)
    print()
    return is_reached


if __name__ == "__main__":
    sys.exit(main())
