"""Read and write addresses and networks in their one spelling, and look them up in sets.

IPv4 that is written as IPv6 (::ffff:192.0.2.1, RFC 4291, 2.5.5.2) becomes IPv4 everywhere: a program
wrote down an IPv4 peer in this way, and nobody else has such an address.

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later, standard library only.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable
from functools import lru_cache
from typing import Union

Address = Union[ipaddress.IPv4Address, ipaddress.IPv6Address]
Network = Union[ipaddress.IPv4Network, ipaddress.IPv6Network]

# The address that the self-test bans and unbans. Nobody has it (RFC 5737).
SELF_TEST = "192.0.2.66"
LOW_32_BITS = 0xFFFFFFFF
_MAPPED = ipaddress.IPv6Network("::ffff:0:0/96")
# The prefixes of IPv6 networks that no IPv4 one can be written with.
_NARROW = frozenset(map(str, range(16, 128)))


def is_mapped(number: int) -> bool:
    """Return whether the number of an IPv6 address is that of IPv4 written as IPv6."""
    return number >> 32 == 0xFFFF


def parse_peer(text: str) -> Address:
    """Return the address of a peer; IPv4 also if it arrived through an IPv6 socket."""
    address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        return address.ipv4_mapped or address
    return address


def parse_network(text: str) -> Network:
    """Return the network of a text; bits behind its prefix do not count. Raises ValueError."""
    return unmap_network(ipaddress.ip_network(text, strict=False))


def unmap_network(network: Network) -> Network:
    """Return an IPv4 network that is written as an IPv6 one as IPv4, and any other as it is."""
    if isinstance(network, ipaddress.IPv4Network) or not network.subnet_of(_MAPPED):
        return network
    start = int(network.network_address) & LOW_32_BITS
    return ipaddress.IPv4Network((start, network.prefixlen - _MAPPED.prefixlen))


@lru_cache(maxsize=1024)
def is_address(text: str) -> bool:
    """Return whether a text is an address rather than a name."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def is_network(text: str) -> bool:
    """Return whether a text is an address or a network rather than a name."""
    try:
        ipaddress.ip_network(text)
    except ValueError:
        return False
    return True


def do_overlap(one: Network, other: Network) -> bool:
    """Return whether two networks, of whatever versions, have addresses in common."""
    return one.version == other.version and one.overlaps(other)


def spell_network(network: Network) -> str:
    """Return the one spelling of a network; an address alone has no prefix."""
    return str(network.network_address) if network.num_addresses == 1 else str(network)


def spell_ban(address: object) -> str:
    """Return the one spelling of an address or network to ban.

    Raises:
        ValueError: it is a name, or would deny everybody.
    """
    text = str(address)
    if is_spelled(text):
        return text
    network = parse_network(text)
    if network.prefixlen == 0 or (network.version == 6 and _MAPPED.subnet_of(network)):
        raise ValueError("%s would deny everybody" % text)
    return spell_network(network)


def is_spelled(text: str) -> bool:
    """Return whether a text is in its one spelling.

    For nearly all bans this is ten times as fast as ipaddress.
    """
    address, slash, bits = text.partition("/")
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        packed = socket.inet_pton(family, address)
    except (OSError, ValueError):
        return False
    if family == socket.AF_INET:
        return not slash
    number = int.from_bytes(packed, "big")
    is_like_ipv4 = is_mapped(number) or number <= LOW_32_BITS
    if is_like_ipv4 or socket.inet_ntop(family, packed) != address:
        return False
    return not slash or (bits in _NARROW and not number & ((1 << 128 - int(bits)) - 1))


def split_ban(entry: str) -> tuple[int, int, int]:
    """Return version, number, and bits behind the prefix of what :func:`spell_ban` returned."""
    address, _, bits = entry.partition("/")
    family, size = (socket.AF_INET6, 128) if ":" in address else (socket.AF_INET, 32)
    number = int.from_bytes(socket.inet_pton(family, address), "big")
    return 6 if size == 128 else 4, number, size - int(bits or size)


class Networks:
    """A set of networks, each with a label. A look-up in ten thousand is as fast as in ten."""

    def __init__(self, labelled: Iterable[tuple[Network, str]]) -> None:
        # by version: bits behind the prefix: network without these bits: label
        self._starts: dict[int, dict[int, dict[int, str]]] = {4: {}, 6: {}}
        # by version and bits behind the prefix of a wider network: that network: label of one in it
        self._inner: dict[tuple[int, int], dict[int, str]] = {}
        for network, label in labelled:
            shift = network.max_prefixlen - network.prefixlen
            starts = self._starts[network.version].setdefault(shift, {})
            starts[int(network.network_address) >> shift] = label

    def find_label(self, address: Address) -> str:
        """Return the label of a network that holds an address, or an empty string."""
        return self.find_around(address.version, int(address), 0)

    def find_overlap(self, entry: str) -> str:
        """Return the label of a network that has addresses in common with ``entry``, or an empty string.

        ``entry``: as :func:`spell_ban` returns it.
        """
        place = split_ban(entry)
        return self.find_around(*place) or (self.find_within(*place) if "/" in entry else "")

    def find_around(self, version: int, number: int, shift: int) -> str:
        """Return the label of a network that holds all of another one, or an empty string.

        That one begins at ``number`` and has ``shift`` bits behind its prefix.
        """
        for own, starts in self._starts[version].items():
            if own >= shift and number >> own in starts:
                return starts[number >> own]
        return ""

    def find_within(self, version: int, number: int, shift: int) -> str:
        """Return the label of a smaller network within another one, or an empty string."""
        inner = self._inner.get((version, shift))
        if inner is None:
            inner = self._inner[version, shift] = {
                start >> shift - own: label
                for own, starts in self._starts[version].items()
                if own < shift
                for start, label in starts.items()
            }
        return inner.get(number >> shift, "")
