"""Measure the defences in one campaign."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from banstitch_shared.eventlog import Entry
from rules.state import State
from rules.step import step

from tests.bench.campaigns.attempts import to_entry
from tests.bench.campaigns.autonomous import make_systems
from tests.bench.campaigns.defaults import read_defaults
from tests.bench.campaigns.defences import CrowdSec, Defence, Recipe, Rules, Shielded
from tests.bench.campaigns.people import MONDAY
from tests.bench.campaigns.simulation import Result, simulate
from tests.bench.campaigns.table import Campaign, make_campaign

DEFENCES: dict[str, Callable[[], Defence]] = {
    "recipe": Recipe,
    "CrowdSec": CrowdSec,
    "rules": lambda: Rules(*read_defaults()),
    "new site": lambda: Rules(*read_defaults()),
    "systems": lambda: Rules(*read_defaults(make_systems())),
    "shield": lambda: Shielded(*read_defaults()),
}

STRETCHES = 25


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
    measurement.step_cost = cost([to_entry(each) for each in attempts])
    return measurement


def cost(entries: list[Entry]) -> float:
    """Return the microseconds of a step: in the middle of several stretches, since others use the machine."""
    settings, _ = read_defaults()
    state, costs, size = State(), [], max(1, len(entries) // STRETCHES)
    for start in range(0, size * STRETCHES, size):
        began = time.process_time()
        for entry in entries[start : start + size]:
            step(state, entry, settings)
        costs.append(1e6 * (time.process_time() - began) / size)
    return sorted(costs)[STRETCHES // 2]
