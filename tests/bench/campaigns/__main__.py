"""Measure what the defences keep out, campaign by campaign, and whom they deny by mistake.

    python -m tests.bench.campaigns [--seed 1] [--only WORD] [--export FOLDER]

For each defence: the guesses kept out, in percent, and the people of 500 who were denied at least once
with the right password, within two weeks. "new site" are the shipped defaults on a site that begins on
the first day of the attack; otherwise they have seen a week of logins before. "systems" are the
defaults with a database of autonomous systems, which the bench makes itself. People who are somewhere new
(3 % of logins) and attackers are anywhere in it alike, which is the worst case. "shield" are the defaults
with the shield at ``auto``. The column behind it has its price: the logins denied meanwhile, in percent of
all, and how many of them came from networks of which nobody had logged in lately. The last column holds the
cost of one step of the rules.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tests.bench.campaigns.attempts import to_json_line
from tests.bench.campaigns.measure import DEFENCES, Measurement, measure
from tests.bench.campaigns.simulation import Result
from tests.bench.campaigns.table import CAMPAIGNS, Campaign, make_campaign, rest

# Of all logins, the share that the shield may deny.
SHIELDED = 0.1


def main(argv: list[str] | None = None) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.campaigns")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="campaigns whose names hold this word")
    parser.add_argument("--export", type=Path, help="write the lines for replay into this folder")
    args = parser.parse_args(argv)
    chosen = [each for each in CAMPAIGNS if args.only in each.name]
    if args.export:
        _export(chosen, args.seed, args.export)
        return 0
    columns = "".join(f"{name:>17}" for name in DEFENCES)
    print(f"{'':44}{columns}{'logins denied':>22}{'goal':>9}")
    missed = [each.name for each in chosen if not _print_row(each, args.seed)]
    for name in missed:
        print(f"missed: {name}")
    return 1 if missed else 0


def _print_row(campaign: Campaign, seed: int) -> bool:
    measurement = measure(campaign, seed)
    row = f"{campaign.name:44}"
    for result in measurement.results.values():
        row += (
            f"{result.share:11.1f} %{len(result.denied):4}"
            if result.guesses
            else f"{len(result.denied):17}"
        )
    price = _describe_price(measurement.results["shield"])
    goal = f"{campaign.goal:6.1f} %" if campaign.goal else ""
    print(f"{row}{price:>22}{goal:>9}{measurement.step_cost:8.1f} us", flush=True)
    return _reaches(measurement, campaign)


def _describe_price(result: Result) -> str:
    denied = result.denied_strange + result.denied_known
    return f"{100 * denied / result.logins:.1f} % ({result.denied_strange} of {denied})"


def _reaches(measurement: Measurement, campaign: Campaign) -> bool:
    known, new = measurement.results["rules"], measurement.results["new site"]
    systems = measurement.results["systems"]
    return (
        known.share >= campaign.goal
        and systems.share >= campaign.with_systems
        and len(systems.denied) <= campaign.most_denied
        and new.share >= campaign.goal - 0.5
        and max(len(known.denied), len(new.denied)) <= campaign.most_denied
        and _reaches_with_shield(measurement.results["shield"], campaign)
    )


def _reaches_with_shield(result: Result, campaign: Campaign) -> bool:
    """Return whether the shield keeps out enough, and nearly nobody but logins from networks never seen."""
    most_strange = SHIELDED * result.logins if campaign.attack is not rest else campaign.most_denied
    return (
        result.share >= campaign.with_shield
        and len(result.known) <= campaign.most_denied
        and result.denied_strange <= most_strange
    )


def _export(campaigns: list[Campaign], seed: int, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number, campaign in enumerate(campaigns):
        lines = (to_json_line(attempt) + "\n" for attempt in make_campaign(campaign, seed))
        (folder / f"{number:02}.jsonl").write_text("".join(lines))
        print(f"{number:02}.jsonl  {campaign.name}")


if __name__ == "__main__":
    sys.exit(main())
