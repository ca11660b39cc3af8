"""Sites that share their bans: what one of them banned is denied at the others a little later."""

from __future__ import annotations

import heapq
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from itertools import repeat
from typing import NamedTuple

from banstitch_shared.jails import name_jail
from banstitch_shared.shared_bans import PAUSE, SharedBan, select_offered
from receiver.imports import find_end
from rules.networks import find_networks

from roles.receiver.role import Settings as ReceiverSettings
from roles.sharing_settings import Settings as SharingSettings
from tests.bench.campaigns.attempts import SSLVPN, Attempt
from tests.bench.campaigns.defences import Denial, Rules
from tests.bench.campaigns.simulation import WRITING, Defended, Result, find_next_poll

_SHARING, _RECEIVER = SharingSettings(), ReceiverSettings()
# The kind of a ban changes nothing for peers.
_JAIL = name_jail(SSLVPN)


class Taken(NamedTuple):
    """From when until when the FortiGates of the peers deny a key."""

    start: float
    end: float


class Offers:
    """The bans that one site offers, as each of its peers has them: at most ``most``, the latest."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._taken: OrderedDict[str, Taken] = OrderedDict()

    def update(self, at: float, denial: Denial) -> None:
        """Take a ban of the site, or the end of one."""
        fetched = find_next_poll(_find_next_pull(at + WRITING))
        start, end = self._taken.get(denial.key, (fetched, 0.0))
        if denial.until == 0:
            self._end(denial.key, fetched)
        elif select_offered([SharedBan(denial.key, denial.until, at, _JAIL)]):
            ban = SharedBan(denial.key, denial.until, at, _JAIL)
            until = find_next_poll(find_end(ban, at, _SHARING.share_ban_time))
            is_running = end > at
            self._taken[denial.key] = Taken(
                min(start, fetched) if is_running else fetched, max(end, until)
            )
            self._taken.move_to_end(denial.key)
            self._drop_oldest(at)

    def has(self, key: str, at: float) -> bool:
        """Return whether peers deny a key, if nobody spares it there."""
        taken = self._taken.get(key)
        return taken is not None and taken.start <= at < taken.end

    def _end(self, key: str, fetched: float) -> None:
        known = self._taken.get(key)
        if known:
            self._taken[key] = known._replace(end=min(known.end, fetched))

    def _drop_oldest(self, at: float) -> None:
        if len(self._taken) <= self._most:
            return
        for key in [key for key, taken in self._taken.items() if taken.end <= at]:
            del self._taken[key]
        while len(self._taken) > self._most:
            self._taken.popitem(last=False)


def _find_next_pull(at: float) -> float:
    return (at // PAUSE + 1) * PAUSE


class Member:
    """A site of the group, and what it spares: the sources of recent logins, and networks that hold one."""

    def __init__(self, defence: Rules, start: float, peers: int) -> None:
        part = _RECEIVER.receiver_feed_limit // max(1, peers)
        self.offers = Offers(min(_SHARING.share_limit, part))
        self.site = Defended(defence, start)
        self._defence = defence
        self._logins: dict[str, float] = {}

    def meet(self, attempt: Attempt, others: Iterable[Offers]) -> None:
        """Take an attempt at this site."""
        keys = (attempt.source, *find_networks(attempt.source))
        taken = {key for offers in others for key in keys if offers.has(key, attempt.at)}
        is_banned_elsewhere = any(not self._spares(key, attempt.at) for key in taken)
        for denial in self.site.meet(attempt, is_banned_elsewhere):
            self.offers.update(attempt.at, denial)
        if self._defence.state.trusted.get(attempt.source) == attempt.at:
            self._logins.update(dict.fromkeys(keys, attempt.at))

    def _spares(self, key: str, at: float) -> bool:
        last = self._logins.get(key, float("-inf"))
        return at - last < self._defence.settings.trust_time


def simulate_group(
    visits: Sequence[Iterable[Attempt]], defences: Sequence[Rules], start: float
) -> list[Result]:
    """Return what each site of a group makes of its own attempts, which are in the order of time."""
    members = [Member(defence, start, len(defences) - 1) for defence in defences]
    others = [[each.offers for each in members if each is not member] for member in members]
    numbered = (zip(visit, repeat(number)) for number, visit in enumerate(visits))
    for attempt, number in heapq.merge(*numbered, key=lambda each: each[0].at):
        members[number].meet(attempt, others[number])
    return [member.site.result for member in members]
