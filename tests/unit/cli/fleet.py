"""Five sites at which nothing is contacted, and the command line to run at them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from provision.engine import parallel, site
from provision.plan import Change, SitePlan, State, TargetPlan
from provision.results import SiteResult, TargetResult
from tests.unit.cli.command_line import Cli, Said
from tests.unit.inventory.inventories import write

NAMES = ["z1", "a2", "a3", "a4", "a5"]
CHANGE = Change("file:/etc/x", "update", "+new")


@dataclass
class Fleet:
    """Five sites: ``begun`` has those that were changed, ``faults`` the errors of those that fail."""

    cli: Cli
    begun: list[str] = field(default_factory=list)
    faults: dict[str, str] = field(default_factory=dict)

    def write(self, *names: str, **variables: str) -> None:
        """Write the inventory: each site with its variables."""
        lines = [f"    {name}: {{{variables.get(name, '')}}}" for name in names or NAMES]
        write(self.cli.folder, hosts__yml="\n".join(["ban_hosts:", "  hosts:", *lines, ""]))

    def plan(self, name: str, *_: object) -> SitePlan:
        return SitePlan(name, "apply", (TargetPlan(name, "linux", "differs", (CHANGE,)),))

    def apply(self, name: str, *_: object) -> SiteResult:
        self.begun.append(name)
        error = self.faults.get(name, "")
        state: State = "failed" if error else "changed"
        return SiteResult(name, (TargetResult(name, "linux", state, error=error),))

    def __call__(self, *words: str) -> Said:
        return self.cli(*words, "-f", "1")

    def again(self, *words: str) -> list[str]:
        """Run once more, and return the sites that were changed."""
        self.begun.clear()
        self.said = self(*words)
        return list(self.begun)

    @property
    def runs(self) -> list[Path]:
        """The run files, the oldest first."""
        found = (self.cli.folder.parent / "banstitch-runs").glob("*")
        return sorted(found, key=lambda path: path.stat().st_ctime_ns)


def create_fleet(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> Fleet:
    """Return five sites, in the order of the inventory."""
    fleet = Fleet(cli)
    fleet.write()
    monkeypatch.setattr(site, "plan_site", lambda name, *rest: fleet.plan(name, *rest))
    monkeypatch.setattr(site, "apply_site", lambda name, *rest: fleet.apply(name, *rest))
    return fleet


def interrupt_after_first(fleet: Fleet, patch: pytest.MonkeyPatch) -> None:
    """Let Ctrl-C come between two waves, when a site has been changed."""
    run_all = parallel.run_all

    def stop(work: list[str], *rest: object) -> list[SiteResult]:
        if fleet.begun:
            raise parallel.Interrupted([])
        return run_all(work, *rest)  # type: ignore[arg-type]

    patch.setattr(parallel, "run_all", stop)


def read_lines(path: Path) -> list[dict[str, Any]]:
    """Return the lines of a run file."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def list_states(path: Path) -> dict[str, str]:
    """Return the last state of each site in a run file."""
    sites = [line["site"] for line in read_lines(path) if "site" in line]
    return {each["name"]: each["targets"][0]["state"] for each in sites}
