"""Addresses of this site that its jails never ban, beside those that an operator names for all jails.

Allowances, which an operator gives for some time, are in a file beside the ban files; what the operator
names by host name or URL is in a file of banstitch-watch. Both files are looked at before each ban, and
once a second.

The jail's file sets no ``ignoreip``, so that the one in an operator's ``[DEFAULT]`` counts: an option of a
jail would replace it. fail2ban clears a jail's list at each reload, and fills it anew from the files.

Managed by Banstitch: changes made here are overwritten. Loaded by banstitch.py beside it.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Sequence
from typing import Any

from banstitch_shared.addresses import Network, Networks, parse_network, spell_network, split_ban
from banstitch_shared.allowances import Allowance, read_allowances
from banstitch_shared.looked_up import LookedUp
from banstitch_shared.signatures import Signature, read_signature


class Ignored:
    """A jail's ignore list, asked 100,000 times in a second."""

    def __init__(self, texts: Iterable[object]) -> None:
        self.texts = list(texts)
        networks = [network for text in self.texts for network in parse_networks(str(text))]
        self._networks = Networks(
            (network, spell_network(network)) for network in reversed(networks)
        )

    def find_overlap(self, entry: str) -> str:
        """Return the part of the list that ``entry`` has addresses in common with, or an empty string."""
        found = self._networks.find_overlap(entry)
        return entry if found and self._networks.find_around(*split_ban(entry)) else found


class Ignoring:
    """Keeps ``texts``, addresses and networks, on the ignore list of a jail's ``log_filter``."""

    def __init__(
        self, log_filter: Any, texts: Sequence[str], allowances: str, looked_up: str = ""
    ) -> None:
        self._filter = log_filter
        # the file of allowances, its state when it was read, and what it held
        self._path = allowances
        self._signature: Signature | None = None
        self._allowances: list[Allowance] = []
        # fail2ban's own objects of those that would not be on the list without us
        self._added: list[Any] = []
        self._place, self._looked_up = looked_up, LookedUp(looked_up)
        self._by_name = Ignored([])
        self.texts = tuple(texts)
        self._ignored = Ignored([])
        self.put()

    def put(self) -> None:
        """Put all on the list, which was cleared; called before a single line is read."""
        before = {str(each) for each in self._filter.getIgnoreIP()}
        for text in self.texts:
            self._filter.addIgnoreIP(text)
        self._added = [each for each in self._filter.getIgnoreIP() if str(each) not in before]

    def change(self, texts: Sequence[str], looked_up: str = "") -> None:
        """Replace the addresses; whom an operator names for all jails stays on the list."""
        if looked_up != self._place:
            self._place, self._looked_up = looked_up, LookedUp(looked_up)
            self._by_name = Ignored([])
        if tuple(texts) == self.texts:
            return
        for each in self._added:
            self._filter.delIgnoreIP(each)
        self.texts = tuple(texts)
        self.put()

    def find_overlap(self, entry: str) -> str:
        """Return the part of the list that ``entry`` has addresses in common with, or an empty string.

        The list is rebuilt only if it changed: 100,000 restored bans ask for it. While fail2ban has it
        cleared, at least our own part of it counts.
        """
        texts = [*self._filter.getIgnoreIP(), *self.texts, *self._list_allowed()]
        if texts != self._ignored.texts:
            self._ignored = Ignored(texts)
        return self._ignored.find_overlap(entry) or self._find_looked_up(entry)

    def describe(self, entry: str, protected: str) -> str:
        """Return why an address or a network is not banned; ``protected`` is the overlap that was found."""
        what = "%s%s is " % (entry, "" if protected == entry else " holds %s, which" % protected)
        listed = Ignored([*self._filter.getIgnoreIP(), *self.texts])
        if listed.find_overlap(entry) or self._find_looked_up(entry):
            return what + "on the ignore list"
        return what + "allowed for some time; unallow ends that"

    def _find_looked_up(self, entry: str) -> str:
        """Return the overlap with the addresses behind names and URLs, or an empty string."""
        if self._looked_up.is_changed():
            self._by_name = Ignored(self._looked_up.read())
        return self._by_name.find_overlap(entry)

    def is_changed(self) -> bool:
        """Return whether a file is another than when it was read last."""
        return read_signature(self._path) != self._signature or self._looked_up.is_changed()

    def _list_allowed(self) -> list[str]:
        """Return the addresses and networks that are allowed now."""
        signature = read_signature(self._path)
        if signature != self._signature:
            self._signature = signature
            # a damaged file allows nobody: it is root's, and `allow` says what is wrong with it
            self._allowances = []
            with contextlib.suppress(OSError, ValueError):
                self._allowances = read_allowances(self._path, time.time())
        now = time.time()
        return [allowance.network for allowance in self._allowances if allowance.until > now]


def parse_networks(text: str) -> list[Network]:
    """Return the network of a text; none for a name, which fail2ban accepts as well."""
    try:
        return [parse_network(text)]
    except ValueError:
        return []
