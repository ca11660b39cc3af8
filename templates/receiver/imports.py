"""The bans that peers offer, as far as they may count here.

banstitch-watch fetches them, and keeps the list of each peer in a file. That service reads what other hosts
answer, so its files are read as data, and what decides is decided here: the addresses that nobody bans, those
that an operator or the inventory spares, and those of people who logged in always win. A peer that has not
answered for some time, or is no longer named in the inventory, does not count.

Managed by Banstitch: changes made here are overwritten.
"""

from __future__ import annotations

import contextlib
import heapq
import io
import ipaddress
import os
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from banstitch_shared.addresses import Networks, parse_network, unmap_network
from banstitch_shared.allowances import find_allowances, read_allowances
from banstitch_shared.looked_up import LookedUp
from banstitch_shared.shared_bans import (
    LARGEST,
    STALE,
    Imported,
    SharedBan,
    find_answer,
    find_list,
    format_imported,
    read_list,
)
from banstitch_shared.signatures import Signature, read_signature
from banstitch_shared.untrusted import read_small_file

from receiver import sources

if TYPE_CHECKING:
    from receiver.names import Names
    from receiver.settings import Config, ShareConfig

# Bytes of the file of people who logged in, which holds at most 100,000 sources.
_MOST_TRUSTED = 8 << 20
# Addresses of which it is remembered whether they are spared.
_MOST_JUDGED = 200_000

Peer = tuple[str, str]  # group and site


def find_end(ban: SharedBan, now: float, longest: float) -> float:
    """Return the end of a peer's ban here: at most ``longest`` seconds after its start."""
    return min(ban.until, min(ban.since, now) + longest)


class Spared:
    """Those whom no peer can ban."""

    def __init__(self, config: Config, share: ShareConfig, names: Names) -> None:
        own = [*config["own"], *(net for each in config["detections"] for net in each["ignore"])]
        self._never = dict.fromkeys([*own, *share["never"]])
        self._documentation = config["accept_documentation"]
        self._trusted = share["trusted"]
        self._allowances = find_allowances(config["spool"])
        self._looked_up = LookedUp(config.get("looked_up", ""))
        self._find_hosts: Callable[[], Iterable[object]] = lambda: names.find_addresses(
            config["hosts"]
        )
        self._made_from: object = None
        self._networks = Networks(())
        self._refusals: dict[str, str] = {}

    def is_changed(self, now: float) -> bool:
        """Return whether somebody is spared now who was not before, or the other way round."""
        made_from = (
            read_signature(self._trusted),
            read_signature(self._allowances),
            tuple(self._looked_up.read()),
            frozenset(map(str, self._find_hosts())),
            self._list_allowed(now),
        )
        if made_from == self._made_from:
            return False
        texts = [*self._never, *made_from[2], *made_from[3], *made_from[4], *self._list_trusted()]
        labelled = [(unmap_network(parse_network(text)), "spared") for text in texts]
        self._networks, self._refusals = Networks(labelled), {}
        self._made_from = made_from
        return True

    def find_refusal(self, address: str) -> str:
        """Return why a peer cannot ban an address or a network, or an empty string."""
        known = self._refusals.get(address)
        if known is None:
            if len(self._refusals) >= _MOST_JUDGED:
                self._refusals = {}
            known = self._refusals[address] = self._judge(address)
        return known

    def _judge(self, address: str) -> str:
        first = ipaddress.ip_address(address.partition("/")[0])
        if "/" in address and sources.has_ipv4_hosts(int(first)):
            return "a network of many IPv4 hosts"  # anybody's, and some of them may be spared
        return (
            self._networks.find_overlap(address)
            or sources.REFUSED.find_overlap(address)
            or ("" if self._documentation else sources.DOCUMENTATION.find_overlap(address))
            or sources.find_refusal(first, self._networks, self._documentation)
        )

    def _list_allowed(self, now: float) -> tuple[str, ...]:
        """Return what operators allow; a damaged file allows nobody, as in fail2ban's action."""
        with contextlib.suppress(OSError, ValueError):
            return tuple(each.network for each in read_allowances(self._allowances, now))
        return ()

    def _list_trusted(self) -> list[str]:
        with contextlib.suppress(OSError, ValueError):
            text = read_small_file(self._trusted, _MOST_TRUSTED).decode("ascii")
            return [str(parse_network(line)) for line in text.splitlines()]
        return []


