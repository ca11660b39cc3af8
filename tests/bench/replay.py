"""Measure the processor time and the memory that `replay` needs for a million log lines.

    python -m tests.bench.replay [--lines 1000000]

The lines are those of tests.bench.campaigns, one campaign of many addresses after the other, in two forms:
with the field ``eventtime``, and with the date, the time and the zone only, as older FortiOS writes them. The
exit code is 1 if one form takes more than a minute of one core, or more than 600 MiB.
"""

from __future__ import annotations

import argparse
import itertools
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tests.bench.campaigns.attempts import to_log_line
from tests.bench.campaigns.people import DAY
from tests.bench.campaigns.table import CAMPAIGNS, make_campaign

ROOT = Path(__file__).resolve().parents[2]
MOST_SECONDS, MOST_MEBIBYTES = 60.0, 600.0
COMMAND = ("site.py", "replay", "-i", "inventory", "-l", "ban-berlin", "--json")
EVENT_TIME = re.compile(r" eventtime=\d+")
SWARMS = [each for each in CAMPAIGNS if each.name.startswith(("24,000", "residential", "IPsec"))]


class Cost(NamedTuple):
    """The cost of a replay."""

    seconds: float
    mebibytes: float


def make_lines() -> Iterator[str]:
    """Yield log lines without end: every three weeks another campaign."""
    for number in itertools.count():
        for attempt in make_campaign(SWARMS[number % len(SWARMS)], number + 1):
            yield to_log_line(attempt._replace(at=attempt.at + number * 21 * DAY)) + "\n"


def measure(path: Path) -> Cost:
    """Return what the replay of a file takes."""
    process = subprocess.Popen(
        [sys.executable, *COMMAND, str(path)], cwd=ROOT, stdout=subprocess.DEVNULL
    )
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, process.args)
    return Cost(used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def main(argv: list[str] | None = None) -> int:
    """Print what both forms take."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.replay")
    parser.add_argument("--lines", type=int, default=1_000_000)
    count, missed = parser.parse_args(argv).lines, False
    with tempfile.TemporaryDirectory() as folder:
        whole, dated = Path(folder, "eventtime.log"), Path(folder, "date.log")
        with whole.open("w") as first, dated.open("w") as second:
            for line in itertools.islice(make_lines(), count):
                first.write(line)
                second.write(EVENT_TIME.sub("", line, count=1))
        for what, path in (("with eventtime", whole), ("with date and time", dated)):
            cost = measure(path)
            missed |= cost.seconds > MOST_SECONDS or cost.mebibytes > MOST_MEBIBYTES
            print(
                f"{count} lines {what:20}{cost.seconds:7.1f} s of one core, at most"
                f" {MOST_SECONDS:.0f}; {cost.mebibytes:.0f} MiB, at most {MOST_MEBIBYTES:.0f}"
            )
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
