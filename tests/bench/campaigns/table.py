"""The campaigns that are measured, and the share of guesses that must be kept out."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from typing import NamedTuple

from tests.bench.campaigns import attacks
from tests.bench.campaigns.attacks import HOUR
from tests.bench.campaigns.attempts import IPSEC, Attempt, find_source
from tests.bench.campaigns.people import DAY, Site, make_attempts

Attack = Callable[[random.Random], Iterable[Attempt]]
USUAL = Site()


class Campaign(NamedTuple):
    """One row: the guesses, the percentage of them to keep out, and the people beside them.

    ``most_denied``: so many people may be denied by mistake, of 500. ``with_systems``, ``with_shield``: the
    percentage to keep out with a database of autonomous systems, and with the shield.
    """

    name: str
    attack: Attack
    goal: float = 0.0
    site: Site = USUAL
    most_denied: int = 10
    with_systems: float = 0.0
    with_shield: float = 0.0


def rest(_chance: random.Random) -> list[Attempt]:
    """Guess nothing."""
    return []


def _swarm(names: attacks.Names, days: float, pause: float) -> Attack:
    return partial(attacks.swarm, names=names, days=days, pause=pause)


CAMPAIGNS = (
    Campaign("quiet", rest, most_denied=3),
    Campaign(
        "quiet, passwords changed on the first day",
        rest,
        site=Site(change_day=0),
        most_denied=3,
    ),
    Campaign("quiet, IPsec", rest, site=Site(IPSEC), most_denied=3),
    Campaign("quiet, SAML", rest, site=Site(has_saml=True), most_denied=3),
    Campaign("one noisy source", attacks.attack_noisily, 99.9),
    Campaign(
        "one noisy source, names of employees",
        partial(attacks.attack_noisily, names=attacks.choose_employee),
        99.9,
    ),
    Campaign("groups of 3 to 5 slow addresses", attacks.attack_in_groups, 94),
    Campaign("159 addresses, every 18 minutes", attacks.attack_steadily, 99),
    Campaign(
        "the same, names of employees",
        partial(attacks.attack_steadily, names=attacks.choose_employee),
        98,
    ),
    Campaign("rotation in a /64", partial(attacks.rotate, bits=64), 99.9),
    Campaign("rotation in a /56", partial(attacks.rotate, bits=56), 99.9),
    Campaign("rotation in an IPv4 /24", partial(attacks.rotate, bits=24), 99.9),
    Campaign("administrators", attacks.attack_administrators, 99),
    Campaign("names that are hard to read", attacks.attack_unreadably, 95.8),
    Campaign(
        "24,000 addresses, generic names",
        _swarm(attacks.choose_generic, 7, 12 * HOUR),
        30,
        with_systems=51,
        with_shield=90,
    ),
    Campaign(
        "24,000 addresses, names of employees",
        _swarm(attacks.choose_employee, 14, 13 * DAY),
        8,
        with_systems=30,
        with_shield=90,
    ),
    Campaign("24,000 addresses, mixed names", _swarm(attacks.choose_mixed, 7, 12 * HOUR), 20),
    Campaign("residential proxies", attacks.attack_from_homes, 58, with_systems=64, with_shield=90),
    Campaign("IPsec dial-up", attacks.attack_ipsec, 25, Site(IPSEC), with_systems=37),
    Campaign("SAML", attacks.attack_saml, 29, Site(has_saml=True), with_systems=33),
)


def make_campaign(campaign: Campaign, seed: int, number: int = 0) -> list[Attempt]:
    """Return all attempts of a campaign and of the people, in the order of time.

    ``number``: that of a site. The sources of a campaign visit each site, at other times.
    """
    site = replace(campaign.site, seed=seed, number=number)
    guesses = list(campaign.attack(random.Random(f"{campaign.name} {seed}")))
    if number:
        visit = list(campaign.attack(random.Random(f"{campaign.name} {seed} {number}")))
        guesses = _rename_sources(visit, guesses)
    return sorted([*make_attempts(site), *guesses], key=lambda attempt: attempt.at)


def _rename_sources(visit: list[Attempt], first: list[Attempt]) -> list[Attempt]:
    """Return the guesses of a visit as the sources of the first site make them."""
    addresses = dict.fromkeys(each.address for each in first)
    names = dict(zip(dict.fromkeys(each.address for each in visit), addresses, strict=False))
    renamed = []
    for each in visit:
        address = names.get(each.address, each.address)
        renamed.append(each._replace(address=address, source=find_source(address)))
    return renamed
