"""Decide who may post, fetch and read: by address, by token, by password.

Managed by Banstitch: changes made here are overwritten.
"""

from __future__ import annotations

import hmac
import ipaddress
import logging
import re
import time
from collections.abc import Callable, Iterable, Sequence

from banstitch_shared.addresses import Address, Network, is_network
from banstitch_shared.signatures import Signature, read_signature
from banstitch_shared.tokens import (
    STATUS,
    VERIFY,
    make_digest,
    name_feed_token,
    name_old,
    name_webhook_token,
)

from receiver.counts import Counts
from receiver.files import Unavailable, read_json
from receiver.names import Names
from receiver.numbers import SAID


class Tokens:
    """The valid secrets as SHA-256 digests: the receiver compares them and never knows them.

    A secret has 43 random characters, which nobody can guess from its digest. Salts and slow hashes are for
    passwords that people choose. During a rotation a FortiGate has two of each.
    """

    def __init__(self, path: str, fortigates: Sequence[str]) -> None:
        self.path = path
        self.fortigates = fortigates
        self.seen: Signature | None = None
        self.digests: dict[str, str] = {}

    def read(self) -> dict[str, str]:
        """Return {name: digest}; the file is read again after it was replaced.

        Raises:
            Unavailable: the file cannot be read, or is not one of digests.
        """
        if self.seen is None or self.seen != read_signature(self.path):
            seen, digests = read_json(self.path, "the digests of the tokens")
            if not isinstance(digests, dict) or not all(map(is_digest, digests.values())):
                raise Unavailable("the digests file must hold names and digests; run apply")
            self.seen, self.digests = seen, digests
        return self.digests

    def find_poster(self, token: str) -> str:
        """Return the FortiGate whose webhook token this is, "verify", or an empty string."""
        return self._find_owner(token, name_webhook_token)

    def find_fetcher(self, user: str, password: str) -> str:
        """Return the same for a login of the feed, whose user name must be right as well."""
        who = self._find_owner(password, name_feed_token)
        return who if hmac.compare_digest(who.encode(), user.encode("utf-8", "replace")) else ""

    def is_reader(self, user: str, password: str) -> bool:
        """Return whether this is the login of the status page and of the metrics."""
        known = self.read().get(STATUS, "")
        return hmac.compare_digest(known, make_digest(password)) and user == STATUS

    def _find_owner(self, secret: str, name_token: Callable[[str], str]) -> str:
        """Compare with every digest, so that the time taken reveals nothing."""
        digests, owner, digest = self.read(), "", make_digest(secret)
        names = [(name_token(fortigate), fortigate) for fortigate in self.fortigates]
        names += [(name_old(name), fortigate) for name, fortigate in names]
        for name, fortigate in [*names, (VERIFY, VERIFY)]:
            if hmac.compare_digest(digests.get(name, ""), digest):
                owner = fortigate
        return owner


def is_digest(value: object) -> bool:
    """Return whether ``value`` has the form of a digest."""
    return isinstance(value, str) and re.match("[0-9a-f]{64}\\Z", value) is not None


class Peers:
    """The addresses that may post, and those that may read pages. ``allow`` None lets everybody try.

    ``names`` knows the addresses of those that are given by name. Until it has looked a name up for the
    first time, nobody is turned away for the address: a token is needed in any case, and a FortiGate does
    not post an event twice. That ends with the look-up, after 30 seconds at the latest.
    """

    def __init__(
        self,
        allow: Iterable[str] | None,
        own: Iterable[str],
        names: Names,
        readers: Iterable[str] = (),
    ) -> None:
        allow = None if allow is None else list(allow)
        self.any = allow is None
        self.networks: list[Network] = [
            ipaddress.ip_network(text) for text in allow or () if is_network(text)
        ]
        self.hosts = [name for name in allow or () if not is_network(name)]
        self.names = names
        self.own: list[Network] = [ipaddress.ip_network(network) for network in own]
        self.readers: list[Network] = [ipaddress.ip_network(network) for network in readers]

    def is_own(self, peer: Address) -> bool:
        """Return whether the peer is the ban host itself, where only root knows a token."""
        return any(peer in network for network in self.own)

    def is_expected(self, peer: Address) -> bool:
        """Return whether the peer is known to be one that may post."""
        known = self.any or any(peer in network for network in self.networks)
        return known or peer in self.names.find_addresses(self.hosts)

    def may_post(self, peer: Address) -> bool:
        """Return whether the peer may post, if its token is right."""
        return self.is_expected(peer) or self.names.are_pending(self.hosts)

    def may_read(self, peer: Address) -> bool:
        """Return whether the peer may ask for pages and metrics; it also needs a password."""
        readers = [*self.own, *self.readers]
        return not self.readers or any(peer in network for network in readers)


class Refusals:
    """Refused clients: all are counted, and one in ten seconds is logged to the journal."""

    def __init__(self, counts: Counts) -> None:
        self.counts = counts

    def record(self, count: str, what: str, peer: Address, why: object) -> None:
        """Count a refusal under the name ``count``, and log it unless one was logged just now."""
        self.counts.add(count)
        if self.counts.take_token(SAID, 0.1, 1, time.time()):
            warn = logging.getLogger("banstitch").warning
            warn("refused %s from %s: %s (%d so far)", what, peer, why, self.counts[count])
