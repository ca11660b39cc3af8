"""Decide who may post, fetch and read: by address, by token, by password.

Managed by Banstitch: changes made here are overwritten.
"""

import hashlib
import hmac
import ipaddress
import logging
import re
import time

from receiver.files import Unavailable, read_json, signature
from receiver.names import is_network


class Tokens:
    """The secrets that are valid now, as SHA-256 digests: the receiver compares them and never knows them.

    A secret has 43 random characters, which nobody can guess from its digest; salts and slow hashes are for
    passwords that people choose. During a rotation NAME and NAME#old are both valid.
    """

    def __init__(self, path, fortigates):
        self.path = path
        self.fortigates = fortigates
        self.seen = None
        self.digests = {}

    def current(self):
        """Return {name: digest}, read again once the file is another one. Raises Unavailable."""
        if self.seen is None or self.seen != signature(self.path):
            seen, digests = read_json(self.path, "the digests of the tokens")
            if not isinstance(digests, dict) or not all(map(is_digest, digests.values())):
                raise Unavailable("the digests file must hold names and digests; run apply")
            self.seen, self.digests = seen, digests
        return self.digests

    def poster(self, token):
        """Return the FortiGate whose webhook token this is, "verify", or an empty string."""
        return self._who(token, "webhook:")

    def fetcher(self, user, password):
        """Return the same for a login of the feed, whose user name must be right as well."""
        who = self._who(password, "feed:")
        return who if hmac.compare_digest(who.encode(), user.encode("utf-8", "replace")) else ""

    def reader(self, user, password):
        """Return whether this is the login of the status page and of the metrics."""
        known = self.current().get("status", "")
        return hmac.compare_digest(known, digest(password)) and user == "status"

    def _who(self, given, kind):
        """Compare with every digest, so that the time taken reveals nothing."""
        known, found, given = self.current(), "", digest(given)
        names = [(kind + name + old, name) for name in self.fortigates for old in ("", "#old")]
        for token_name, name in [*names, ("verify", "verify")]:
            if hmac.compare_digest(known.get(token_name, ""), given):
                found = name
        return found


def digest(given):
    """Return the digest of what a client presents, in the form of the file."""
    return hashlib.sha256(given.encode("utf-8", "replace")).hexdigest()


def is_digest(value):
    """Return whether ``value`` has the form of a digest."""
    return isinstance(value, str) and re.match("[0-9a-f]{64}\\Z", value) is not None


class Peers:
    """The addresses that may post, and those that may read pages. ``allow`` None lets everybody try.

    ``names`` knows the addresses of those that are given by name. Until it has looked a name up for the
    first time, nobody is turned away for the address: a token is needed in any case, and a FortiGate does
    not post an event twice. That ends with the look-up, after 30 seconds at the latest.
    """

    def __init__(self, allow, own, names, readers=()):
        self.any = allow is None
        self.networks = [ipaddress.ip_network(a) for a in allow or () if is_network(a)]
        self.hosts = [name for name in allow or () if not is_network(name)]
        self.names = names
        self.own = [ipaddress.ip_network(network) for network in own]
        self.readers = [ipaddress.ip_network(network) for network in readers]

    def is_own(self, peer):
        """Return whether the peer is the ban host itself, where only root knows a token."""
        return any(peer in network for network in self.own)

    def is_expected(self, peer):
        """Return whether the peer is known to be one that may post."""
        known = self.any or any(peer in network for network in self.networks)
        return known or peer in self.names.addresses(self.hosts)

    def may_post(self, peer):
        """Return whether the peer may post, if its token is right."""
        return self.is_expected(peer) or self.names.are_pending(self.hosts)

    def may_read(self, peer):
        """Return whether the peer may ask for pages and metrics, for which it also needs a password."""
        readers = [*self.own, *self.readers]
        return not self.readers or any(peer in network for network in readers)


class Refusals:
    """Clients that are turned away: all are counted, and the journal names one in ten seconds at most."""

    def __init__(self, counts):
        self.counts = counts

    def tell(self, count, what, peer, why):
        self.counts.add(count)
        if self.counts.allowance("said", 0.1, 1, time.time()):
            say = logging.getLogger("banstitch").warning
            say("refused %s from %s: %s (%d so far)", what, peer, why, self.counts[count])
