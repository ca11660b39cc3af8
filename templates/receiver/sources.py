"""Sources: an attacker as it is counted, banned and listed, and those that are never banned.

A source is an IPv4 address, or an IPv6 network of ``detection_ipv6_prefix`` bits: whoever has one
IPv6 address has its whole network, and could otherwise come from another address each time.

What a FortiGate matches against the feed is the source of a packet. So an IPv6 address that stands
for an IPv4 host (6to4, Teredo, NAT64) is listed as IPv6, and the IPv4 address inside decides whether
it may be banned at all. An IPv4-mapped or IPv4-compatible address is never the source of a packet
that crossed the internet: a program wrote down an IPv4 peer in this way, and IPv4 is what is listed.

Managed by Banstitch: changes made here are overwritten.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable

from banstitch_shared.addresses import LOW_32_BITS, Address, Networks, is_mapped

from receiver.lines import Malformed


def label_networks(texts: Iterable[str], label: str) -> Networks:
    """Return a set of networks that all have the same label."""
    return Networks((ipaddress.ip_network(text, strict=False), label) for text in texts)


def read_ignored(texts: Iterable[str]) -> Networks:
    """Return the set of those whom an operator never bans."""
    return label_networks(texts, "on the ignore list")


def read_own(texts: Iterable[str]) -> Networks:
    """Return the set of the site's own addresses."""
    return label_networks(texts, OWN)


# Written out, because what ipaddress calls private differs between Python versions.
REFUSED = Networks(
    (ipaddress.ip_network(text), reason)
    for reason, texts in (
        ("unspecified", "0.0.0.0/8"),
        ("private", "10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 100.64.0.0/10"),
        ("loopback", "127.0.0.0/8"),
        ("link-local", "169.254.0.0/16"),
        ("multicast", "224.0.0.0/4"),
        ("reserved", "192.0.0.0/24 192.88.99.0/24 198.18.0.0/15 240.0.0.0/4 2001::/23"),
    )
    for text in texts.split()
)
# RFC 5737, 3849, 9637: nobody has them, so that verify, labs and manuals may.
DOCUMENTATION = label_networks(
    ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32", "3fff::/20"),
    "a documentation address",
)
# Why an event of the site's own hosts does not count.
OWN = "one of this site's own"
_GLOBAL = 0b001  # the first three bits, 2000::/3
# The bits that an IPv4 host has for itself in 6to4.
_SIX_TO_FOUR_BITS = 48


def parse_address(text: str) -> Address:
    """Return the address in its one spelling; IPv4 that is written as IPv6 becomes IPv4.

    Raises:
        Malformed: it is none, or one that only some programs take: 010.1.1.1, fe80::1%zone.
    """
    try:
        if ":" not in text:
            return ipaddress.IPv4Address(socket.inet_pton(socket.AF_INET, text))
        address = ipaddress.IPv6Address(socket.inet_pton(socket.AF_INET6, text))
    except (OSError, ValueError):
        raise Malformed("the address field holds no address") from None
    number = int(address)
    if 1 < number <= LOW_32_BITS or is_mapped(number):
        return ipaddress.IPv4Address(number & LOW_32_BITS)
    return address


def find_embedded(address: Address) -> ipaddress.IPv4Address | None:
    """Return the IPv4 address of the host that an IPv6 address stands for; None for any other."""
    number = int(address)
    if address.version == 4:
        return None
    if is_six_to_four(number):
        return ipaddress.IPv4Address(number >> 80 & LOW_32_BITS)
    if is_teredo(number):
        return ipaddress.IPv4Address(~number & LOW_32_BITS)
    return ipaddress.IPv4Address(number & LOW_32_BITS) if is_nat64(number) else None


def is_six_to_four(number: int) -> bool:
    """Return whether a number is an address of 2002::/16 (RFC 3056)."""
    return number >> 112 == 0x2002


def is_teredo(number: int) -> bool:
    """Return whether a number is an address of 2001::/32 (RFC 4380)."""
    return number >> 96 == 0x20010000


def is_nat64(number: int) -> bool:
    """Return whether a number is an address of 64:ff9b::/96 (RFC 6052) or 64:ff9b:1::/48 (RFC 8215).

    Within the latter an operator may place the IPv4 address anywhere; its end is the usual place.
    """
    return number >> 32 == 0x64FF9B << 64 or number >> 80 == 0x64FF9B0001


def has_ipv4_hosts(number: int) -> bool:
    """Return whether an IPv6 address, as a number, is of a network whose addresses stand for IPv4 hosts."""
    return is_teredo(number) or is_nat64(number)


def find_refusal(address: Address, ignore: Networks, documentation: bool) -> str:
    """Return why an address must not be banned, or an empty string.

    ``documentation``: whether addresses of the documentation ranges may be banned.
    """
    inner = find_embedded(address)
    if inner is not None:
        return ignore.find_label(address) or find_refusal(inner, ignore, documentation)
    reason = REFUSED.find_label(address)
    if not reason and address.version == 6 and int(address) >> 125 != _GLOBAL:
        reason = "not a global address"
    if not reason and not documentation:
        reason = DOCUMENTATION.find_label(address)
    return reason or ignore.find_label(address)


def find_refusal_of_login(address: Address, own: Networks) -> str:
    """Return why a successful login does not count for an address, or an empty string.

    It counts for private addresses and those of ignore lists, because it makes its user known.
    """
    reason = REFUSED.find_label(address)
    return own.find_label(address) or (reason if reason != "private" else "")


def name_source(address: Address, prefix: int, ignore: Networks, spared: Iterable[Address]) -> str:
    """Return the source that an event of ``address`` counts for: itself, or its IPv6 network.

    ``prefix``: how many bits a network has. One that holds somebody who is never banned (in ``ignore``,
    or one of ``spared``) is not banned as a whole: each address of it is a source of its own.
    """
    if address.version == 4:
        return str(address)
    number, bits = int(address), count_bits(address, prefix)
    start = number >> 128 - bits << 128 - bits
    end = start | (1 << 128 - bits) - 1
    if bits == 128 or has_part_of(ignore, start, 128 - bits):
        return spell_ipv6(number)
    if any(other.version == 6 and start <= int(other) <= end for other in spared):
        return spell_ipv6(number)
    return "%s/%d" % (spell_ipv6(start), bits)


def has_part_of(networks: Networks, start: int, shift: int) -> bool:
    """Return whether one of the networks holds an address of the IPv6 network that begins at ``start``."""
    return bool(networks.find_around(6, start, shift) or networks.find_within(6, start, shift))


def count_bits(address: Address, prefix: int) -> int:
    """Return how many bits of an address tell its source from others.

    A 6to4 host has 48 bits by its IPv4 address, so all of that is one source. The network of a Teredo
    or NAT64 address belongs to its server, which others use as well, so each address is a source.
    """
    number = int(address)
    if is_six_to_four(number):
        return min(prefix, _SIX_TO_FOUR_BITS)
    return 128 if has_ipv4_hosts(number) else prefix


def spell_ipv6(number: int) -> str:
    """Return the one spelling of an IPv6 address."""
    return socket.inet_ntop(socket.AF_INET6, number.to_bytes(16, "big"))
