"""The feed: the live bans as text in a stable order, with a strong ETag.

There are three lists, ``/blocked-ips`` with both families and ``/v4`` and ``/v6`` below it. FortiOS
before 7.4.4 silently drops what is beyond 131,072 entries of a list (or 10 MB, which so many addresses
never reach), so each list has a limit, and what has no room is chosen here.

Managed by Banstitch: changes made here are overwritten.
"""

import array
import collections
import hashlib
import logging
import socket
import time

from receiver.files import Unavailable

# By the last part of the path.
LISTS = ("", "v4", "v6")
# Of the list with both families, IPv6 gets at most this part: addresses there cost an attacker nothing.
PART_OF_V6 = 4
# ``stays``: whether it is the last to go when a list is full.
Entry = collections.namedtuple("Entry", "address until stays")


class Feed:
    """The lists that the paths serve, rebuilt only when a ban was added, removed or expired.

    ``limit``: how many entries a list has at most. ``fetched``: the lists that FortiGates of this site
    fetch; what has no room in another one is nobody's loss.
    """

    def __init__(self, bans, limit, fetched):
        self.bans = bans
        self.limit = limit
        self.fetched = fetched
        # how many bans have no room, of the fetched list where these are most
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
        wanted = {"": live, "v4": family(live, 4), "v6": family(live, 6)}
        lists = within(wanted["v4"], wanted["v6"], self.limit)
        served = {name: rendered(entries) for name, entries in lists.items()}
        self._note(max(len(wanted[name]) - len(lists[name]) for name in self.fetched))
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

    def _note(self, left_out):
        if left_out and not self.left_out:
            # how many is in /healthz and the metrics: here it is known of the first ones only
            message = "the feed is full: first offenders whose bans end soonest have no room in it"
            logging.getLogger("banstitch").warning(message)
        self.left_out = left_out

    def warning(self):
        """Return what an operator should know of a feed that is full, or an empty string."""
        if not self.left_out:
            return ""
        return "the feed is full: %d bans have no room in it (receiver_feed_limit is %d)" % (
            self.left_out,
            self.limit,
        )


def in_order(jails):
    """Return the entries of all jails in the order of the feed; of two bans of one address the longer.

    Bans of repeat offenders, and those by hand, which follow no event, stay longest in a full list.
    """
    longest = {}
    for bans in jails.values():
        for ban in bans:
            known = longest.get(ban.address)
            if known is None or known.until < ban.until:
                stays = ban.count > 1 or not ban.failures
                longest[ban.address] = Entry(ban.address, ban.until, stays)
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


def within(v4, v6, limit):
    """Return the entries of each list, at most ``limit``."""
    fewer = kept(v6, limit // PART_OF_V6)
    both = kept(v4, limit - len(fewer)) + fewer
    return {"": both, "v4": kept(v4, limit), "v6": kept(v6, limit)}


def family(entries, version):
    """Return the entries of one family, IPv4 or IPv6."""
    return [entry for entry in entries if (":" in entry.address) == (version == 6)]


def kept(entries, limit):
    """Return as many entries as there is room for, in their order.

    First offenders go first, and of them those whose ban ends soonest.
    """
    if len(entries) <= limit:
        return entries
    order = sorted(range(len(entries)), key=lambda n: (entries[n].stays, entries[n].until))
    return [entries[number] for number in sorted(order[len(entries) - limit :])]


def rendered(entries):
    """Return (body, etag) of a list."""
    body = "".join([entry.address + "\n" for entry in entries]).encode("ascii")
    return body, hashlib.sha256(body).hexdigest()[:32]
