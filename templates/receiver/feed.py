"""The feed: the live bans as text in a stable order, with a strong ETag.

There are three lists, ``/blocked-ips`` with both families and ``/v4`` and ``/v6`` below it. FortiOS
before 7.4.4 silently drops what is beyond 131,072 entries of a list (or 10 MB, which so many addresses
never reach), so each list has a limit, and what has no room is chosen here. While the shield is up, its
networks come first: they are few, and hold nearly all that is banned.

Managed by Banstitch: changes made here are overwritten.
"""

from __future__ import annotations

import array
import hashlib
import logging
import socket
import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from banstitch_shared.ban_file import Ban
from banstitch_shared.jails import bans_systems
from banstitch_shared.shared_bans import Imported
from banstitch_shared.signatures import Signature

from receiver.files import Unavailable
from receiver.imports import Imports
from receiver.quiet_hours import QuietHours
from receiver.shield import Shield
from receiver.spool import Bans

# By the last part of the path.
LISTS = ("", "v4", "v6")
# Of the list with both families, IPv6 gets at most this part: addresses there cost an attacker nothing.
PART_OF_V6 = 4
# Body and ETag.
Served = tuple[bytes, str]


class Entry(NamedTuple):
    """An entry of a list.

    ``stays``: whether it is the last to go when a list is full. ``sleeps``: whether it is left out while
    people log in. ``is_own``: whether this site banned it, and not only peers.
    """

    address: str
    until: float
    stays: bool
    sleeps: bool = False
    is_own: bool = True


class Feed:
    """The lists that the paths serve, rebuilt only when a ban was added, removed or expired.

    ``limit``: the largest number of entries of a list. ``fetched``: the lists that FortiGates of this site
    fetch; only there is missing room a loss.
    """

    def __init__(
        self,
        bans: Bans,
        shield: Shield,
        quiet_hours: QuietHours,
        limit: int,
        fetched: Sequence[str],
        imports: Imports | None = None,
    ) -> None:
        self.imports = imports
        self.bans = bans
        self.shield = shield
        self.quiet_hours = quiet_hours
        self.limit = limit
        self.fetched = fetched
        # bans without room, of the fetched list that has most of them
        self.left_out = 0
        self.made_from: Mapping[str, Signature | None] = {}
        # all bans in the order of the feed, and the ends of the bans of each jail
        self.entries: list[Entry] = []
        self.ends: dict[str, array.array[float]] = {}
        self.served: dict[str, Served] = {}
        # the bans of peers that are served
        self.imported: Sequence[Imported] = ()
        # the networks of the shield that are served
        self.denied: Sequence[str] = ()
        # whether the served lists are those of a quiet hour
        self.is_quiet = True
        self.fresh_until = 0.0
        self.hold_until = 0.0

    def serve(self, now: float, family: str = "") -> Served:
        """Return body and ETag of a list.

        Raises:
            Unavailable: the bans of a jail are not known.
        """
        if not self.served or (time.monotonic() >= self.hold_until and self._is_stale(now)):
            self._render(now)
        return self.served[family]

    def count_live(self, now: float) -> dict[str, int]:
        """Return {jail: number of live bans}. Raises Unavailable, too."""
        self.serve(now)
        return {jail: sum(end > now for end in ends) for jail, ends in self.ends.items()}

    def _is_stale(self, now: float) -> bool:
        signatures = self.bans.read_signatures()
        is_new = signatures != self.made_from or None in signatures.values()
        if is_new or now >= self.fresh_until:
            return True
        if self._list_imported(now) is not self.imported:
            return True
        is_quiet = self.quiet_hours.are_now(now)
        return is_quiet != self.is_quiet or self.shield.list_denied(now) != self.denied

    def _list_imported(self, now: float) -> Sequence[Imported]:
        return self.imports.list_denied(now) if self.imports else ()

    def _render(self, now: float) -> None:
        """Rebuild all lists. After a slow rebuild, wait before the next: 100,000 bans take a while."""
        began = time.monotonic()
        self.served = {}
        signatures = self.bans.read_signatures()
        if signatures != self.made_from or None in signatures.values():
            self._read()
        self.denied = self.shield.list_denied(now)
        self.is_quiet = self.quiet_hours.are_now(now)
        self.imported = self._list_imported(now)
        live = add_imported(select_live(self.entries, now, self.is_quiet), self.imported)
        whole = {"": live, "v4": select_family(live, 4), "v6": select_family(live, 6)}
        lists = limit_lists(whole["v4"], whole["v6"], self.limit - len(self.denied))
        served = {
            name: render_list([*select_denied(self.denied, name), *(e.address for e in entries)])
            for name, entries in lists.items()
        }
        self._note(max(count_own(whole[name]) - count_own(lists[name]) for name in self.fetched))
        self.fresh_until = min((entry.until for entry in live), default=float("inf"))
        took = time.monotonic() - began
        self.hold_until = time.monotonic() + (min(3 * took, 1) if took > 0.05 else 0)
        self.served = served

    def _read(self) -> None:
        self.made_from, self.entries = {}, []
        signatures, jails = self.bans.read()
        self.entries = sort_bans(jails)
        self.ends = {
            jail: array.array("d", [b.until for b in bans]) for jail, bans in jails.items()
        }
        self.made_from = signatures

    def _note(self, left_out: int) -> None:
        if left_out and not self.left_out:
            # /healthz and the metrics have the number; at this moment it would be that of the first ones
            message = "the feed is full: first offenders whose bans end soonest have no room in it"
            logging.getLogger("banstitch").warning(message)
        self.left_out = left_out

    def describe_full(self) -> str:
        """Return a warning that the feed is full, or an empty string."""
        if not self.left_out:
            return ""
        return "the feed is full: %d bans have no room in it (receiver_feed_limit is %d)" % (
            self.left_out,
            self.limit,
        )


