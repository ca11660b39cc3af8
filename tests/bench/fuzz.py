"""Parse a million hostile bodies: each counts for its own address, and none for another.

    python -m tests.bench.fuzz [--lines 1000000] [--seed 1]

Every body is a failed login from one address whose user name an attacker built from pieces of fields,
quotes, backslashes, line breaks and whole log lines. They are escaped in one of three ways, stand in one
of several forms of a body, with the header line or without it, and every second one is cut behind the
address. Without the header line, an event whose address stands behind the name may be lost, and never
counts for another. Exit status 1 at the first wrong verdict, with the body.
"""

from __future__ import annotations

import argparse
import random
import sys
import time

from tests.unit.receiver.hostile_lines import (
    BEHIND,
    ESCAPINGS,
    FORMS,
    LINES,
    OWN,
    PIECES,
    body_of,
    counted,
    places_to_cut,
)


def draw(chance: random.Random) -> tuple[str, bool]:
    """Return a body, and whether it must count."""
    name = "".join(chance.choices(PIECES, k=chance.randrange(9)))
    detection, header = chance.choice(list(LINES)), chance.choice(["", "literal", "empty"])
    body = body_of(detection, name, chance.choice(ESCAPINGS), chance.choice(list(FORMS)), header)
    if chance.random() < 0.5:
        body = body[: chance.choice(places_to_cut(body))]
    return body, bool(header) or detection not in BEHIND


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.fuzz")
    parser.add_argument("--lines", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(argv)
    chance, began, own = random.Random(options.seed), time.perf_counter(), 0
    for number in range(options.lines):
        body, must_count = draw(chance)
        found = counted(body)
        if set(found) - {OWN} or (must_count and found != [OWN]):
            print(f"body {number} of seed {options.seed} gave {sorted(found)}: {body!r}")
            return 1
        own += len(found)
    rate = options.lines / (time.perf_counter() - began)
    print(
        f"{options.lines} hostile bodies, {own} counted for {OWN}, none for another: {rate:.0f} a second"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
