"""Check addresses and times that are typed: a typo must lock out neither the internet nor own hosts."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from banstitch_shared.addresses import Network, do_overlap, parse_peer, spell_network, unmap_network
from pydantic import TypeAdapter, ValidationError

from provision.errors import InputError, Problem
from provision.sites.setting_types import NOT_EXPECTED, Duration, DurationOrForever
from provision.sites.site import BanHost, FortiGate, Site

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
        raise InputError([Problem("", 0, message, f"write {network} for the whole network")])
    return spell_network(unmap_network(network))


def normalize_network(text: str) -> str:
    """Return the canonical form of an address, or of a network that is not too large to be meant.

    Raises:
        InputError: ``text`` is neither.
    """
    address = normalize_address(text)
    network = ipaddress.ip_network(address)
    shortest = _SHORTEST_PREFIX[network.version]
    if network.prefixlen < shortest:
        raise InputError([Problem("", 0, f"{text} is too large", f"use /{shortest} or smaller")])
    return address


def check_bannable(text: str) -> str:
    """Return the canonical form of an address or network that may be banned by hand.

    Raises:
        InputError: as :func:`normalize_address`; or it is too large, or cannot be a source of traffic.
    """
    address = normalize_network(text)
    network = ipaddress.ip_network(address)
    for special, name in _SPECIAL.items():
        reserved = ipaddress.ip_network(special)
        if do_overlap(network, reserved):
            message = f"{text} overlaps {reserved} ({name})"
            raise InputError([Problem("", 0, message, "choose another address")])
    return address


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
        if any(do_overlap(own, network) for own in addresses):
            return host.name
    return ""


def _resolve(name: str) -> list[Network]:
    """Return the addresses of a host, or an empty list if its name cannot be resolved."""
    try:
        rows = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    return [ipaddress.ip_network(parse_peer(str(row[4][0]))) for row in rows]


def parse_limited(duration: str, option: str = "--for") -> int:
    """Return the seconds of a time that ends. Raises InputError."""
    return _parse_time(TypeAdapter(Duration), duration, option, "write 90s, 30m, 8h, 7d or 1w")


def parse_seconds(duration: str | None, option: str = "--for") -> int | None:
    """Return the seconds of a time; -1 is for ever, None is none.

    Raises:
        InputError: it is not a time.
    """
    if duration is None:
        return None
    remedy = "write 90s, 10m, 12h, 7d, 1w or -1"
    return _parse_time(TypeAdapter(DurationOrForever), duration, option, remedy)


def _parse_time(kind: TypeAdapter[int], duration: str, option: str, remedy: str) -> int:
    try:
        return kind.validate_python(duration)
    except ValidationError as error:
        reason = error.errors()[0]["msg"].removeprefix("Value error, ")
        fault = " must be a time" if reason == NOT_EXPECTED else f": {reason}"
        raise InputError([Problem("", 0, f"{option} {duration}{fault}", remedy)]) from None
