"""Measure what `site.py check` and `--help` cost: time, CPU and memory, at several sizes of the inventory."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests import PROJECT
from tests.bench.process import Cost, run_site, take_medians

RUNS = 10


def write_inventory(folder: Path, sites: int) -> Path:
    """Write an inventory of so many sites, each with two FortiGates, and return its file."""
    ban_hosts, fortigates = [], []
    for site in range(sites):
        network = f"10.{site // 200}.{site % 200}"
        ban_hosts.append(f"        ban-{site:04}: {{ansible_host: {network}.10}}")
        fortigates += [
            f"        fw-{site:04}-{number}: "
            f"{{ansible_host: {network}.{number}, ban_host: ban-{site:04}}}"
            for number in (1, 2)
        ]
    path = folder / f"hosts-{sites}.yml"
    head = ["all:", "  vars: {ansible_password: not-a-secret}", "  children:"]
    groups = ["    ban_hosts:", "      hosts:", *ban_hosts, "    fortigates:", "      hosts:"]
    path.write_text("\n".join([*head, *groups, *fortigates, ""]))
    return path


def measure_call(arguments: Sequence[str], runs: int = RUNS) -> Cost:
    """Return the medians of so many calls of `site.py`; the first, which compiles modules, is not counted."""
    return take_medians([run_site(*arguments) for _ in range(runs + 1)][1:])


def main() -> None:
    """Print the medians."""
    with tempfile.TemporaryDirectory() as folder:
        cases = [(["--help"], RUNS), (["check", "-i", str(PROJECT / "inventory")], RUNS)]
        for sites, runs in ((60, RUNS), (1000, 3)):
            cases.append((["check", "-i", str(write_inventory(Path(folder), sites))], runs))
        for arguments, runs in cases:
            cost = measure_call(arguments, runs)
            name = " ".join(Path(word).name for word in arguments)
            print(
                f"{name}: {cost.seconds:.2f} s, {cost.cpu:.2f} s of CPU, {cost.mebibytes:.0f} MiB"
            )


if __name__ == "__main__":
    main()
