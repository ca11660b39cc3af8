"""The networks around a source.

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later, standard library only.
"""

from __future__ import annotations

import socket
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rules.systems import Systems


@lru_cache(maxsize=16384)
def find_networks(source: str) -> tuple[str, ...]:
    """Return the networks that are counted around a source, the smallest first.

    An IPv4 address has its /24; an IPv6 network has its /56 and its /48.
    """
    text, _, bits = source.partition("/")
    if ":" not in text:
        return (text[: text.rindex(".")] + ".0/24",)
    own = int(bits or 128)
    number = int.from_bytes(socket.inet_pton(socket.AF_INET6, text), "big")
    return tuple(_spell(number, size) for size in (56, 48) if size < own)


def find_party(source: str) -> str:
    """Return whom a source stands for where many of them raise an alarm: an IPv6 /48 may be one attacker."""
    networks = find_networks(source) if ":" in source else ()
    return networks[-1] if networks else source


def list_around(source: str, systems: Systems | None) -> tuple[str, ...]:
    """Return every network whose ban denies a source: those that are counted, and that of its system."""
    own = systems.find_network(source) if systems else ""
    return (*find_networks(source), own) if own else find_networks(source)


def _spell(number: int, bits: int) -> str:
    start = number >> 128 - bits << 128 - bits
    return "%s/%d" % (socket.inet_ntop(socket.AF_INET6, start.to_bytes(16, "big")), bits)
