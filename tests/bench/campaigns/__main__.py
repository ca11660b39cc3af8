"""What the defences keep out, campaign by campaign, and whom they deny by mistake.

    python -m tests.bench.campaigns [--seed 1] [--only WORD] [--export FOLDER]

For each defence: the guesses kept out, in percent, and the people of 500 who were denied at least once
with the right password, within two weeks. "new site" are the shipped defaults on a site that begins on
the first day of the attack; otherwise they have seen a week of logins before. "systems" are the
defaults with a database of autonomous systems, which the bench makes itself. People and attackers are
anywhere in it alike, so those who are somewhere new (3 % of logins) are denied where attackers were: the
rule asn is off by default. The last column holds the cost of one step of the rules.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tests.bench.campaigns.attempts import to_json_line
from tests.bench.campaigns.measure import DEFENCES, Measurement, measure
from tests.bench.campaigns.table import CAMPAIGNS, Campaign, make_campaign


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
    print(f"{'':44}" + "".join(f"{name:>17}" for name in DEFENCES) + f"{'goal':>9}")
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
    goal = f"{campaign.goal:6.1f} %" if campaign.goal else ""
    print(f"{row}{goal:>9}{measurement.step_cost:8.1f} us", flush=True)
    return _reaches(measurement, campaign)


def _reaches(measurement: Measurement, campaign: Campaign) -> bool:
    known, new = measurement.results["rules"], measurement.results["new site"]
    return (
        known.share >= campaign.goal
        and measurement.results["systems"].share >= campaign.with_systems
        and new.share >= campaign.goal - 0.5
        and max(len(known.denied), len(new.denied)) <= campaign.most_denied
    )


def _export(campaigns: list[Campaign], seed: int, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number, campaign in enumerate(campaigns):
        lines = (to_json_line(attempt) + "\n" for attempt in make_campaign(campaign, seed))
        (folder / f"{number:02}.jsonl").write_text("".join(lines))
        print(f"{number:02}.jsonl  {campaign.name}")


if __name__ == "__main__":
    sys.exit(main())
