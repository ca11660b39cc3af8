"""A million hostile log lines through the receiver's own parser: none bans an address but the event's own.

    python -m tests.bench.fuzz [--lines 1000000] [--seed 1]

Every line is a failed login from one address whose other fields an attacker chose: pieces of fields, quotes,
backslashes, line breaks, whole log lines. They are escaped as FortiOS does; every third body is escaped
once more, every seventh is cut at a random place. Exit status 1 at the first wrong verdict, with the body.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from typing import Any

from tests.unit.receiver_app import DETECTION, module

OWN = "45.1.2.3"
PIECES = (
    "remip=8.8.8.8 ", "remip=", '"', '\\"', "\\", "\\\\", " ", "\n", "\r\n", "\t", "=", "logid=", "8.8.8.8",
    'logid="0101039426" remip=8.8.8.8 user="x"\n', "0101039426", "N/A", "x", "45.1.2", "<190>", "1: ", "\0",
    "\u2028", "\x85", "\u00fc", "'", "{", "}", "%%log%%", "date=2024-10-14 ",
)  # fmt: skip


def escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"')


def body(chance: random.Random, number: int) -> str:
    """One body; what is true of it is that only ``OWN`` failed to log in."""
    typed = ["".join(chance.choices(PIECES, k=chance.randrange(9))) for _ in range(2)]
    fields = ['logid="0101039426"', f"remip={OWN}"]
    fields += [f'{name}="{escaped(v)}"' for name, v in zip(("user", "group"), typed, strict=True)]
    chance.shuffle(fields)
    text = " ".join([*fields, 'msg="SSL user failed to logged in"'])
    text = escaped(text) if number % 3 == 0 else text
    return text[: chance.randrange(len(text))] if number % 7 == 0 else text


def verdicts(text: str, detections: list[dict[str, Any]]) -> set[str]:
    """The addresses that the receiver would write down for a body."""
    lines, judging = module("lines"), module("verdicts")
    try:
        outcomes = [judging.judge(e, detections, (), False, 64) for e in lines.parse(text)]
    except lines.Malformed:
        return set()
    return {outcome["address"] for outcome in outcomes if outcome["outcome"] == "taken"}


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.fuzz")
    parser.add_argument("--lines", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(argv)
    chance, began, own = random.Random(options.seed), time.perf_counter(), 0
    detections = [{"where": {}, "address_inside": "", **DETECTION}]
    detections[0]["ignore"] = module("sources").ignored(())
    for number in range(options.lines):
        text = body(chance, number)
        found = verdicts(text, detections)
        whole = number % 7 != 0
        if found - {OWN} or (whole and found != {OWN}):
            print(f"body {number} of seed {options.seed} gave {sorted(found)}: {text!r}")
            return 1
        own += len(found)
    rate = options.lines / (time.perf_counter() - began)
    print(f"{options.lines} hostile bodies, {own} took {OWN}, none another: {rate:.0f} a second")
    return 0


if __name__ == "__main__":
    sys.exit(main())
