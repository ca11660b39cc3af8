"""Decide whether the FortiGate would deny an address, and what denies it.

Three places can: `vpn ssl settings` (source-address with negate), local-in policies and firewall
policies. A feed that was never fetched matches nothing (unsure in the vendor's papers).
"""

import ipaddress
from collections.abc import Callable, Iterator

from tests.simulator.config import Config, value
from tests.simulator.tree import Block, Entry, get_effective

InFeed = Callable[[str, str, str], bool]
Matches = Callable[[str], bool]


def list_denials(config: Config, address: str, in_feed: InFeed) -> list[str]:
    """Return which of "ssl_vpn", "local_in" and "policy" refuse `address`, in any VDOM.

    Raises ValueError where `address` is no IP address.
    """
    family = "6" if ipaddress.ip_address(address).version == 6 else ""
    found: list[str] = []
    for scope in config.vdoms if config.multi else ("",):

        def matches(name: str, scope: str = scope) -> bool:
            return _is_member(config, scope, name, address, in_feed)

        found += _check_ssl_vpn(config.block("vpn ssl settings", scope), family, matches)
        found += _check_local_in(config.block(f"firewall local-in-policy{family}", scope), matches)
        found += _check_policies(config.block("firewall policy", scope), family, matches)
    return list(dict.fromkeys(found))


def _is_member(config: Config, scope: str, name: str, address: str, in_feed: InFeed) -> bool:
    ip = ipaddress.ip_address(address)
    if config.find("system external-resource", name, scope):
        return in_feed(scope, name, address)
    path = "firewall address6" if ip.version == 6 else "firewall address"
    entry = config.find(path, name, scope)
    block = config.block(path, scope)
    if entry and block:
        return any(ip in net for net in _list_networks(block, entry))
    group = config.find("firewall addrgrp", name, scope)
    members = group.texts("member") if group else ()
    return any(_is_member(config, scope, each, address, in_feed) for each in members)


def _list_networks(
    block: Block, entry: Entry
) -> Iterator[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    def one(name: str) -> str:
        return "/".join(get_effective(block.table, entry, name))

    if one("ip6"):
        yield ipaddress.IPv6Network(one("ip6"), strict=False)
    elif one("type") == "ipmask":
        yield ipaddress.IPv4Network(one("subnet"), strict=False)
    elif one("type") == "iprange":
        first, last = (ipaddress.IPv4Address(one(name)) for name in ("start-ip", "end-ip"))
        yield from ipaddress.summarize_address_range(first, last)


def _check_ssl_vpn(block: Block | None, family: str, matches: Matches) -> list[str]:
    if block is None or value(block, "status") == "disable":
        return []
    members = block.entry.texts(f"source-address{family}")
    negated = value(block, f"source-address{family}-negate") == "enable"
    hit = any(matches(name) for name in members)
    return ["ssl_vpn"] if members and hit == negated else []


def _list_rows(block: Block | None) -> Iterator[tuple[Entry, Callable[[str], tuple[str, ...]]]]:
    for row in block.rows.values() if block else ():

        def get(name: str, row: Entry = row) -> tuple[str, ...]:
            return get_effective(block.table, row, name) if block else ()

        if get("status") != ("disable",):
            yield row, get


def _matches_row(get: Callable[[str], tuple[str, ...]], name: str, matches: Matches) -> bool:
    members = get(name)
    hit = any(matches(each) for each in members)
    return bool(members) and hit != (get("srcaddr-negate") == ("enable",))


def _check_local_in(block: Block | None, matches: Matches) -> list[str]:
    for _, get in _list_rows(block):
        if _matches_row(get, "srcaddr", matches):
            return ["local_in"] if get("action") == ("deny",) else []
    return []


def _check_policies(block: Block | None, family: str, matches: Matches) -> list[str]:
    """Return ["policy"] if a policy denies, that is if no accept for the same interfaces precedes it."""
    accepted: list[tuple[set[str], set[str]]] = []
    for _, get in _list_rows(block):
        if not _matches_row(get, f"srcaddr{family}", matches):
            continue
        ports = (set(get("srcintf")), set(get("dstintf")))
        if get("action") == ("accept",):
            accepted.append(ports)
        elif not any(_has_overlap(ports, earlier) for earlier in accepted):
            return ["policy"]
    return []


def _has_overlap(one: tuple[set[str], set[str]], other: tuple[set[str], set[str]]) -> bool:
    return all("any" in a | b or a & b for a, b in zip(one, other, strict=True))
