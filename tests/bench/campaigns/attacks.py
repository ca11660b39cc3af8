"""The campaigns: who guesses from where, how often, and which names.

Each function returns the guesses that are made where nothing is denied.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

from banstitch_shared.eventlog import FAILURE, LOCKOUT

from tests.bench.campaigns.attempts import ADMIN, IPSEC, SSLVPN, Attempt, find_source
from tests.bench.campaigns.names import ADMINISTRATORS, GENERIC, HARD, invent_name
from tests.bench.campaigns.people import DAY, DAYS, DENIED, LATE, MONDAY, USERS
from tests.bench.campaigns.sources import draw_few_networks, draw_network, draw_sources

HOUR, MINUTE = 3600, 60
Names = Callable[[random.Random], str]


def choose_generic(chance: random.Random) -> str:
    """Return a name that scanners type."""
    return chance.choice(GENERIC)


def choose_employee(chance: random.Random) -> str:
    """Return the name of an employee."""
    return chance.choice(USERS)


def choose_list(chance: random.Random) -> str:
    """Return a name from a list of leaked logins: mostly of people elsewhere."""
    return chance.choice(GENERIC) if chance.random() < 0.2 else invent_name(chance)


def choose_mixed(chance: random.Random) -> str:
    """Return a generic name, one of people elsewhere, or an employee's."""
    return chance.choice((choose_generic, invent_name, choose_employee))(chance)


def choose_none(_chance: random.Random) -> str:
    """Return what a FortiGate logs of a login by SAML."""
    return ""


def choose_hard(chance: random.Random) -> str:
    """Return a name that makes its line hard to read."""
    return chance.choice(HARD)


def guess(at: float, address: str, user: str, detection: str = SSLVPN) -> Attempt:
    """Return one guess, with the reason that the FortiGate gives."""
    is_known = user in USERS
    reason = {SSLVPN: DENIED if is_known else LATE, ADMIN: "name_invalid"}.get(detection, "")
    source = find_source(address)
    return Attempt(at, address, source, detection, FAILURE, user, reason, is_guess=True)


def attack_noisily(chance: random.Random, names: Names = choose_list) -> Iterator[Attempt]:
    """One source guesses every five seconds for three days."""
    address, start = f"{draw_network(chance)}.9", MONDAY + 10 * HOUR
    for count in range(3 * DAY // 5):
        yield guess(start + 5 * count, address, names(chance))


def attack_in_groups(chance: random.Random) -> Iterator[Attempt]:
    """Three groups of three to five addresses a day; each address has its own pace."""
    for day in range(DAYS):
        addresses = draw_sources(sum(chance.randint(3, 5) for _ in range(3)), chance)
        for address in addresses:
            pace = 10 * MINUTE * 12 ** chance.random()
            if chance.random() < 0.1:
                pace = chance.uniform(2, 20) * HOUR
            at = MONDAY + day * DAY + chance.uniform(0, pace)
            while at < MONDAY + (day + 1) * DAY:
                yield guess(at, address, choose_generic(chance))
                at += pace * chance.uniform(0.8, 1.2)


def attack_steadily(chance: random.Random, names: Names = choose_list) -> Iterator[Attempt]:
    """159 addresses guess every 18 minutes, for a week."""
    for address in draw_sources(159, chance):
        at = MONDAY + chance.uniform(0, HOUR)
        while at < MONDAY + 7 * DAY:
            yield guess(at, address, names(chance))
            at += 18 * MINUTE * chance.uniform(0.9, 1.1)


def rotate(chance: random.Random, bits: int, names: Names = choose_list) -> Iterator[Attempt]:
    """A guess every 30 seconds for three days, each from another address of one network."""
    start = MONDAY + DAY + 7 * HOUR
    network = draw_network(chance)
    for count in range(3 * DAY // 30):
        if bits == 24:
            address = f"{network}.{chance.randrange(1, 255)}"
        else:
            subnet = chance.randrange(256) if bits == 56 else 0
            host = f"{chance.randrange(65536):x}:{chance.randrange(1, 65536):x}"
            address = f"2a0c:1b3:77:{0x4200 + subnet:x}::{host}"
        yield guess(start + 30 * count, address, names(chance))


def attack_administrators(chance: random.Random) -> Iterator[Attempt]:
    """Twenty sources for ten days; the FortiGate locks each out for 15 minutes after three failures."""
    for address in draw_sources(20, chance):
        at = MONDAY + chance.uniform(0, 6 * HOUR)
        while at < MONDAY + 10 * DAY:
            for _ in range(3):
                name = "admin" if chance.random() < 0.6 else chance.choice(ADMINISTRATORS)
                yield guess(at, address, name, ADMIN)
                at += chance.uniform(8, 20)
            yield Attempt(at - 5, address, address, ADMIN, LOCKOUT)
            at += 15 * MINUTE + chance.uniform(0, 120)


def attack_unreadably(chance: random.Random) -> Iterator[Attempt]:
    """Sixty sources make 25 guesses each, with names that make lines hard to read."""
    for address in draw_sources(60, chance, in_crowds=0):
        at = MONDAY + chance.uniform(0, 10 * DAY)
        for _ in range(25):
            yield guess(at, address, choose_hard(chance))
            at += chance.uniform(2, 8) * MINUTE


def swarm(
    chance: random.Random, names: Names, days: float, pause: float, share: float = 0.52
) -> Iterator[Attempt]:
    """24,000 addresses guess once or twice; the second time within ``pause``."""
    for address in draw_sources(24_000, chance):
        at = MONDAY + chance.uniform(0, days * DAY)
        yield guess(at, address, names(chance))
        if chance.random() < share:
            again = at + chance.uniform(10 * MINUTE, pause)
            end = MONDAY + days * DAY
            yield guess(again if again < end else again - days * DAY, address, names(chance))


def attack_from_homes(chance: random.Random) -> Iterator[Attempt]:
    """4,000 residential proxies, a third of them in few /24s, with a few guesses each."""
    addresses = [*draw_sources(2667, chance), *draw_few_networks(1333, chance)]
    for address in addresses:
        yield from _guess_often(chance, address, choose_mixed, 0.6, SSLVPN)


def attack_ipsec(chance: random.Random) -> Iterator[Attempt]:
    """8,000 addresses guess at dial-up IPsec, which gives no reasons."""
    for address in draw_sources(8000, chance):
        yield from _guess_often(chance, address, choose_mixed, 0.45, IPSEC)


def attack_saml(chance: random.Random) -> Iterator[Attempt]:
    """6,000 addresses guess; the FortiGate never sees a name."""
    for address in draw_sources(6000, chance):
        yield from _guess_often(chance, address, choose_none, 0.7, SSLVPN)


def _guess_often(
    chance: random.Random, address: str, names: Names, more: float, detection: str
) -> Iterator[Attempt]:
    """Guess on one of six days: once, and again with the probability ``more``, within hours."""
    at = MONDAY + chance.uniform(0, 6 * DAY)
    while True:
        yield guess(at, address, names(chance), detection)
        if chance.random() >= more:
            return
        at += chance.uniform(5 * MINUTE, 4 * HOUR)
