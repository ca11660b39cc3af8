"""Measure the processor time in which the receiver reads and judges an event.

    python -m tests.bench.parse [--events 20000]

Each event has an address of its own, so that no cache helps. The best of several rounds counts. The
exit code is 1 if an event takes more than 25 microseconds.
"""

from __future__ import annotations

import argparse
import random
import sys
import time

from tests.unit.receiver.hostile_lines import DETECTIONS, LINES, OWN, header_of
from tests.unit.receiver.receiver_app import module

MOST = 25.0
ROUNDS = 15
DETECTION = "sslvpn_login_failed"
IGNORED = ("127.0.0.0/8", "::1", "192.0.2.1", "192.0.2.2", "192.0.2.3", "45.255.0.0/16")


def measure_cost(bodies: list[str]) -> float:
    """Return the microseconds that one body takes."""
    lines, verdicts = module("lines"), module("verdicts")
    ignore = module("sources").read_ignored(IGNORED)
    detections = [each._replace(ignore=ignore) for each in DETECTIONS]
    best, size = float("inf"), len(bodies) // ROUNDS
    for start in range(0, size * ROUNDS, size):
        began = time.process_time()
        for body in bodies[start : start + size]:
            verdicts.judge(lines.read_event(body), detections, (), False, 64)
        best = min(best, time.process_time() - began)
    return 1e6 * best / size


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.parse")
    parser.add_argument("--events", type=int, default=20_000)
    chance, missed = random.Random(1), False
    sources = [
        f"45.{chance.randrange(250)}.{chance.randrange(256)}.{chance.randrange(256)}"
        for _ in range(parser.parse_args(argv).events)
    ]
    log_line = LINES[DETECTION].replace("<>", "alice")
    whole = header_of(DETECTION, "empty") + "\n" + log_line
    for what, body in (("with the header line", whole), ("the log line alone", log_line)):
        spent = measure_cost([body.replace(OWN, source) for source in sources])
        missed = missed or spent > MOST
        print(f"{what:24} {spent:6.1f} microseconds an event, at most {MOST:.0f}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
