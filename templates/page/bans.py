"""The live bans of all jails, in memory: a file is read again when it was replaced.

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later, standard library only.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping
from operator import itemgetter
from typing import NamedTuple

from banstitch_shared.addresses import Network, parse_network, split_ban
from banstitch_shared.ban_file import FOREVER, find_ban_file
from banstitch_shared.signatures import Signature, make_signature

# Seconds between two looks at the files, whatever is asked meanwhile.
PAUSE = 1.0
# Bans of one answer to a search.
MOST_FOUND = 200
SINCE = itemgetter(0)


class Row(NamedTuple):
    """One ban. Times in epoch seconds; ``until`` may be FOREVER."""

    since: int
    address: str
    until: float
    failures: str
    times: str
    jail: str


class Bans:
    """The bans of some jails. ``errors`` are sentences about files that cannot be read."""

    def __init__(self, folder: str, jails: Iterable[str]) -> None:
        self._paths = {jail: find_ban_file(folder, jail) for jail in jails}
        self._seen: dict[str, Signature] = {}
        # {jail: {line of its file: row}}
        self._rows: dict[str, dict[str, Row]] = {jail: {} for jail in self._paths}
        self._newest: list[Row] = []
        self._looked_at = 0.0
        self.errors: list[str] = []

    def list_live(self, now: float, jail: str = "") -> list[Row]:
        """Return the live bans of one jail or of all, the newest first."""
        self._refresh(now)
        if not jail:
            return [row for row in self._newest if row.until > now]
        return [row for row in self._newest if row.until > now and row.jail == jail]

    def count_by_jail(self, now: float) -> Counter[str]:
        """Return {jail: number of its live bans}."""
        self._refresh(now)
        return Counter(row.jail for row in self._newest if row.until > now)

    def find(self, wanted: Network, now: float) -> list[Row]:
        """Return the live bans that have addresses in common with a network, the widest first."""
        text = str(wanted.network_address)
        is_one = wanted.num_addresses == 1
        found = []
        for row in self.list_live(now):
            if is_one and "/" not in row.address:
                if row.address == text:
                    found.append(row)
            elif _overlaps(row.address, wanted):
                found.append(row)
            if len(found) == MOST_FOUND:
                break
        return sorted(found, key=lambda row: parse_network(row.address).prefixlen)

    def _refresh(self, now: float) -> None:
        """Read the files that were replaced since the last look."""
        if 0 <= now - self._looked_at < PAUSE:
            return
        self._looked_at, self.errors, changed = now, [], False
        for jail, path in self._paths.items():
            try:
                signature = make_signature(os.stat(path))
                if signature != self._seen.get(jail):
                    self._rows[jail] = read_rows(path, jail, self._rows[jail])
                    self._seen[jail], changed = signature, True
            except (OSError, ValueError):
                self.errors.append("the bans of %s are not known" % jail)
        if changed:
            self._newest = [row for rows in self._rows.values() for row in rows.values()]
            self._newest.sort(key=SINCE, reverse=True)


def read_rows(path: str, jail: str, known: Mapping[str, Row]) -> dict[str, Row]:
    """Return the bans in a file by line. Raises OSError, ValueError.

    Of a hundred thousand lines, few are not known from the last look. This trusts root's file more than the
    receiver does.
    """
    with open(path, encoding="ascii") as stream:
        lines = stream.read().split("\n")
    if lines[-2:] != ["end %d" % (len(lines) - 3), ""]:
        raise ValueError("it was cut")
    return {line: known.get(line) or _read_row(line, jail) for line in lines[1:-2]}


def _read_row(line: str, jail: str) -> Row:
    address, until, since, failures, times = line.split(" ")
    return Row(int(since), address, FOREVER if until == "-1" else int(until), failures, times, jail)


def _overlaps(entry: str, wanted: Network) -> bool:
    if (":" in entry) != (wanted.version == 6):
        return False
    _, number, shift = split_ban(entry)
    wide = max(shift, wanted.max_prefixlen - wanted.prefixlen)
    return number >> wide == int(wanted.network_address) >> wide
