"""The addresses that names of hosts stand for, looked up in the background and never while a client waits.

A resolver that is slow, dead or wrong costs no request: requests read what the last look-up found. There is
no lock here. gunicorn's first process imports this module before gevent replaces the locks of the standard
library, and a native lock that is held across a look-up would stop all greenlets of a worker.

Managed by Banstitch: changes made here are overwritten.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable
from contextlib import AbstractContextManager
from typing import Callable

from banstitch_shared.addresses import Address, parse_peer

# Seconds between two look-ups of a name, and after one that found nothing: a host that boots may have no
# resolver yet.
AGAIN = 60
SOON = 5
# Seconds after which a look-up counts as failed. Its thread may hang for longer.
PATIENCE = 30


class Names:
    """The addresses of each name at the last look-up that found any."""

    def __init__(self, names: Iterable[str]) -> None:
        self.names = list(dict.fromkeys(names))
        self.known: dict[str, frozenset[Address]] = {}
        # names whose first look-up has not ended yet
        self.pending = set(self.names)

    def find_addresses(self, names: Iterable[str]) -> set[Address]:
        """Return the addresses of ``names`` as far as they are known. Never wait."""
        return {address for name in names for address in self.known.get(name, ())}

    def are_pending(self, names: Iterable[str]) -> bool:
        """Return whether the first look-up of any of ``names`` is still under way."""
        return not self.pending.isdisjoint(names)

    def look_up(self, name: str) -> bool:
        """Look a name up; return whether it has addresses. Earlier ones stay when none is found."""
        try:
            found = resolve(name)
        finally:
            self.pending.discard(name)
        if found:
            self.known[name] = found
        return bool(found)


def keep_up_to_date(
    names: Names,
    name: str,
    timeout: Callable[[float], AbstractContextManager[object]],
    sleep: Callable[[float], object],
) -> None:
    """Look ``name`` up for ever. A greenlet of its own for each name: a slow one delays no other.

    ``timeout(seconds)`` gives a context manager that ends what takes too long, silently.
    """
    while True:
        found = False
        with timeout(PATIENCE):
            found = names.look_up(name)
        sleep(AGAIN if found else SOON)


def resolve(name: str) -> frozenset[Address]:
    """Return the addresses of a name now; none where the look-up fails."""
    try:
        return frozenset(parse_peer(str(row[4][0])) for row in socket.getaddrinfo(name, None))
    except (OSError, ValueError):  # ValueError: UnicodeError for a label that is too long
        return frozenset()
