"""Write a database of autonomous systems in MaxMind's format (maxmind.github.io/MaxMind-DB, version 2.0).

It is a binary tree over the bits of an IPv6 address, with IPv4 in ::/96, and one record for each system.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from pathlib import Path

_MARKER = b"\xab\xcd\xefMaxMind.com"
_SEPARATOR = bytes(16)
# Bits of a record of the tree.
_SIZE = 32
# An empty list.
_LIST = bytes([0, 4])


def write_database(path: Path, networks: Mapping[str, int]) -> None:
    """Write a database in which each network belongs to the system of that number."""
    data, offsets = b"", {}
    for system in sorted(set(networks.values())):
        offsets[system] = len(data)
        data += _encode_map({"autonomous_system_number": _encode_number(system)})
    nodes: list[list[int | None]] = [[None, None]]
    leaves: dict[tuple[int, int], int] = {}
    for text, system in networks.items():
        _add(nodes, leaves, text, system)
    tree = bytearray()
    for number, node in enumerate(nodes):
        for side in (0, 1):
            child, system_there = node[side], leaves.get((number, side))
            if system_there is not None:
                child = len(nodes) + len(_SEPARATOR) + offsets[system_there]
            tree += (len(nodes) if child is None else child).to_bytes(4, "big")
    path.write_bytes(bytes(tree) + _SEPARATOR + data + _MARKER + _encode_metadata(len(nodes)))


def _add(
    nodes: list[list[int | None]], leaves: dict[tuple[int, int], int], text: str, system: int
) -> None:
    network = ipaddress.ip_network(text)
    number, bits = int(network.network_address), network.prefixlen
    if network.version == 4:
        bits += 96
    at = 0
    for depth in range(bits):
        side = number >> (127 - depth) & 1
        if depth == bits - 1:
            leaves[at, side] = system
            return
        child = nodes[at][side]
        if child is None:
            child = nodes[at][side] = len(nodes)
            nodes.append([None, None])
        at = child


def _encode_metadata(count: int) -> bytes:
    fields = {
        "node_count": _encode_number(count),
        "record_size": _encode_number(_SIZE, 16),
        "ip_version": _encode_number(6, 16),
        "database_type": _encode_text("Test-ASN"),
        "languages": _LIST,
        "binary_format_major_version": _encode_number(2, 16),
        "binary_format_minor_version": _encode_number(0, 16),
        "build_epoch": _encode_number(1_793_577_600, 64),
        "description": _encode_map({}),
    }
    return _encode_map(fields)


def _encode_map(fields: Mapping[str, bytes]) -> bytes:
    """Return a map with few fields."""
    pairs = (_encode_text(name) + value for name, value in fields.items())
    return bytes([7 << 5 | len(fields)]) + b"".join(pairs)


def _encode_number(number: int, bits: int = 32) -> bytes:
    head = {16: bytes([5 << 5 | 2]), 32: bytes([6 << 5 | 4]), 64: bytes([8, 2])}
    return head[bits] + number.to_bytes(bits // 8, "big")


def _encode_text(text: str) -> bytes:
    assert len(text) < 29
    return bytes([2 << 5 | len(text)]) + text.encode()
