"""The list that peers get: the live bans that events of this site caused.

What other sites offer, bans by hand, the self-test, and networks of autonomous systems are not passed on.

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later, standard library only.
"""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from banstitch_shared.addresses import SELF_TEST
from banstitch_shared.ban_file import find_ban_file, read_bans
from banstitch_shared.jails import bans_systems
from banstitch_shared.shared_bans import SharedBan, format_lines, select_offered
from banstitch_shared.signatures import make_signature

# Seconds between two lists: to make one of 100,000 bans takes a while.
HELD = 3.0


class Served(NamedTuple):
    """A list and its ETag."""

    body: bytes
    tag: str


class Offers:
    """The list, which is made anew when the bans changed. Several threads may ask."""

    def __init__(self, spool: str, jails: Sequence[str]) -> None:
        self._paths = {jail: find_ban_file(spool, jail) for jail in jails if not bans_systems(jail)}
        self._lock = threading.Lock()
        self._made_from: object = None
        self._fresh_until = 0.0
        self._hold_until = 0.0
        self._served = Served(b"", "")

    def serve(self, now: float) -> Served:
        """Return the list.

        Raises:
            OSError, ValueError: the bans are not known.
        """
        with self._lock:
            made_from = [make_signature(os.stat(path)) for path in self._paths.values()]
            is_same = made_from == self._made_from and now < self._fresh_until
            if not is_same and (time.monotonic() >= self._hold_until or self._made_from is None):
                self._make(now)
                self._made_from = made_from
            return self._served

    def _make(self, now: float) -> None:
        self._made_from = None
        offered = select_offered(self._list_own(now))
        body = "".join(format_lines(offered)).encode("ascii")
        self._served = Served(body, '"%s"' % hashlib.sha256(body).hexdigest()[:32])
        self._fresh_until = min((ban.until for ban in offered), default=float("inf"))
        self._hold_until = time.monotonic() + HELD

    def _list_own(self, now: float) -> Iterator[SharedBan]:
        for jail, path in self._paths.items():
            with open(path, encoding="ascii") as stream:
                for ban in read_bans(stream):
                    if ban.until > now and ban.failures and ban.address != SELF_TEST:
                        yield SharedBan(ban.address, ban.until, ban.since, jail)
