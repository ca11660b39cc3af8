"""Find the bans that may be reported: those of single addresses that events of this site caused.

Bans by hand, the self-test, networks, what other sites offered, and addresses that somebody spares are not
among them. Where nobody knows whom to spare, nothing is.

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later, standard library only.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator

from banstitch_shared.addresses import SELF_TEST, Networks, parse_network
from banstitch_shared.allowances import find_allowances, read_allowances
from banstitch_shared.ban_file import Ban, find_ban_file, read_bans
from banstitch_shared.looked_up import LookedUp
from banstitch_shared.signatures import Signature, read_signature
from banstitch_shared.untrusted import read_small_file

from watch.abuseipdb.queue import WINDOW, Report

# Bytes of the file of people who logged in.
_MOST_TRUSTED = 8 << 20


class Bans:
    """The latest bans of the jails. A file is read again when it was replaced."""

    def __init__(self, spool: str, jails: Iterable[str]) -> None:
        self._paths = {jail: find_ban_file(spool, jail) for jail in jails}
        self._read: dict[str, tuple[Signature | None, list[Ban]]] = {}

    def list_latest(self, now: float) -> Iterator[Report]:
        """Yield the live bans of the last hour that may be reported.

        Raises:
            OSError, ValueError: a ban file cannot be read.
        """
        for jail, path in self._paths.items():
            signature = read_signature(path)
            known = self._read.get(jail)
            if known is None or known[0] != signature:
                bans = _read_latest(path, now) if signature else []
                known = self._read[jail] = signature, bans
            for ban in known[1]:
                if now - WINDOW < ban.since <= now < ban.until:
                    yield Report(ban.address, jail, ban.since)


def _read_latest(path: str, now: float) -> list[Ban]:
    with open(path, encoding="ascii") as stream:
        # of a million bans, only the latest are kept in memory
        return [ban for ban in read_bans(stream) if ban.since > now - WINDOW and is_own(ban)]


def is_own(ban: Ban) -> bool:
    """Return whether events of this site caused the ban of a single public address."""
    # a ban by hand counts no failures
    if not ban.failures or ban.address == SELF_TEST or "/" in ban.address:
        return False
    try:
        address = ipaddress.ip_address(ban.address)
    except ValueError:
        return False
    return address.is_global and not address.is_multicast


class Spared:
    """The addresses that are never reported: hosts of the site, allowances, and people who logged in."""

    def __init__(self, spool: str, never: Iterable[str], trusted: str, looked_up: str) -> None:
        self._never = list(never)
        self._trusted = trusted
        self._allowances = find_allowances(spool)
        self._place, self._looked_up = looked_up, LookedUp(looked_up)
        self._made_from: Signature | None = None
        self._texts: list[str] = []
        self._fixed, self._people = Networks(()), Networks(())

    def look(self, now: float) -> None:
        """Read again what changed.

        Raises:
            OSError, ValueError: it is not known whom to spare.
        """
        if self._place and not self._looked_up.read():
            raise ValueError("no name or URL of detection_ignore has been looked up yet")
        texts = [
            *self._never,
            *self._looked_up.read(),
            *(each.network for each in read_allowances(self._allowances, now)),
        ]
        if texts != self._texts:
            self._fixed, self._texts = _join(texts), texts
        signature = read_signature(self._trusted)
        if signature != self._made_from or not signature:
            content = read_small_file(self._trusted, _MOST_TRUSTED).decode("ascii")
            self._people = _join(content.splitlines())
            self._made_from = signature

    def is_spared(self, address: str) -> bool:
        """Return whether an address is never reported, as far as was known at the last look."""
        return bool(self._fixed.find_overlap(address) or self._people.find_overlap(address))


def _join(texts: Iterable[str]) -> Networks:
    return Networks((parse_network(text), "spared") for text in texts)