def sort_bans(jails: Mapping[str, Sequence[Ban]]) -> list[Entry]:
    """Return the entries of all jails in the order of the feed; of two bans of one address the longer.

    Bans of repeat offenders, and those by hand, which follow no event, stay longest in a full list. Those by
    hand never sleep. An address has two entries if only one of them sleeps.
    """
    awake: dict[str, Entry] = {}
    asleep: dict[str, Entry] = {}
    for jail, bans in jails.items():
        of_systems = bans_systems(jail)
        for ban in bans:
            sleeps = of_systems and bool(ban.failures)
            longest = asleep if sleeps else awake
            known = longest.get(ban.address)
            if known is None or known.until < ban.until:
                stays = ban.times > 1 or not ban.failures
                longest[ban.address] = Entry(ban.address, ban.until, stays, sleeps)
    try:
        return sorted(
            [*awake.values(), *asleep.values()], key=lambda entry: make_sort_key(entry.address)
        )
    except (OSError, ValueError) as error:
        raise Unavailable("a ban file holds something other than addresses") from error


def select_live(entries: Sequence[Entry], now: float, is_quiet: bool) -> list[Entry]:
    """Return the entries that are denied now, each address once."""
    live = [entry for entry in entries if entry.until > now and (is_quiet or not entry.sleeps)]
    if not any(entry.sleeps for entry in live):
        return live
    awake = {entry.address for entry in live if not entry.sleeps}
    return [entry for entry in live if not entry.sleeps or entry.address not in awake]


def add_imported(live: list[Entry], imported: Sequence[Imported]) -> list[Entry]:
    """Return the entries with those of peers, in the order of the feed. A ban of this site comes first."""
    if not imported:
        return live
    own = {entry.address for entry in live}
    more = [
        Entry(each.address, each.until, False, is_own=False)
        for each in imported
        if each.address not in own
    ]
    return sorted([*live, *more], key=lambda entry: make_sort_key(entry.address))


def count_own(entries: Sequence[Entry]) -> int:
    """Return how many entries this site banned: only their room is a loss."""
    return sum(entry.is_own for entry in entries)


def make_sort_key(entry: str) -> bytes:
    """Return the place of an entry, IPv4 first: bytes sort faster than objects of ipaddress."""
    address, _, bits = entry.partition("/")
    if ":" in address:
        return b"6" + socket.inet_pton(socket.AF_INET6, address) + bytes([int(bits or 128)])
    return b"4" + socket.inet_pton(socket.AF_INET, address) + bytes([int(bits or 32)])


def limit_lists(v4: list[Entry], v6: list[Entry], limit: int) -> dict[str, list[Entry]]:
    """Return the entries of each list, at most ``limit``."""
    fewer = limit_list(v6, limit // PART_OF_V6)
    both = limit_list(v4, limit - len(fewer)) + fewer
    return {"": both, "v4": limit_list(v4, limit), "v6": limit_list(v6, limit)}


def select_family(entries: Sequence[Entry], version: int) -> list[Entry]:
    """Return the entries of one family, IPv4 or IPv6."""
    return [entry for entry in entries if (":" in entry.address) == (version == 6)]


def limit_list(entries: list[Entry], limit: int) -> list[Entry]:
    """Return as many entries as there is room for, in their order.

    What only peers banned goes first, then first offenders, and of them those whose ban ends soonest.
    """
    if len(entries) <= limit:
        return entries
    order = sorted(range(len(entries)), key=lambda n: make_rank(entries[n]))
    return [entries[number] for number in sorted(order[len(entries) - limit :])]


def make_rank(entry: Entry) -> tuple[bool, bool, float]:
    """Return the place of an entry among those that stay; the lowest goes first."""
    return entry.is_own, entry.stays, entry.until


def select_denied(denied: Sequence[str], family: str) -> list[str]:
    """Return the networks of the shield that belong into a list."""
    return [each for each in denied if not family or (":" in each) == (family == "v6")]


def render_list(entries: Sequence[str]) -> Served:
    """Return body and ETag of a list."""
    body = "".join([entry + "\n" for entry in entries]).encode("ascii")
    return body, hashlib.sha256(body).hexdigest()[:32]