class Imports:
    """The bans that peers offer, and those of them that count here."""

    def __init__(self, config: Config, share: ShareConfig, names: Names) -> None:
        self._share = share
        self._most = config["feed_limit"] // 2
        self._spared = Spared(config, share, names)
        self._paths: dict[Peer, str] = {
            (group, site): find_list(share["folder"], group, site)
            for group, sites in share["groups"].items()
            for site in sites
        }
        # a peer gets no more than its part of the feed: memory is bounded, too
        part = max(1, config["feed_limit"] // max(1, len(self._paths)))
        self._most_of_peer = min(share["limit"], part)
        self._lists: dict[Peer, tuple[Signature, list[SharedBan]]] = {}
        self._made_from: object = None
        self._fresh_until = 0.0
        self.denied: tuple[Imported, ...] = ()
        # bans of each peer that count, and that those who are spared win over
        self.counts: dict[Peer, int] = dict.fromkeys(self._paths, 0)
        self.refused: dict[Peer, int] = dict.fromkeys(self._paths, 0)

    def list_denied(self, now: float) -> tuple[Imported, ...]:
        """Return the bans of peers that count now; the same object as long as nothing changed."""
        alive = self._find_alive(now)
        is_changed = self._spared.is_changed(now)
        if is_changed or alive != self._made_from or now >= self._fresh_until:
            self._make(alive, now)
            self._made_from = alive
            self._leave(self.denied)
        return self.denied

    def is_up(self, peer: Peer) -> bool:
        """Return whether the bans of a peer count, as of the last list."""
        return isinstance(self._made_from, dict) and peer in self._made_from

    def read_last_answer(self, peer: Peer) -> float:
        """Return when a peer last answered, 0 for never."""
        with contextlib.suppress(OSError):
            return os.stat(find_answer(self._paths[peer])).st_mtime
        return 0.0

    def _find_alive(self, now: float) -> dict[Peer, Signature]:
        """Return the peers that answered lately, and the signatures of their lists."""
        found = {}
        for peer, path in self._paths.items():
            signature = read_signature(path)
            if signature and abs(now - self.read_last_answer(peer)) < STALE:
                found[peer] = signature
        return found

    def _make(self, alive: Mapping[Peer, Signature], now: float) -> None:
        offered: dict[str, list[tuple[Peer, SharedBan]]] = {}
        ends = []
        self.counts, self.refused = (dict.fromkeys(self._paths, 0) for _ in range(2))
        for peer, signature in alive.items():
            for ban in self._read(peer, signature):
                end = find_end(ban, now, self._share["ban_time"])
                if end <= now:
                    continue
                ends.append(end)
                if self._spared.find_refusal(ban.address):
                    self.refused[peer] += 1
                    continue
                offered.setdefault(ban.address, []).append((peer, ban))
        least = self._share["minimum_sites"]
        found = [
            imported
            for address, bans in offered.items()
            for imported in [self._join(address, bans, now)]
            if len(imported.sites) >= least
        ]
        found.sort(key=lambda each: (-each.since, each.address))
        self.denied = tuple(found[: self._most])
        for each in self.denied:
            for peer, _ in offered[each.address]:
                self.counts[peer] += 1
        self._fresh_until = min(ends, default=float("inf"))

    def _join(self, address: str, bans: list[tuple[Peer, SharedBan]], now: float) -> Imported:
        until = max(find_end(ban, now, self._share["ban_time"]) for _, ban in bans)
        first = min((ban for _, ban in bans), key=lambda ban: ban.since)
        sites = tuple(sorted({site for (_, site), _ in bans}))
        return Imported(address, until, first.since, first.jail, sites)

    def _read(self, peer: Peer, signature: Signature) -> list[SharedBan]:
        known = self._lists.get(peer)
        if known and known[0] == signature:
            return known[1]
        try:
            text = read_small_file(self._paths[peer], LARGEST).decode("ascii")
            bans = heapq.nlargest(
                self._most_of_peer, read_list(io.StringIO(text)), key=lambda ban: ban.since
            )
        except (OSError, ValueError):
            bans = []
        self._lists[peer] = signature, bans
        return bans

    def _leave(self, denied: Iterable[Imported]) -> None:
        """Leave what counts for `bans`. The file is in memory, and all workers write the same."""
        path = self._share["denied"]
        new = "%s.%d" % (path, os.getpid())
        with contextlib.suppress(OSError):
            with open(new, "w", encoding="ascii") as stream:
                stream.write(format_imported(denied))
            # only now all of it is in the file
            os.replace(new, path)
