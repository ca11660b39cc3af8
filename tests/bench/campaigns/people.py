"""The people of the site: where they are, when they log in, and how they mistype.

500 people: 120 behind one office address, 60 on a dozen addresses of carrier-grade NAT, 60 on telephones
with a new address at each login, 40 with IPv6 at home, 220 at home with an address that changes once in
two weeks. After a forced change of passwords many mistype, and some telephones repeat the old one.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

from banstitch_shared.eventlog import FAILURE, SUCCESS

from tests.bench.campaigns.attempts import IPSEC, SSLVPN, Attempt, find_source
from tests.bench.campaigns.names import list_employees

DAY = 86400
MONDAY = 1_793_577_600.0  # 2026-11-02, the first measured day
DAYS = 14
HISTORY = 7
OFFICE = "62.96.10.4"
CARRIER = tuple(f"89.204.130.{host}" for host in range(10, 22))
PROBE = "62.138.5.9"
HOMES = tuple(f"84.{second}" for second in range(130, 142))
MOBILE = ("109.40", "109.41", "109.42", "109.43")
USERS = list_employees()
DENIED, LATE = "sslvpn_login_permission_denied", "sslvpn_login_unknown_user"


@dataclass(frozen=True)
class Site:
    """The way in which the people of a site log in. ``change_day``: the Monday after the forced change.

    ``number``: sites of different numbers have different people, who share carriers and providers.
    """

    detection: str = SSLVPN
    has_saml: bool = False
    change_day: int = 7
    history: int = HISTORY
    seed: int = 1
    number: int = 0


def make_attempts(site: Site) -> list[Attempt]:
    """Return what the people of a site do, in no order."""
    chance = random.Random(f"people {site.seed + 1000 * site.number}")
    return [*_log_in_daily(site, chance), *_repeat_old_passwords(site, chance), *_probe(site)]


def find_place(person: int, day: int, chance: random.Random) -> str:
    """Return the address from which a person logs in. Those of the next site are numbered from 500 on."""
    if chance.random() < 0.03:
        return f"{chance.randrange(60, 220)}.{chance.randrange(256)}.{chance.randrange(256)}.7"
    own = random.Random(person)
    site, kind = divmod(person, len(USERS))
    if kind < 120:
        return _find_own(OFFICE, site)
    if kind < 180:
        return random.Random(person * 1000 + day).choice(CARRIER)
    if kind < 240:
        return f"{chance.choice(MOBILE)}.{chance.randrange(256)}.{chance.randrange(1, 255)}"
    if kind < 280:
        return f"2003:e{own.randrange(16):x}:{own.randrange(65536):x}:{person:x}::{day + 100:x}"
    moved = (day + 100 + own.randrange(DAYS)) // DAYS
    home = random.Random(person * 1000 + moved)
    return f"{home.choice(HOMES)}.{home.randrange(256)}.{home.randrange(1, 255)}"


def _find_own(address: str, site: int) -> str:
    """Return the address that stands for ``address`` at the site of a number."""
    network, _, host = address.rpartition(".")
    return f"{network}.{int(host) + site}"


def _log_in_daily(site: Site, chance: random.Random) -> Iterator[Attempt]:
    for day in range(-site.history, DAYS):
        share = 0.12 if day % 7 >= 5 else 0.8
        for person in range(len(USERS)):
            if chance.random() >= share:
                continue
            yield from _log_in(site, person, day, chance.gauss(8.5, 1), chance)
            if chance.random() < 1 / 3:
                yield from _log_in(site, person, day, chance.uniform(12, 20), chance)


def _log_in(
    site: Site, person: int, day: int, hour: float, chance: random.Random
) -> Iterator[Attempt]:
    at = MONDAY + day * DAY + hour * 3600
    address = find_place(person + len(USERS) * site.number, day, chance)
    wrong = 0.35 if day == site.change_day else 0.06
    if site.has_saml:
        wrong = 0.0
        if chance.random() < 0.02:
            yield _fail(site, at, address, person, "")
            at += chance.uniform(20, 90)
    if chance.random() < wrong:
        for _ in range(chance.randint(1, 3)):
            yield _fail(site, at, address, person, USERS[person])
            at += chance.uniform(5, 25)
    user = USERS[person]
    login = Attempt(at, address, find_source(address), site.detection, SUCCESS, user, person=person)
    yield login
    if site.detection == SSLVPN:
        yield login._replace(is_tunnel=True)


def _fail(site: Site, at: float, address: str, person: int, user: str) -> Attempt:
    reason = "" if site.detection == IPSEC else DENIED if user else LATE
    source = find_source(address)
    return Attempt(at, address, source, site.detection, FAILURE, user, reason, person)


def _repeat_old_passwords(site: Site, chance: random.Random) -> Iterator[Attempt]:
    """Repeat the old password every 30 seconds: telephones on the Monday, two clients on other days."""
    if site.has_saml:
        return
    phones = [(person, chance.uniform(0.2, 3)) for person in chance.sample(range(500), 20)]
    clients = [(chance.randrange(120, 500), 4.0), (chance.randrange(120, 500), 6.0)]
    for days, those in ((site.change_day, phones), (site.change_day + 2, clients)):
        for person, hours in those:
            start = MONDAY + days * DAY + chance.gauss(8, 1) * 3600
            address = find_place(person + len(USERS) * site.number, days, chance)
            for count in range(int(hours * 120)):
                yield _fail(site, start + 30 * count, address, person, USERS[person])


def _probe(site: Site) -> Iterator[Attempt]:
    """Fail without a name every five minutes, as a monitoring system does."""
    probe = _find_own(PROBE, site.number)
    for count in range(-site.history * 288, DAYS * 288):
        yield _fail(site, MONDAY + 300 * count + 11, probe, -1, "")
