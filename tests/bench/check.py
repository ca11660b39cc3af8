"""Measure what `site.py check` and `--help` cost: time, CPU and memory, at several sizes of the inventory."""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

from tests import PROJECT

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


def run(*arguments: str) -> tuple[float, float, int]:
    """Return the seconds, the seconds of CPU and the MiB that the command line takes."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    start = time.monotonic()
    to_null = [(os.POSIX_SPAWN_OPEN, stream, os.devnull, os.O_WRONLY, 0) for stream in (1, 2)]
    command = [sys.executable, str(PROJECT / "site.py"), *arguments]
    child = os.posix_spawn(sys.executable, command, environment, file_actions=to_null)
    _, status, usage = os.wait4(child, 0)
    if status:
        raise SystemExit(f"{' '.join(arguments)}: exit {os.waitstatus_to_exitcode(status)}")
    seconds = time.monotonic() - start
    return seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss // 1024


def main() -> None:
    """Print the medians."""
    with tempfile.TemporaryDirectory() as folder:
        cases = [(["--help"], RUNS), (["check", "-i", str(PROJECT / "inventory")], RUNS)]
        for sites, runs in ((60, RUNS), (1000, 3)):
            cases.append((["check", "-i", str(write_inventory(Path(folder), sites))], runs))
        for arguments, runs in cases:
            results = [run(*arguments) for _ in range(runs + 1)][1:]  # the first compiles modules
            seconds, cpu, memory = map(statistics.median, zip(*results, strict=True))
            name = " ".join(Path(word).name for word in arguments)
            print(f"{name}: {seconds:.2f} s, {cpu:.2f} s of CPU, {memory:.0f} MiB")


if __name__ == "__main__":
    main()
