"""Who may post and who may fetch: by address, by token, by password.

Managed by Banstitch: changes made here are overwritten.
"""

import hmac
import ipaddress
import logging
import socket
import threading
import time

from receiver.files import Unavailable, read_json, signature

# Seconds for which a name that the inventory gives for a FortiGate is not looked up again.
LOOKED_UP = 60
# Likewise where nobody could tell: a host that boots may have no resolver yet.
ASKED = 5


class Tokens:
    """The secrets as the tokens file says now. During a rotation NAME and NAME#old are both valid."""

    def __init__(self, path, fortigates):
        self.path = path
        self.fortigates = fortigates
        self.seen = None
        self.secrets = {}

    def current(self):
        if self.seen is None or self.seen != signature(self.path):
            seen, secrets = read_json(self.path, "the tokens file")
            if not isinstance(secrets, dict) or not all(
                isinstance(secret, str) and secret for secret in secrets.values()
            ):
                raise Unavailable("the tokens file does not hold names and secrets")
            self.seen, self.secrets = seen, secrets
        return self.secrets

    def poster(self, token):
        """The FortiGate whose webhook token this is, "verify", or an empty string."""
        return self._who(token, "webhook:")

    def fetcher(self, user, password):
        """Likewise for the feed, where the user name must be right as well."""
        who = self._who(password, "feed:")
        return who if hmac.compare_digest(who.encode(), user.encode("utf-8", "replace")) else ""

    def reader(self, user, password):
        """Whether this is the login of the status page and of the metrics."""
        secret = self.current().get("status", "")
        same = hmac.compare_digest(secret.encode(), password.encode("utf-8", "replace"))
        return bool(secret) and same and user == "status"

    def _who(self, given, kind):
        """Compares with every secret, so that the time taken says nothing."""
        secrets, found, given = self.current(), "", given.encode("utf-8", "replace")
        names = [(kind + name + old, name) for name in self.fortigates for old in ("", "#old")]
        for token_name, name in [*names, ("verify", "verify")]:
            secret = secrets.get(token_name, "")
            if hmac.compare_digest(secret.encode(), given) and secret:
                found = name
        return found


class Names:
    """What names of hosts stand for, looked up again once a minute at most."""

    def __init__(self, names):
        self.names = list(names)
        self.looked_up = (float("-inf"), frozenset())
        self.first = threading.Lock()

    def addresses(self):
        _, found = self.looked_up
        if found and self._is_due():
            self.looked_up = (time.monotonic(), found)  # others need not wait for this
            self._look_up()
        elif not found and self._is_due():
            with self.first:  # nobody is turned away because another one is asking already
                if self._is_due():
                    self._look_up()
        return self.looked_up[1]

    def _is_due(self):
        at, found = self.looked_up
        return self.names and time.monotonic() > at + (LOOKED_UP if found else ASKED)

    def _look_up(self):
        found = frozenset(a for name in self.names for a in addresses(name))
        self.looked_up = (time.monotonic(), found or self.looked_up[1])


class Peers:
    """Which addresses may post at all. ``allow`` None lets everybody try; names are looked up."""

    def __init__(self, allow, own):
        self.any = allow is None
        self.networks = [ipaddress.ip_network(a) for a in allow or () if is_network(a)]
        self.named = Names(name for name in allow or () if not is_network(name))
        self.own = [ipaddress.ip_network(network) for network in own]

    def is_own(self, peer):
        """Whether the peer is the ban host itself, where only root knows a token."""
        return any(peer in network for network in self.own)

    def may_post(self, peer):
        return self.any or any(peer in n for n in self.networks) or peer in self.named.addresses()


class Refusals:
    """Who is turned away is counted, and told to the journal, but once in ten seconds at most."""

    def __init__(self, counts):
        self.counts = counts

    def tell(self, count, what, peer, why):
        self.counts.add(count)
        if self.counts.allowance("said", 0.1, 1, time.time()):
            say = logging.getLogger("banstitch").warning
            say("refused %s from %s: %s (%d so far)", what, peer, why, self.counts[count])


def is_network(text):
    try:
        ipaddress.ip_network(text)
    except ValueError:
        return False
    return True


def addresses(name):
    """What a name stands for now; nothing when nobody knows."""
    try:
        return [peer_address(row[4][0]) for row in socket.getaddrinfo(name, None)]
    except OSError:
        return []


def peer_address(text):
    """The address of a peer; IPv4 also where it came in through an IPv6 socket."""
    address = ipaddress.ip_address(text.partition("%")[0])
    return getattr(address, "ipv4_mapped", None) or address
