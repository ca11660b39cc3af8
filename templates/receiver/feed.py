"""The feed: the live bans as text in a stable order, with a strong ETag.

Managed by Banstitch: changes made here are overwritten.
"""

import array
import collections
import hashlib
import logging
import socket
import time

from receiver.files import Unavailable

# By the last part of the path: whether IPv6 addresses belong there.
FAMILIES = {"": (False, True), "v4": (False,), "v6": (True,)}
Entry = collections.namedtuple("Entry", "address until since")


class Feed:
    """What each family's path serves, made again only when a ban came, went or expired.

    At most ``limit`` entries a path, the newest offenders: FortiOS before 7.4.4 silently drops
    what is beyond 131,072 entries (or 10 MB, which so many addresses never reach).
    """

    def __init__(self, bans, limit):
        self.bans = bans
        self.limit = limit
        self.left_out = 0
        self.made_from = {}
        # all bans in the order of the feed, and the ends of those of each jail
        self.entries = []
        self.ends = {}
        self.served = {}
        self.fresh_until = 0.0
        self.hold_until = 0.0

    def current(self, now, family=""):
        """(body, etag). Raises Unavailable when the bans of any jail are not known."""
        if not self.served or (time.monotonic() >= self.hold_until and self._stale(now)):
            self._render(now)
        return self.served[family]

    def live(self, now):
        """{jail: number of live bans}. Raises Unavailable likewise."""
        self.current(now)
        return {jail: sum(end > now for end in ends) for jail, ends in self.ends.items()}

    def _stale(self, now):
        there = self.bans.signatures()
        return there != self.made_from or None in there.values() or now >= self.fresh_until

    def _render(self, now):
        """Make all paths anew. What took long is not done again at once: 100,000 bans take a while."""
        began = time.monotonic()
        self.served = {}
        there = self.bans.signatures()
        if there != self.made_from or None in there.values():
            self._read()
        live = [entry for entry in self.entries if entry.until > now]
        served, left_out = {}, 0
        for family, wanted in FAMILIES.items():
            mine = [entry for entry in live if (":" in entry.address) in wanted]
            left_out = max(left_out, len(mine) - self.limit)
            served[family] = rendered(newest(mine, self.limit))
        self._tell(left_out)
        self.fresh_until = min((entry.until for entry in live), default=float("inf"))
        took = time.monotonic() - began
        self.hold_until = time.monotonic() + (min(3 * took, 1) if took > 0.05 else 0)
        self.served = served

    def _read(self):
        self.made_from, self.entries = {}, []
        seen, jails = self.bans.read()
        self.entries = in_order(jails)
        self.ends = {jail: array.array("d", [b.until for b in bans]) for jail, bans in jails.items()}
        self.made_from = seen

    def _tell(self, left_out):
        if left_out and not self.left_out:
            # how many is told by /healthz and the metrics: here it is known of the first ones only
            message = "the feed is full: the oldest bans have no room in it"
            logging.getLogger("banstitch").warning(message)
        self.left_out = left_out


def in_order(jails):
    """The entries of all jails in the order of the feed; of two bans of one address the longer."""
    longest = {}
    for bans in jails.values():
        for ban in bans:
            known = longest.get(ban.address)
            if known is None or known.until < ban.until:
                longest[ban.address] = Entry(ban.address, ban.until, ban.since)
    try:
        return [longest[address] for address in sorted(longest, key=key)]
    except (OSError, ValueError) as error:
        raise Unavailable("a file of bans holds something else than addresses") from error


def key(entry):
    """IPv4 first, then by number: one row of bytes, which sorts faster than objects of ipaddress."""
    address, _, bits = entry.partition("/")
    if ":" in address:
        return b"6" + socket.inet_pton(socket.AF_INET6, address) + bytes([int(bits or 128)])
    return b"4" + socket.inet_pton(socket.AF_INET, address) + bytes([int(bits or 32)])


def newest(entries, limit):
    """As many as there is room for, those banned last, in their order."""
    if len(entries) <= limit:
        return entries
    last = sorted(range(len(entries)), key=lambda number: entries[number].since)[-limit:]
    return [entries[number] for number in sorted(last)]


def rendered(entries):
    """(body, etag)"""
    body = "".join([entry.address + "\n" for entry in entries]).encode("ascii")
    return body, hashlib.sha256(body).hexdigest()[:32]
