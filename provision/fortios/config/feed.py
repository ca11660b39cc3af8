"""Threat feeds as a FortiGate reports them, and the number of entries that it takes.

Sources: KB 421292 and KB 378964 (statistics and list), FortiOS administration guide 7.4.4, threat feeds,
and 7.6.3, maximum values (limits).
"""

from __future__ import annotations

import ipaddress
import re
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass

from provision.fortios.config.desired import Desired
from provision.fortios.config.diff import collect_values
from provision.fortios.config.object_id import ObjectId
from provision.fortios.config.text import make_key
from provision.fortios.config.versions import Version

FEED_TABLE = "system external-resource"
STATISTICS = "diagnose sys external-resource stats"
# A longer list is not read: it would take pages and minutes.
LONGEST_LIST = 10_000

_NUMBER = re.compile(r"\d{1,9}", re.ASCII)
_RANGE = re.compile(r"^([0-9.]{7,15})-([0-9.]{7,15})\s*$", re.MULTILINE | re.ASCII)
_MODEL = re.compile(r"-(\d{1,5})", re.ASCII)

# Entries of a feed before 7.4.4; of all feeds together from 7.4.4 on.
_LIMIT_OF_A_FEED = 131_072
_LIMIT_IN_ALL = 300_000
# From 7.6.3 on: the first number of models that take more, and how many.
_LIMITS_BY_MODEL = ((1000, 5_000_000), (100, 1_000_000), (0, _LIMIT_IN_ALL))
# The limit of a VM depends on its memory from 7.6.3 on; this was seen with two CPUs.
_LIMIT_OF_A_VM = 168_928

Range = tuple[int, int]


@dataclass(frozen=True)
class FeedState:
    """A feed as a FortiGate holds it.

    ``lines``, ``valid``, ``errors``: the lines that it fetched, uses, and cannot read. ``truncated``: it
    holds only a part. ``used``: something refers to the feed. ``ranges``: its IPv4 addresses in order, or
    None where they were not read. ``words``: the FortiGate's words where it shows no statistics.
    """

    lines: int = 0
    valid: int = 0
    errors: int = 0
    truncated: bool = False
    used: bool = False
    ranges: tuple[Range, ...] | None = None
    words: str = ""

    def find_missing(self, addresses: Iterable[str]) -> tuple[str, ...]:
        """Return those of the IPv4 ``addresses`` and networks that the list does not cover."""
        firsts = [first for first, _ in self.ranges or ()]
        return tuple(each for each in addresses if not self._covers(firsts, each))

    def _covers(self, firsts: list[int], address: str) -> bool:
        network = ipaddress.IPv4Network(address, strict=False)
        place = bisect_right(firsts, int(network.network_address)) - 1
        ranges = self.ranges or ()
        return place >= 0 and int(network.broadcast_address) <= ranges[place][1]


def find_feed(desired: Desired) -> ObjectId | None:
    """Return the id of the feed among the desired objects."""
    ids = (ObjectId.parse(one.id) for one in desired.objects)
    return next((each for each in ids if each.table == FEED_TABLE), None)


def is_referred_to(feed: ObjectId, desired: Desired) -> bool:
    """Return whether a desired object denies the addresses of ``feed``."""
    others = (one.body for one in desired.objects if one.id != str(feed))
    return any(feed.key in collect_values(body) for body in others)


def make_list_command(name: str) -> str:
    """Return the command that lists the addresses of the feed ``name``."""
    return f"diagnose sys external-address-resource list {make_key(name).raw}"


def parse_statistics(answer: str, name: str) -> FeedState | None:
    """Return what the statistics say about the feed ``name``, or None if they do not mention it."""
    for line in answer.splitlines():
        pairs = (pair.partition(":") for pair in line.split(";"))
        fields = {key.strip(): value.strip() for key, colon, value in pairs if colon}
        if fields.get("name") == name:
            return FeedState(
                lines=_read_number(fields.get("total lines")),
                valid=_read_number(fields.get("valid lines")),
                errors=_read_number(fields.get("error lines")),
                truncated=any("truncated" in key and _read_number(fields[key]) for key in fields),
                used=fields.get("used") == "yes",
            )
    return None


def _read_number(text: str | None) -> int:
    return int(text) if text and _NUMBER.fullmatch(text) else 0


def parse_ranges(answer: str) -> tuple[Range, ...]:
    """Return the IPv4 ranges of a list, in order and merged where they touch."""
    found: list[Range] = []
    for low, high in sorted(_list_ranges(answer)):
        if found and low <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(found[-1][1], high))
        else:
            found.append((low, high))
    return tuple(found)


def _list_ranges(answer: str) -> Iterable[Range]:
    for low, high in _RANGE.findall(answer):
        try:
            yield int(ipaddress.IPv4Address(low)), int(ipaddress.IPv4Address(high))
        except ValueError:
            continue


def find_feed_limit(model: str, version: Version) -> int:
    """Return how many entries a feed may have on a FortiGate of this model and version."""
    if version < (7, 4, 4):
        return _LIMIT_OF_A_FEED
    if version < (7, 6, 3):
        return _LIMIT_IN_ALL
    if "VM" in model:
        return _LIMIT_OF_A_VM
    found = _MODEL.search(model)
    number = int(found[1]) if found else 0
    return next(limit for first, limit in _LIMITS_BY_MODEL if number >= first)


def describe_feed_limit(model: str, version: Version) -> str:
    """Return where :func:`find_feed_limit` comes from, in words."""
    if version >= (7, 6, 3) and "VM" in model:
        return "depends on the memory of a VM, and was seen to be"
    return "is" if version < (7, 4, 4) else "for all feeds together is"
