"""Bans, the canonical spelling of addresses, and the ignore list.

Managed by Banstitch: changes made here are overwritten. Loaded by banstitch.py beside it.
"""

from __future__ import annotations

import ipaddress
import socket
import time
from collections.abc import Iterable
from typing import NamedTuple, Union

Network = Union[ipaddress.IPv4Network, ipaddress.IPv6Network]


class Ban(NamedTuple):
    """One ban. Times in epoch seconds; ``until`` is FOREVER for a ban without end."""

    until: float
    since: float
    failures: int
    # how often the address has been banned so far
    times: int


FOREVER = float("inf")
# Seconds. What ends in the year 10,000 or later has no date.
LONGEST_BAN = 100 * 366 * 86400
# IPv4 addresses written as IPv6 ones (RFC 4291, 2.5.5.2)
MAPPED = ipaddress.IPv6Network("::ffff:0:0/96")
# The prefixes of IPv6 networks that no IPv4 one can be written with.
NARROW = frozenset(map(str, range(16, 128)))


class Ignored:
    """The jail's ignore list, asked 100,000 times in a second."""

    def __init__(self, texts: Iterable[object]) -> None:
        self.texts = list(texts)
        self._networks = [network for text in self.texts for network in as_networks(str(text))]
        # {(version, bits behind the prefix): networks as numbers without these bits}
        self._prefixes: dict[tuple[int, int], set[int]] = {}
        for network in self._networks:
            shift = network.max_prefixlen - network.prefixlen
            starts = self._prefixes.setdefault((network.version, shift), set())
            starts.add(int(network.network_address) >> shift)
        # {(version, bits behind the prefix): {such a network that holds one of the list: that one}}
        self._inside: dict[tuple[int, int], dict[int, str]] = {}

    def overlap(self, entry: str) -> str:
        """Return the part of the list that ``entry`` has addresses in common with, or an empty string."""
        version, number, shift = parts(entry)
        for (of_version, own), starts in self._prefixes.items():
            if of_version == version and own >= shift and number >> own in starts:
                return entry
        return self._within(version, shift).get(number >> shift, "") if "/" in entry else ""

    def _within(self, version: int, shift: int) -> dict[int, str]:
        if (version, shift) not in self._inside:
            smaller = [
                n
                for n in self._networks
                if n.version == version and n.max_prefixlen - n.prefixlen < shift
            ]
            found = {int(n.network_address) >> shift: str(n) for n in reversed(smaller)}
            self._inside[version, shift] = found
        return self._inside[version, shift]


def parts(entry: str) -> tuple[int, int, int]:
    """Return (version, number, bits behind the prefix) of an address or network in its one spelling."""
    address, _, bits = entry.partition("/")
    family, size = (socket.AF_INET6, 128) if ":" in address else (socket.AF_INET, 32)
    number = int.from_bytes(socket.inet_pton(family, address), "big")
    return 6 if size == 128 else 4, number, size - int(bits or size)


def as_networks(text: str) -> list[Network]:
    """Return a text as a network; nothing for a name, which fail2ban accepts as well."""
    try:
        return [plain(ipaddress.ip_network(text, strict=False))]
    except ValueError:
        return []


def end(began: float, bantime: float) -> float:
    """Return when a ban ends; a negative time is for ever."""
    return FOREVER if float(bantime) < 0 else float(began) + float(bantime)


def number(until: float) -> int:
    """Return an end in whole seconds, rounded up: a ban does not end before its time."""
    return -1 if until == FOREVER else int(-(-until // 1))


def shown(until: float) -> str:
    """Return an end as an operator reads it."""
    return "further notice" if until == FOREVER else time.strftime("%F %T", time.localtime(until))


def is_plain(text: str) -> bool:
    """Return whether a text is in its one spelling. Ten times as fast as ipaddress, for nearly all bans."""
    address, slash, bits = text.partition("/")
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        packed = socket.inet_pton(family, address)
    except (OSError, ValueError):
        return False
    if family == socket.AF_INET:
        return not slash
    number = int.from_bytes(packed, "big")
    if number >> 32 in (0, 0xFFFF) or socket.inet_ntop(family, packed) != address:
        return False
    return not slash or (bits in NARROW and not number & ((1 << 128 - int(bits)) - 1))


def plain(network: Network) -> Network:
    """Return an IPv4 network that is written as an IPv6 one as IPv4, and any other as it is."""
    if isinstance(network, ipaddress.IPv4Network) or not network.subnet_of(MAPPED):
        return network
    return ipaddress.ip_network((int(network.network_address) & 0xFFFFFFFF, network.prefixlen - 96))


def describe_protected(entry: str, protected: str) -> str:
    """Return why an address or network is not banned."""
    holds = "" if protected == entry else " holds %s, which" % protected
    return "%s%s is on the ignore list" % (entry, holds)


def spelling(address: object) -> str:
    """Return the one spelling of an address or network.

    Raises:
        ValueError: it is a name, or would deny everybody.
    """
    text = str(address)
    if is_plain(text):
        return text
    network = plain(ipaddress.ip_network(text, strict=False))
    if network.prefixlen == 0 or (network.version == 6 and MAPPED.subnet_of(network)):
        raise ValueError("%s would deny everybody" % text)
    return str(network.network_address) if network.num_addresses == 1 else str(network)
