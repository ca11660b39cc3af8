"""A client that fetches the feed every 5 ms and remembers every address that it ever missed.

The 5 ms are from the beginning of one poll to that of the next, whatever a poll takes; where one takes
longer, the next one begins as soon as it has ended.
"""

from __future__ import annotations

import base64
import http.client
import ipaddress
import json
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Self

from tests.e2e.labsite import LabSite

EVERY = 0.005
PORT = 5000


class Meanwhile:
    """As a context manager it does ``once`` every ``every`` seconds inside, or as often as it can."""

    def __init__(self, once: Callable[[], None], every: float) -> None:
        self._once, self._every = once, every
        self._over = threading.Event()
        self.turns = 0  # how often it was begun
        self._thread = threading.Thread(target=self._repeat, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(timeout=60)

    def _repeat(self) -> None:
        due = time.monotonic()
        while not self._over.wait(max(0.0, due - time.monotonic())):
            self.turns += 1
            self._once()
            # what was missed because a turn took long is not made up for in a burst
            due = max(due + self._every, time.monotonic())


class Poller(Meanwhile):
    """As a context manager it polls inside. An answer other than 200 and 304 leaves a firewall as it is."""

    def __init__(self, site: LabSite, addresses: Iterable[str]) -> None:
        super().__init__(self._poll, EVERY)
        self.missed: Counter[str] = Counter()
        self.statuses: Counter[int] = Counter()
        self._wanted = frozenset(addresses)
        self._peer = (site.host.address, PORT)
        secret = json.loads(site.host.read("/etc/banstitch/tokens.json"))["verify"]
        login = base64.b64encode(f"verify:{secret}".encode()).decode()
        self._headers = {"Authorization": f"Basic {login}"}
        self._context = trusting(site)
        self._etag = ""

    @property
    def answers(self) -> int:
        """How many answers said who is banned."""
        return self.statuses[200] + self.statuses[304]

    def connection(self) -> http.client.HTTPConnection:
        """One more to the receiver; the certificate is checked as a FortiGate checks it."""
        if self._context is None:
            return http.client.HTTPConnection(*self._peer, timeout=30)
        return http.client.HTTPSConnection(*self._peer, timeout=30, context=self._context)

    def _poll(self) -> None:
        try:
            self._look()
        except (OSError, http.client.HTTPException):
            self.statuses[0] += 1

    def _look(self) -> None:
        connection = self.connection()
        try:
            # what was complete and has not changed is complete
            known = {"If-None-Match": self._etag} if self._etag else {}
            connection.request("GET", "/blocked-ips", headers=self._headers | known)
            answer = connection.getresponse()
            body = answer.read().decode()
            self.statuses[answer.status] += 1
            if answer.status == 200:
                missing = uncovered(self._wanted, set(body.split()))
                self.missed.update(missing)
                self._etag = "" if missing else answer.headers["ETag"]
        finally:
            connection.close()


def uncovered(wanted: Iterable[str], listed: set[str]) -> set[str]:
    """Return those of ``wanted`` that a list denies neither by themselves nor within a network."""
    missing = {each for each in wanted if each not in listed}
    if not missing:
        return missing
    networks = [ipaddress.ip_network(each) for each in listed if "/" in each]
    return {each for each in missing if not any(_within(each, network) for network in networks)}


def _within(text: str, network: ipaddress.IPv4Network | ipaddress.IPv6Network) -> bool:
    inner = ipaddress.ip_network(text)
    low, high = (int(each) for each in (inner[0], inner[-1]))
    same = inner.version == network.version
    return same and int(network[0]) <= low and high <= int(network[-1])


def trusting(site: LabSite) -> ssl.SSLContext | None:
    """Believes the CA of the site's ban host, and nobody else. None where the receiver speaks http."""
    if not (site.host.filesystem / "etc/banstitch/tls/ca.pem").exists():
        return None
    found = site.host.read("/etc/banstitch/tls/ca.pem")
    return ssl.create_default_context(cadata=found[found.index("-----BEGIN CERTIFICATE") :])


def feed(site: LabSite) -> set[str]:
    """What the feed lists now."""
    poller = Poller(site, ())
    connection = poller.connection()
    try:
        connection.request("GET", "/blocked-ips", headers=poller._headers)
        answer = connection.getresponse()
        assert answer.status == 200
        return set(answer.read().decode().split())
    finally:
        connection.close()
