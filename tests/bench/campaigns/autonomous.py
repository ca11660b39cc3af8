"""Autonomous systems of the addresses that people and attackers have, in a database of their own.

A few systems are large and most are small, as on the internet: of 3,000, the largest has a tenth of all
addresses. Employees' providers are systems of their own, and some attackers are their customers.
"""

from __future__ import annotations

import random
import tempfile
from functools import cache
from pathlib import Path

from rules.database import open_database
from rules.systems import Systems

from tests.bench.campaigns.mmdb import write_database
from tests.bench.campaigns.people import CARRIER, HOMES, MOBILE, OFFICE, PROBE

COUNT, FIRST = 3000, 64512
# The first number of the addresses that attackers, and people who are somewhere new, have.
OCTETS = range(60, 220)


@cache
def make_systems() -> Systems:
    """Return the systems, read from a database."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "asn.mmdb"
        write_database(path, assign_networks())
        return Systems(open_database(str(path)))


def assign_networks() -> dict[str, int]:
    """Return the number of the system that each network belongs to."""
    chance = random.Random("autonomous systems")
    weights = [1 / (rank + 1) ** 0.8 for rank in range(COUNT)]
    blocks = [f"{first}.{second}.0.0/16" for first in OCTETS for second in range(256)]
    systems = chance.choices(range(FIRST, FIRST + COUNT), weights, k=len(blocks))
    found = dict(zip(blocks, systems, strict=True))
    providers = ({*HOMES}, {*MOBILE}, {_block(CARRIER[0])}, {_block(OFFICE)}, {_block(PROBE)})
    for system, networks in enumerate(providers, FIRST - len(providers)):
        found |= {f"{network}.0.0/16": system for network in networks}
    return found | {"2003::/19": FIRST - len(providers), "2a0c:1b3::/32": FIRST + COUNT}


def _block(address: str) -> str:
    return ".".join(address.split(".")[:2])
