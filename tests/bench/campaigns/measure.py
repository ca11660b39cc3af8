"""Measure the defences in one campaign."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from rules.state import State
from rules.step import step

from tests.bench.campaigns.attempts import to_entry
from tests.bench.campaigns.defaults import read_defaults
from tests.bench.campaigns.defences import CrowdSec, Defence, Recipe, Rules
from tests.bench.campaigns.people import MONDAY
from tests.bench.campaigns.simulation import Result, simulate
from tests.bench.campaigns.table import Campaign, make_campaign

DEFENCES: dict[str, Callable[[], Defence]] = {
    "recipe": Recipe,
    "CrowdSec": CrowdSec,
    "rules": lambda: Rules(*read_defaults()),
    "new site": lambda: Rules(*read_defaults()),
}


@dataclass
class Measurement:
    """The results by defence, and the microseconds of a step."""

    results: dict[str, Result] = field(default_factory=dict)
    step_cost: float = 0.0


def measure(campaign: Campaign, seed: int) -> Measurement:
    """Return what each defence makes of a campaign."""
    measurement, attempts = Measurement(), make_campaign(campaign, seed)
    for name, make in DEFENCES.items():
        seen = [each for each in attempts if each.at >= MONDAY] if name == "new site" else attempts
        measurement.results[name] = simulate(seen, make(), MONDAY)
    settings, _ = read_defaults()
    state, entries = State(), [to_entry(each) for each in attempts]
    began = time.process_time()
    for entry in entries:
        step(state, entry, settings)
    measurement.step_cost = 1e6 * (time.process_time() - began) / len(entries)
    return measurement
