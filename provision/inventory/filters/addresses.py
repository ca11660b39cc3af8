"""Filters for IP addresses from ansible.utils, as far as Python's ipaddress module answers them."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from typing import Any

from provision.inventory.variables import Misused, Unusable

_Interface = ipaddress.IPv4Interface | ipaddress.IPv6Interface


def query_address(value: Any, query: Any = "", version: int | None = None) -> Any:
    """Return the answer to ``query`` about an address or a network, or `False` if there is none (`ipaddr`).

    For a list, return the answers about its items, without `False`.
    """
    if isinstance(value, list | tuple):
        answers = [query_address(item, query, version) for item in value]
        return [answer for answer in answers if answer is not False]
    interface = _parse(value)
    if interface is None or (version is not None and interface.version != version):
        return False
    if isinstance(query, int) or str(query).lstrip("-").isdecimal():
        return _pick_address(interface, int(query))
    if query in _QUERIES:
        return _QUERIES[query](interface, str(value).strip())
    return _match_network(interface, str(value).strip(), str(query))


def _parse(value: Any) -> _Interface | None:
    if isinstance(value, bool) or value in (None, ""):
        return None
    try:
        return ipaddress.ip_interface(value if isinstance(value, int) else str(value).strip())
    except ValueError:
        return None


def _pick_address(interface: _Interface, number: int) -> Any:
    """Return the address at this position in the network, with its prefix."""
    network = interface.network
    if not -network.num_addresses <= number < network.num_addresses:
        return False
    return f"{network[number]}/{network.prefixlen}"


def _match_network(interface: _Interface, written: str, query: str) -> Any:
    """Return the address or network as written if it is in the network ``query``."""
    try:
        network = ipaddress.ip_network(query, strict=False)
    except ValueError:
        known = ", ".join(sorted(_QUERIES))
        message = f"ipaddr knows {known}, a number and a network"
        raise Unusable(message, "ipaddr does not know this query") from None
    return written if interface.ip in network else False


def _is_network(interface: _Interface) -> bool:
    single = interface.network.num_addresses == 1
    return not single and interface.ip == interface.network.network_address


def _get_address(interface: _Interface, _: str) -> Any:
    return False if _is_network(interface) else str(interface.ip)


def _get_with_prefix(interface: _Interface, _: str) -> Any:
    return False if _is_network(interface) else interface.with_prefixlen


def _get_network(interface: _Interface, _: str) -> Any:
    return interface.with_prefixlen if _is_network(interface) else False


def _keep_if(check: Callable[[_Interface], bool]) -> Callable[[_Interface, str], Any]:
    return lambda interface, written: written if check(interface) else False


def _ask_network(answer: Callable[[Any], Any]) -> Callable[[_Interface, str], Any]:
    return lambda interface, _: answer(interface.network)


def _get_usable(interface: _Interface, last: bool) -> Any:
    network = interface.network
    edge = 1 if interface.version == 4 and network.num_addresses > 2 else 0
    if network.num_addresses == 1:
        return False
    return str(network[-1 - edge] if last else network[edge if interface.version == 4 else 1])


def _wrap(interface: _Interface, written: str) -> str:
    if interface.version == 4:
        return written
    address, slash, prefix = written.partition("/")
    return f"[{address}]{slash}{prefix}"


_QUERIES: dict[str, Callable[[_Interface, str], Any]] = {
    "": lambda _, written: written,
    "address": _get_address,
    "bool": lambda *_: True,
    "broadcast": _ask_network(lambda network: str(network.broadcast_address)),
    "cidr": _get_with_prefix,
    "first_usable": lambda interface, _: _get_usable(interface, last=False),
    "host": _get_with_prefix,
    "host/prefix": _get_with_prefix,
    "hostmask": _ask_network(lambda network: str(network.hostmask)),
    "int": lambda interface, _: int(interface.ip),
    "ip": _get_address,
    "ip/prefix": _get_with_prefix,
    "ipv4": _keep_if(lambda interface: interface.version == 4),
    "ipv6": _keep_if(lambda interface: interface.version == 6),
    "last_usable": lambda interface, _: _get_usable(interface, last=True),
    "link-local": _keep_if(lambda interface: interface.ip.is_link_local),
    "loopback": _keep_if(lambda interface: interface.ip.is_loopback),
    "multicast": _keep_if(lambda interface: interface.ip.is_multicast),
    "net": _get_network,
    "netmask": lambda interface, _: str(interface.netmask),
    "network": _ask_network(lambda network: str(network.network_address)),
    "network/prefix": _ask_network(str),
    "prefix": _ask_network(lambda network: network.prefixlen),
    "private": _keep_if(lambda interface: interface.ip.is_private),
    "public": _keep_if(lambda interface: interface.ip.is_global),
    "revdns": lambda interface, _: interface.ip.reverse_pointer + ".",
    "size": _ask_network(lambda network: network.num_addresses),
    "subnet": _ask_network(str),
    "type": lambda interface, _: "network" if _is_network(interface) else "address",
    "version": lambda interface, _: interface.version,
    "wildcard": _ask_network(lambda network: str(network.hostmask)),
    "wrap": _wrap,
}


def wrap_address(value: Any, query: Any = "") -> Any:
    """Return an IPv6 address in brackets, and anything else unchanged (`ipwrap`)."""
    if isinstance(value, list | tuple):
        return [wrap_address(item, query) for item in value]
    interface = _parse(value)
    return value if interface is None else _wrap(interface, str(value).strip())


def add_to_address(value: Any, amount: int) -> str:
    """Return the address ``amount`` after this one (`ipmath`)."""
    interface = _parse(value)
    if interface is None:
        raise Misused("ipmath takes an address")
    return str(interface.ip + int(amount))


def pick_host(value: Any, number: Any = 1) -> Any:
    """Return the address at this position in a network (`nthhost`)."""
    interface = _parse(value)
    answer: Any = False if interface is None else _pick_address(interface, int(number))
    return answer and str(answer).partition("/")[0]


_OWN: dict[str, Callable[..., Any]] = {
    "ipaddr": query_address,
    "ipmath": add_to_address,
    "ipv4": lambda value, query="": query_address(value, query, 4),
    "ipv6": lambda value, query="": query_address(value, query, 6),
    "ipwrap": wrap_address,
    "nthhost": pick_host,
}
FILTERS = {
    f"{collection}{name}": function
    for name, function in _OWN.items()
    for collection in ("", "ansible.utils.", "ansible.netcommon.")
}
