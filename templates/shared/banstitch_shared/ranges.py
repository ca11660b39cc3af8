"""Cut networks out of a network: ten thousand of them as fast as ten.

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later, standard library only.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable, Iterator

from banstitch_shared.addresses import Network


def cut_out(whole: Network, spared: Iterable[Network]) -> Iterator[str]:
    """Yield the networks that make up ``whole`` without ``spared``, in order and in their one spelling."""
    kept = sorted(map(_find_ends, (each for each in spared if each.version == whole.version)))
    first, last = _find_ends(whole)
    for start, end in _list_gaps(first, last, kept):
        yield from _spell_range(start, end, whole.max_prefixlen)


def _find_ends(network: Network) -> tuple[int, int]:
    return int(network.network_address), int(network.broadcast_address)


def _list_gaps(first: int, last: int, kept: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Yield the ranges between ``first`` and ``last`` that no range of ``kept`` covers."""
    start = first
    for low, high in kept:
        if high < start or low > last:
            continue
        if low > start:
            yield start, low - 1
        start = high + 1
    if start <= last:
        yield start, last


def _spell_range(start: int, end: int, size: int) -> Iterator[str]:
    """Yield the networks that make up a range of addresses of ``size`` bits."""
    family = socket.AF_INET if size == 32 else socket.AF_INET6
    while start <= end:
        free = size if not start else (start & -start).bit_length() - 1
        free = min(free, (end - start + 1).bit_length() - 1)
        address = socket.inet_ntop(family, start.to_bytes(size // 8, "big"))
        yield "%s/%d" % (address, size - free) if free else address
        start += 1 << free
