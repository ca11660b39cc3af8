"""Shards: the part of the sites that one of several controllers works on."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from provision.plan import format_canonical

# The most parts.
_MOST = 9999


@dataclass(frozen=True)
class Shard:
    """Part ``number``, from 1, of ``of`` parts.

    Raises:
        ValueError: there is no such part.
    """

    number: int
    of: int

    def __post_init__(self) -> None:
        if not 1 <= self.number <= self.of <= _MOST:
            raise ValueError(f"must be K/N with K from 1 to N, such as 2/4 (got {self})")

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"


def parse_shard(text: str) -> Shard:
    """Return the shard in ``2/4``.

    Raises:
        ValueError: it has another form, or there is no such part.
    """
    found = re.fullmatch(r"([0-9]{1,4})/([0-9]{1,4})", text)
    if not found:
        raise ValueError(f"must be K/N with K from 1 to N, such as 2/4 (got {text})")
    return Shard(int(found[1]), int(found[2]))


def take_shard(names: Sequence[str], shard: Shard) -> tuple[str, ...]:
    """Return the names in a shard: one in ``of``, so that all shards have an equal part of each wave."""
    return tuple(names[shard.number - 1 :: shard.of])


def hash_sites(sites: Mapping[str, Sequence[str]]) -> str:
    """Return the SHA-256 of all hosts by site: shards of the same run have the same one."""
    listed = [[name, list(hosts)] for name, hosts in sites.items()]
    return hashlib.sha256(format_canonical(listed).encode()).hexdigest()
