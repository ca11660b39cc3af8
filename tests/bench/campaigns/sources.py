"""The addresses that attacks come from.

They cluster: of 24,000 real ones a sixth stand in /24s with four or more others. Some share carriers and
neighbourhoods with employees.
"""

from __future__ import annotations

import random

from tests.bench.campaigns.people import CARRIER, DAYS, HOMES, MOBILE, find_place

# Of a thousand addresses: in an employee's /24, in the networks of employees' providers.
NEIGHBOURS, SAME_PROVIDER = 4, 60


def draw_sources(count: int, chance: random.Random, in_crowds: float = 1 / 6) -> list[str]:
    """Return different addresses, a part of them in /24s with four or more others."""
    found: set[str] = set()
    while len(found) < count * in_crowds:
        network = draw_network(chance)
        hosts = chance.sample(range(1, 255), chance.randint(5, 12))
        found.update(f"{network}.{host}" for host in hosts)
    while len(found) < count:
        found.add(draw_address(chance))
    return chance.sample(sorted(found), count)


def draw_few_networks(count: int, chance: random.Random, size: int = 60) -> list[str]:
    """Return addresses that stand in few /24s, about ``size`` in each."""
    found: list[str] = []
    while len(found) < count:
        network = draw_network(chance)
        found += [f"{network}.{host}" for host in chance.sample(range(1, 255), size)]
    return found[:count]


def draw_network(chance: random.Random) -> str:
    """Return the first three numbers of a /24 that no employee's provider has."""
    return f"{chance.randrange(110, 220)}.{chance.randrange(256)}.{chance.randrange(256)}"


def draw_address(chance: random.Random) -> str:
    """Return an address anywhere, sometimes near employees."""
    dice = chance.randrange(1000)
    if dice < NEIGHBOURS:
        network = _draw_neighbourhood(chance)
    elif dice < SAME_PROVIDER:
        network = f"{chance.choice(HOMES + MOBILE)}.{chance.randrange(256)}"
    else:
        network = draw_network(chance)
    return f"{network}.{chance.randrange(1, 255)}"


def _draw_neighbourhood(chance: random.Random) -> str:
    if chance.random() < 0.2:
        return chance.choice(CARRIER).rpartition(".")[0]
    home = find_place(chance.randrange(280, 500), chance.randrange(DAYS), chance)
    return home.rpartition(".")[0]
