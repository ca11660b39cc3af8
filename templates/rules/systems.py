"""Find the autonomous system of a source, and the networks of a system.

Everything comes from one function, which looks up an address: see ``database.py``. The networks are those
of the database.

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later, standard library only.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache

# The number of the system of an address, 0 for none, and the bits of the network around the address in
# which all have the same answer.
LookUp = Callable[[str], "tuple[int, int]"]

# Of a system with more networks, only those are banned from which its sources failed.
MOST_NETWORKS = 1000
# Bits of a network that is banned. A wider one is too much for one line, and a narrower IPv6 one is less
# than a source.
BITS = {4: (10, 32), 6: (19, 64)}
# Where addresses of the internet begin, and how many there are.
_SPACES = {4: (0, 1 << 32), 6: (0b001 << 125, 1 << 125)}
# A database of all systems has a million answers.
_MOST_ANSWERS = 5_000_000


class Systems:
    """The autonomous systems of a database."""

    def __init__(self, look_up: LookUp) -> None:
        self._look_up = lru_cache(maxsize=65536)(look_up)
        self._index: dict[int, list[str] | None] | None = None

    def find(self, source: str) -> int:
        """Return the number of the system that a source belongs to; 0 if that is not known."""
        return self._look_up(source.partition("/")[0])[0]

    def find_network(self, source: str) -> str:
        """Return the network of the database around a source; empty if it is never banned."""
        address = source.partition("/")[0]
        _, bits = self._look_up(address)
        version, packed = _pack(address)
        return _spell(version, int.from_bytes(packed, "big"), bits)

    def list_networks(self, system: int, sources: Sequence[str]) -> list[str]:
        """Return the networks of a system; of a large one those around ``sources``."""
        if self._index is None:
            self._index = _build_index(self._look_up.__wrapped__)
        known = self._index.get(system)
        if known is not None:
            return known
        around = dict.fromkeys(self.find_network(source) for source in sources)
        return [network for network in around if network]


def _build_index(look_up: LookUp) -> dict[int, list[str] | None]:
    """Return the networks of each system; None for a large one. It takes seconds."""
    index: dict[int, list[str] | None] = {}
    for version in _SPACES:
        for system, network in _walk(look_up, version):
            known = index.setdefault(system, [])
            if known is not None:
                known.append(network)
                if len(known) > MOST_NETWORKS:
                    index[system] = None
    return index


def _walk(look_up: LookUp, version: int) -> Iterator[tuple[int, str]]:
    """Yield each network of the database that may be banned, with its system."""
    start, count = _SPACES[version]
    number, size = start, 32 if version == 4 else 128
    family = socket.AF_INET if version == 4 else socket.AF_INET6
    for _ in range(_MOST_ANSWERS):
        if number >= start + count:
            return
        address = socket.inet_ntop(family, number.to_bytes(size // 8, "big"))
        system, bits = look_up(address)
        network = _spell(version, number, bits) if system else ""
        if network:
            yield system, network
        step = 1 << size - bits
        number = number // step * step + step


def _pack(address: str) -> tuple[int, bytes]:
    if ":" in address:
        return 6, socket.inet_pton(socket.AF_INET6, address)
    return 4, socket.inet_aton(address)


def _spell(version: int, number: int, bits: int) -> str:
    """Return the one spelling of a network; empty if it is too wide or too narrow."""
    least, most = BITS[version]
    if not least <= bits <= most:
        return ""
    size, family = (32, socket.AF_INET) if version == 4 else (128, socket.AF_INET6)
    start = number >> size - bits << size - bits
    address = socket.inet_ntop(family, start.to_bytes(size // 8, "big"))
    return address if bits == size else "%s/%d" % (address, bits)
