"""Check addresses to ban by hand: a typo must lock out neither the internet nor the site's own hosts."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from provision.errors import InputError, Problem
from provision.sites.builder import BanHost, FortiGate, Site

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# The shortest prefix lengths that may be banned; no larger network is assigned to anybody.
_SHORTEST_PREFIX = {4: 8, 6: 16}
_SPECIAL = {
    "0.0.0.0/8": "the unspecified address",
    "127.0.0.0/8": "loopback",
    "169.254.0.0/16": "link-local",
    "224.0.0.0/4": "multicast",
    "255.255.255.255": "broadcast",
    "::": "the unspecified address",
    "::1": "loopback",
    "fe80::/10": "link-local",
    "ff00::/8": "multicast",
}
# Number of names to resolve in parallel: each takes seconds if a resolver does not answer.
_LOOKUPS = 32
_MAPPED = ipaddress.IPv6Network("::ffff:0:0/96")


def normalize_address(text: str) -> str:
    """Return the canonical form of an address or network; IPv4 mapped into IPv6 becomes IPv4.

    Raises:
        InputError: ``text`` is neither, or an address with the prefix length of a larger network.
    """
    if "%" in text:
        message = f"{text} must not have a zone id: a ban applies to all interfaces"
        raise InputError([Problem("", 0, message, f"write {text.partition('%')[0]}")])
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        message = f"{text} must be an address or a network"
        raise InputError(
            [Problem("", 0, message, "write it as 203.0.113.7 or 203.0.113.0/24")]
        ) from None
    if ipaddress.ip_interface(text).ip != network.network_address:
        message = f"{text} is an address within {network}"
        raise InputError([Problem("", 0, message, f"write {network} to ban the whole network")])
    network = convert_mapped(network)
    return str(network.network_address) if network.num_addresses == 1 else str(network)


def check_bannable(text: str) -> str:
    """Return the canonical form of an address or network that may be banned by hand.

    Raises:
        InputError: as :func:`normalize_address`; or it is too large, or cannot be a source of traffic.
    """
    address = normalize_address(text)
    network = ipaddress.ip_network(address)
    shortest = _SHORTEST_PREFIX[network.version]
    if network.prefixlen < shortest:
        raise InputError([Problem("", 0, f"{text} is too large", f"use /{shortest} or smaller")])
    for special, name in _SPECIAL.items():
        reserved = ipaddress.ip_network(special)
        if reserved.version == network.version and network.overlaps(reserved):
            message = f"{text} overlaps {reserved} ({name})"
            raise InputError([Problem("", 0, message, "choose another address")])
    return address


def convert_mapped(network: Network) -> Network:
    """Return a network of IPv4 mapped into IPv6 (::ffff:192.0.2.1) as IPv4; return others unchanged."""
    if isinstance(network, ipaddress.IPv4Network) or not network.subnet_of(_MAPPED):
        return network
    low = int(network.network_address) & 0xFFFFFFFF
    return ipaddress.IPv4Network((low, network.prefixlen - _MAPPED.prefixlen))


def find_own_host(sites: Sequence[Site], address: str) -> str:
    """Return the name of the ban host or FortiGate that ``address`` would lock out, or "".

    Host names are resolved.
    """
    network = ipaddress.ip_network(address)
    hosts: list[BanHost | FortiGate] = []
    for site in sites:
        hosts += [site.ban_host, *site.fortigates]
    with ThreadPoolExecutor(_LOOKUPS) as pool:
        resolved = pool.map(lambda host: _resolve(host.login.address), hosts)
    for host, addresses in zip(hosts, resolved, strict=True):
        if any(own.version == network.version and own.overlaps(network) for own in addresses):
            return host.name
    return ""


def _resolve(name: str) -> list[Network]:
    """Return the addresses of a host, or an empty list if its name cannot be resolved."""
    try:
        rows = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    return [convert_mapped(ipaddress.ip_network(str(row[4][0]).partition("%")[0])) for row in rows]
