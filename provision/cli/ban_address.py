"""Check addresses to ban by hand: a slip must lock out neither the internet nor the operator's own hosts."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from banstitch_shared.addresses import Network, parse_peer, spell_network, unmap_network

from provision.errors import InputError, Problem
from provision.sites.builder import BanHost, FortiGate, Site

# No network is assigned a wider prefix.
_WIDEST = {4: 8, 6: 16}
_NOBODY = {
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
# Names resolved in parallel: a resolver that does not answer costs seconds for each.
_LOOKUPS = 32


def normalize_address(text: str) -> str:
    """Return the canonical form of an address or network; IPv4 mapped into IPv6 becomes IPv4.

    Raises:
        InputError: ``text`` is neither, or it is probably a slip for something narrower.
    """
    if "%" in text:
        what = f"{text}: a zone id has no place here, a ban is for every interface"
        raise InputError([Problem("", 0, what, f"write {text.partition('%')[0]}")])
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        what = f"{text} is neither an address nor a network"
        raise InputError(
            [Problem("", 0, what, "write it as 203.0.113.7 or 203.0.113.0/24")]
        ) from None
    if ipaddress.ip_interface(text).ip != network.network_address:
        what = f"{text} is an address within {network}"
        raise InputError([Problem("", 0, what, f"write {network} to mean all of it")])
    return spell_network(unmap_network(network))


def check_bannable(text: str) -> str:
    """Return the canonical form of an address or network that may be banned by hand.

    Raises:
        InputError: as :func:`normalize_address`; or it is too large, or no source of traffic.
    """
    named = normalize_address(text)
    network = ipaddress.ip_network(named)
    if network.prefixlen < _WIDEST[network.version]:
        what = f"{text} is nearly everybody"
        widest = f"/{_WIDEST[network.version]} is the widest"
        raise InputError([Problem("", 0, what, f"name smaller networks, {widest}")])
    for nobody, name in _NOBODY.items():
        theirs = ipaddress.ip_network(nobody)
        if theirs.version == network.version and network.overlaps(theirs):
            raise InputError(
                [Problem("", 0, f"{text} is or holds {name} ({theirs})", "name another")]
            )
    return named


def find_own_host(sites: Sequence[Site], address: str) -> str:
    """Return the name of the ban host or FortiGate that ``address`` would lock out, or "".

    Host names are resolved.
    """
    network = ipaddress.ip_network(address)
    hosts: list[BanHost | FortiGate] = []
    for site in sites:
        hosts += [site.ban_host, *site.fortigates]
    with ThreadPoolExecutor(_LOOKUPS) as pool:
        all_theirs = pool.map(lambda host: _resolve(host.login.address), hosts)
    for host, theirs in zip(hosts, all_theirs, strict=True):
        if any(own.version == network.version and own.overlaps(network) for own in theirs):
            return host.name
    return ""


def _resolve(name: str) -> list[Network]:
    """Return the addresses of a host; none if its name cannot be resolved."""
    try:
        rows = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    return [ipaddress.ip_network(parse_peer(str(row[4][0]))) for row in rows]
