"""Autonomous systems for tests: a look-up in a handful of networks, as a database answers."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping

from rules.systems import LookUp

# 64500 has two networks, 64501 one, and 64502 more than are banned at once.
NETWORKS = {
    "203.0.0.0/16": 64500,
    "198.51.100.0/24": 64500,
    "2001:db8::/32": 64500,
    "45.1.0.0/16": 64501,
}


def look_up_in(networks: Mapping[str, int]) -> LookUp:
    """Return a look-up: the answer for an address that no network holds is as wide as it can be."""
    known = [(ipaddress.ip_network(text), system) for text, system in networks.items()]

    def look_up(text: str) -> tuple[int, int]:
        address = ipaddress.ip_address(text)
        same = [(net, system) for net, system in known if net.version == address.version]
        for network, system in same:
            if address in network:
                return system, network.prefixlen
        for bits in range(address.max_prefixlen + 1):
            around = ipaddress.ip_network(f"{text}/{bits}", strict=False)
            if not any(network.overlaps(around) for network, _ in same):
                return 0, bits
        raise AssertionError(text)

    return look_up
