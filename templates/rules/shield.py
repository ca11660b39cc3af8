"""The shield: while many strange sources fail at once, deny everything but the networks of recent logins.

It rises when SOURCES sources outside these networks failed within an hour, and falls a day after that was
last the case. All of an IPv6 /48 is one of them. It spares the /16 around an IPv4 address and the /48 around
an IPv6 address of each login that gave trust within ``trust_days``. Meanwhile it also denies people who log
in from an unknown network, so it is off until an operator chooses it. shielding.py raises it.

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later, standard library only.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable, Sequence
from functools import lru_cache

from banstitch_shared.ranges import cut_out
from banstitch_shared.shield_file import MOST_DENIED

from rules.networks import find_party
from rules.settings import DAY, Settings
from rules.state import State, forget_before, remember

HOUR = 3600
SOURCES = 20
# Entries of the tables. Only logins that give trust add to `homes`.
MOST_HOMES = 20_000
MOST_STRANGERS = 1_000
# IPv6 networks of logins that are spared one by one; each leaves some 25 others to deny. If there are more,
# larger ones are spared, of these lengths.
MOST_V6_HOMES = 1_000
V6_BITS = (48, 40, 32, 24, 16)
# The addresses that the internet can send from.
UNIVERSE = (ipaddress.ip_network("0.0.0.0/0"), ipaddress.ip_network("2000::/3"))
# Never denied: private, shared and link-local ranges, loopback, multicast.
NEVER = (
    "0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.168.0.0/16"
    " 224.0.0.0/3"
).split()


def note_stranger(state: State, source: str, at: float) -> None:
    """Count a source that is not trusted and failed; many of them raise the shield for a day."""
    strangers = state.strangers
    remember(strangers, find_party(source), at, MOST_STRANGERS)
    forget_before(strangers, at - HOUR)
    if len(strangers) >= SOURCES:
        if state.shield_until <= at:
            state.shield_since = at
        state.shield_until = at + DAY


def note_home(state: State, source: str, at: float) -> None:
    """Spare the network around the source of a login that gave trust."""
    remember(state.homes, find_home(source), at, MOST_HOMES)


def is_up(state: State, at: float) -> bool:
    """Return whether so many strangers failed within the last day."""
    return at < state.shield_until


def is_home(state: State, source: str, at: float, settings: Settings) -> bool:
    """Return whether a login within ``trust_days`` came from the network around ``source``."""
    last = state.homes.get(find_home(source))
    return last is not None and at - last < settings.trust_time


def list_homes(state: State, at: float, settings: Settings) -> list[str]:
    """Return the networks that the shield spares for their logins."""
    return [home for home, last in state.homes.items() if at - last < settings.trust_time]


@lru_cache(maxsize=16384)
def find_home(source: str) -> str:
    """Return the network around a source that a login from it spares."""
    text = source.partition("/")[0]
    if ":" not in text:
        return ".".join(text.split(".")[:2]) + ".0.0/16"
    packed = socket.inet_pton(socket.AF_INET6, text)[:6] + bytes(10)
    return socket.inet_ntop(socket.AF_INET6, packed) + "/48"


def list_denied_around(homes: Sequence[str], spared: Sequence[str]) -> list[str]:
    """Return the networks that the shield denies, at most MOST_DENIED of them.

    Raises:
        ValueError: an entry is no network.
    """
    v6 = {home for home in homes if ":" in home}
    for bits in V6_BITS:
        wider = {_widen(home, bits) for home in v6}
        if len(wider) <= MOST_V6_HOMES:
            break
    v4 = (home for home in homes if ":" not in home)
    return list_denied((*spared, *v4, *wider))[:MOST_DENIED]


def _widen(home: str, bits: int) -> str:
    packed = socket.inet_pton(socket.AF_INET6, home.partition("/")[0])[: bits // 8]
    return "%s/%d" % (socket.inet_ntop(socket.AF_INET6, packed + bytes(16 - len(packed))), bits)


def list_denied(spared: Iterable[str]) -> list[str]:
    """Return the networks of the whole internet except ``spared`` and NEVER.

    Raises:
        ValueError: an entry of ``spared`` is no network.
    """
    kept = [ipaddress.ip_network(text, strict=False) for text in (*NEVER, *spared)]
    return [text for universe in UNIVERSE for text in cut_out(universe, kept)]
