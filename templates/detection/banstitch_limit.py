"""A limit of the new bans that the events of each FortiGate cause within an hour.

A stolen token, or a mistake, must not ban the world. All jails count in one file in the spool, which
outlives fail2ban and the receiver. Bans by hand, restored bans, longer ones and the self-test of
`verify` do not count. IPv4 and IPv6 count apart: an attacker has thousands of IPv6 networks for
nothing, and must not use up the bans of IPv4.

    {"FORTIGATE": {"banned": {"START": N}, "refused": {"START": N}}, "FORTIGATE/6": ...}

START is the epoch second at which ten minutes began. The receiver reads the file for /healthz.

Managed by Banstitch: changes made here are overwritten. Loaded by banstitch.py beside it.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterable, Iterator
from typing import NamedTuple

# Seconds. What happened in a slice of time counts until the last moment of that slice is an hour ago.
HOUR = 3600
SLICE = 600
# The budget that events share which name no FortiGate of this site.
UNKNOWN = "-"
# EPOCH JAIL KEY ADDRESS FORTIGATE
FIELDS = 5
# Behind the name of a FortiGate in the file: what its events of IPv6 cause.
IPV6 = "/6"
# Bytes of a file that is read; one of a thousand FortiGates has fewer.
LARGEST = 1 << 20

Counts = dict[str, dict[str, dict[str, int]]]


class Outcome(NamedTuple):
    """The outcome of a new ban; ``first``: whether it is the first one that was refused in an hour."""

    fortigate: str
    ipv6: bool
    allowed: bool
    first: bool


class BanLimit:
    """The file of one ban host. Each jail has an instance, hence the lock.

    The lock is a file of its own, which the receiver's user cannot open and therefore cannot hold.
    """

    def __init__(self, path: str, group: int) -> None:
        self._path = path
        self._group = group
        self.most = 0
        self._names = frozenset([UNKNOWN])
        # what counts where the disk takes nothing
        self._unwritten: Counts | None = None

    def configure(self, limit: int, fortigates: Iterable[str]) -> None:
        """Take the limit, and the names that have a budget of their own."""
        self.most = limit
        self._names = frozenset([UNKNOWN, *fortigates])

    def take(self, line: str, now: float) -> Outcome:
        """Count a new ban that the event of the clean ``line`` completed. Raises nothing."""
        name, ipv6 = reporter_of(line)
        name = name if name in self._names else UNKNOWN
        outcome = None
        try:
            with opened(self._path + ".lock", 0o600) as lock, opened(self._path, 0o640) as file:
                fcntl.flock(lock, fcntl.LOCK_EX)
                os.fchown(file, 0, self._group)
                found, size = read(file)
                self._unwritten, outcome = self._counted(self._unwritten or found, name, ipv6, now)
                write(file, self._unwritten, size)
                self._unwritten = None
        except OSError:
            if outcome is None:
                self._unwritten, outcome = self._counted(self._unwritten or {}, name, ipv6, now)
        return outcome

    def describe(self, outcome: Outcome) -> str:
        """Return the reason why bans are refused from now on."""
        whose = "events that name no FortiGate of this site"
        whose = whose if outcome.fortigate == UNKNOWN else "events of " + outcome.fortigate
        bans = "new bans of IPv6" if outcome.ipv6 else "new bans"
        most = "%d %s within an hour (receiver_ban_limit)" % (self.most, bans)
        return "%s caused %s: more are refused" % (whose, most)

    def _counted(self, found: Counts, name: str, ipv6: bool, now: float) -> tuple[Counts, Outcome]:
        budgets = (n + family for n in self._names for family in ("", IPV6))
        counts = {n: recent(found[n], now) for n in budgets if n in found}
        mine = counts.setdefault(name + (IPV6 if ipv6 else ""), {"banned": {}, "refused": {}})
        allowed = sum(mine["banned"].values()) < self.most
        first = not allowed and not mine["refused"]
        slices = mine["banned" if allowed else "refused"]
        start = str(int(now // SLICE * SLICE))
        slices[start] = slices.get(start, 0) + 1
        return counts, Outcome(name, ipv6, allowed, first)


@contextlib.contextmanager
def opened(path: str, mode: int) -> Iterator[int]:
    """Open a file that is made where it is missing."""
    how = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(path, how, mode)
    try:
        os.fchmod(descriptor, mode)
        yield descriptor
    finally:
        os.close(descriptor)


def read(file: int) -> tuple[Counts, int]:
    """Return what is in the file, nothing where it is damaged, and how many bytes it has."""
    raw = os.pread(file, LARGEST, 0)
    try:
        found = json.loads(raw)
        for kinds in found.values():
            for slices in kinds.values():
                _ = [int(start) + number for start, number in slices.items()]
    except (ValueError, TypeError, AttributeError, RecursionError):
        return {}, len(raw)
    return dict(found), len(raw)


def write(file: int, counts: Counts, size: int) -> None:
    """Write over what is there, in one go: a full disk has room for that. Blanks fill what was longer.

    A reader without the lock may see a part of both, and then reads again.
    """
    data = json.dumps(counts).encode("ascii").ljust(size)
    if os.pwrite(file, data, 0) != len(data):
        raise OSError("no room")


def recent(kinds: dict[str, dict[str, int]], now: float) -> dict[str, dict[str, int]]:
    """Return what still counts. A clock that was set back leaves slices of the future; they do not."""
    return {
        kind: {
            start: number
            for start, number in kinds.get(kind, {}).items()
            if now - HOUR - SLICE < int(start) <= now
        }
        for kind in ("banned", "refused")
    }


def reporter_of(line: str) -> tuple[str, bool]:
    """Return the FortiGate that a line of the rule log names, and whether an IPv6 address is banned.

    The name is empty where fail2ban restored a line of version 0.1: EPOCH DETECTION ADDRESS.
    """
    fields = line.split(" ")
    return (fields[4], ":" in fields[2]) if len(fields) == FIELDS else ("", ":" in line)
