"""The filters of ansible.utils for IP addresses, as far as Python's own library knows the answer."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from typing import Any

from provision.inventory.variables import Misused, Unusable

_Interface = ipaddress.IPv4Interface | ipaddress.IPv6Interface


def ipaddr(value: Any, query: Any = "", version: int | None = None) -> Any:
    """Return what ``query`` asks of an address or a network; `False` for anything else.

    Of a list, return the answers for those of its items that have one.
    """
    if isinstance(value, list | tuple):
        answers = [ipaddr(item, query, version) for item in value]
        return [answer for answer in answers if answer is not False]
    found = _parsed(value)
    if found is None or (version is not None and found.version != version):
        return False
    if isinstance(query, int) or str(query).lstrip("-").isdecimal():
        return _nth(found, int(query))
    if query in _QUERIES:
        return _QUERIES[query](found, str(value).strip())
    return _inside(found, str(value).strip(), str(query))


def _parsed(value: Any) -> _Interface | None:
    if isinstance(value, bool) or value in (None, ""):
        return None
    try:
        return ipaddress.ip_interface(value if isinstance(value, int) else str(value).strip())
    except ValueError:
        return None


def _nth(found: _Interface, number: int) -> Any:
    """Return the address of this number within the network, with its prefix."""
    network = found.network
    if not -network.num_addresses <= number < network.num_addresses:
        return False
    return f"{network[number]}/{network.prefixlen}"


def _inside(found: _Interface, written: str, query: str) -> Any:
    """Return an address or network that lies in the network ``query``."""
    try:
        around = ipaddress.ip_network(query, strict=False)
    except ValueError:
        known = ", ".join(sorted(_QUERIES))
        what = f"ipaddr knows {known}, a number and a network"
        raise Unusable(what, "ipaddr does not know what is asked") from None
    return written if found.ip in around else False


def _is_network(found: _Interface) -> bool:
    single = found.network.num_addresses == 1
    return not single and found.ip == found.network.network_address


def _address(found: _Interface, _: str) -> Any:
    return False if _is_network(found) else str(found.ip)


def _with_prefix(found: _Interface, _: str) -> Any:
    return False if _is_network(found) else found.with_prefixlen


def _network_only(found: _Interface, _: str) -> Any:
    return found.with_prefixlen if _is_network(found) else False


def _if(check: Callable[[_Interface], bool]) -> Callable[[_Interface, str], Any]:
    return lambda found, written: written if check(found) else False


def _of_network(answer: Callable[[Any], Any]) -> Callable[[_Interface, str], Any]:
    return lambda found, _: answer(found.network)


def _usable(found: _Interface, last: bool) -> Any:
    network = found.network
    edge = 1 if found.version == 4 and network.num_addresses > 2 else 0
    if network.num_addresses == 1:
        return False
    return str(network[-1 - edge] if last else network[edge if found.version == 4 else 1])


def _wrapped(found: _Interface, written: str) -> str:
    if found.version == 4:
        return written
    address, slash, prefix = written.partition("/")
    return f"[{address}]{slash}{prefix}"


_QUERIES: dict[str, Callable[[_Interface, str], Any]] = {
    "": lambda _, written: written,
    "address": _address,
    "bool": lambda *_: True,
    "broadcast": _of_network(lambda network: str(network.broadcast_address)),
    "cidr": _with_prefix,
    "first_usable": lambda found, _: _usable(found, last=False),
    "host": _with_prefix,
    "host/prefix": _with_prefix,
    "hostmask": _of_network(lambda network: str(network.hostmask)),
    "int": lambda found, _: int(found.ip),
    "ip": _address,
    "ip/prefix": _with_prefix,
    "ipv4": _if(lambda found: found.version == 4),
    "ipv6": _if(lambda found: found.version == 6),
    "last_usable": lambda found, _: _usable(found, last=True),
    "link-local": _if(lambda found: found.ip.is_link_local),
    "loopback": _if(lambda found: found.ip.is_loopback),
    "multicast": _if(lambda found: found.ip.is_multicast),
    "net": _network_only,
    "netmask": lambda found, _: str(found.netmask),
    "network": _of_network(lambda network: str(network.network_address)),
    "network/prefix": _of_network(str),
    "prefix": _of_network(lambda network: network.prefixlen),
    "private": _if(lambda found: found.ip.is_private),
    "public": _if(lambda found: found.ip.is_global),
    "revdns": lambda found, _: found.ip.reverse_pointer + ".",
    "size": _of_network(lambda network: network.num_addresses),
    "subnet": _of_network(str),
    "type": lambda found, _: "network" if _is_network(found) else "address",
    "version": lambda found, _: found.version,
    "wildcard": _of_network(lambda network: str(network.hostmask)),
    "wrap": _wrapped,
}


def ipwrap(value: Any, query: Any = "") -> Any:
    """Put brackets around an IPv6 address, and leave anything else as it is."""
    if isinstance(value, list | tuple):
        return [ipwrap(item, query) for item in value]
    found = _parsed(value)
    return value if found is None else _wrapped(found, str(value).strip())


def ipmath(value: Any, amount: int) -> str:
    """Return the address that stands so many behind this one."""
    found = _parsed(value)
    if found is None:
        raise Misused("ipmath takes an address")
    return str(found.ip + int(amount))


def nthhost(value: Any, number: Any = 1) -> Any:
    """Return the address of this number within a network."""
    found = _parsed(value)
    answer: Any = False if found is None else _nth(found, int(number))
    return answer and str(answer).partition("/")[0]


_OWN: dict[str, Callable[..., Any]] = {
    "ipaddr": ipaddr,
    "ipmath": ipmath,
    "ipv4": lambda value, query="": ipaddr(value, query, 4),
    "ipv6": lambda value, query="": ipaddr(value, query, 6),
    "ipwrap": ipwrap,
    "nthhost": nthhost,
}
FILTERS = {
    f"{collection}{name}": each
    for name, each in _OWN.items()
    for collection in ("", "ansible.utils.", "ansible.netcommon.")
}
