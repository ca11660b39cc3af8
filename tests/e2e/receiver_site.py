"""A deployed receiver, and the traffic of its FortiGate."""

from __future__ import annotations

import base64
import itertools
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress

from tests.bench.load import get, post, run
from tests.e2e.labsite import LabSite
from tests.lab.stopwatch import within

LINE = 'logid="0101039426" remip=%s user="x" msg="SSL user failed to logged in"'


class Deployed:
    """A deployed site, and the requests that its FortiGate makes."""

    def __init__(self, site: LabSite) -> None:
        self.site = site
        self.host = site.host
        self.peer = (site.host.address, 5000)
        tokens = json.loads(site.host.read("/etc/banstitch/tokens.json"))
        self.token, self.password = tokens["webhook:fgt1"], tokens["feed:fgt1"]

    def events(self, count: int) -> Iterator[bytes]:
        """Yield failed logins of this many addresses, none often enough for a ban."""
        for number in range(count):
            body = (LINE % f"45.0.{number >> 8}.{number & 255}").encode()
            yield post("/receive-logs", body, X_Banstitch_Token=self.token)

    def feed_request(self) -> bytes:
        login = base64.b64encode(f"fgt1:{self.password}".encode()).decode()
        return get("/blocked-ips", Authorization=f"Basic {login}")

    def feed(self) -> tuple[int, list[str]]:
        """Fetch the feed; return its status and its lines."""
        answers: list[bytes] = []
        run(self.peer, iter([self.feed_request()]), at_once=1, look=answers.append)
        head, _, body = answers[0].partition(b"\r\n\r\n")
        return int(head[9:12]), body.decode().split()

    def health(self) -> tuple[int, str]:
        answers: list[bytes] = []
        run(self.peer, iter([get("/healthz")]), at_once=1, look=answers.append)
        return int(answers[0][9:12]), answers[0].decode()

    def ban(self, address: str) -> None:
        """Have it banned, as a FortiGate would."""
        body = (LINE % address).encode()
        posts = [post("/receive-logs", body, X_Banstitch_Token=self.token)] * 3
        run(self.peer, iter(posts), at_once=1)
        while address not in self.feed()[1]:
            pass


def open_connection(peer: tuple[str, int], source: str, says: bytes) -> socket.socket:
    connection = socket.socket()
    connection.setsockopt(socket.IPPROTO_IP, 24, 1)  # IP_BIND_ADDRESS_NO_PORT
    connection.bind((source, 0))
    connection.connect(peer)
    connection.setblocking(False)
    with suppress(OSError):  # dropped already, which a receiver may do
        connection.send(says)
    return connection


class Traffic:
    """One poll each 15 ms and one event each 20 ms, while something is done to the receiver."""

    def __init__(self, deployed: Deployed, live: str) -> None:
        self.deployed, self.line = deployed, f"\n{live}\n".encode()
        self.missing: list[bytes] = []
        self.cut = 0
        self.events: dict[int, int] = {}
        self.polls: dict[int, int] = {}
        # the most requests under way before anything was done to the receiver
        self.usual = 0
        self._begun = self._answered = self._most = 0
        self._lock = threading.Lock()
        self._over = threading.Event()

    def _count(self, _: bytes) -> None:
        with self._lock:
            self._answered += 1

    def look(self, answer: bytes) -> None:
        self._count(answer)
        body = answer.partition(b"\r\n\r\n")[2]
        if not body.endswith(b"\n"):
            self.cut += 1  # shorter than its Content-Length: a FortiGate takes no such list
        elif self.line not in b"\n" + body:
            self.missing.append(answer)

    def during(self, *commands: str) -> None:
        posting = threading.Thread(target=self._post)
        polling = threading.Thread(target=self._poll)
        posting.start()
        polling.start()
        try:
            assert within(60, lambda: self._answered > 100)
            self.usual = self._most
            for command in commands:
                self.deployed.host.console(command, check=True)
        finally:
            self._over.set()
            posting.join()
            polling.join()

    def _until_over(self, requests: Iterator[bytes]) -> Iterator[bytes]:
        for request in itertools.takewhile(lambda _: not self._over.is_set(), requests):
            with self._lock:
                self._begun += 1
                self._most = max(self._most, self._begun - self._answered)
            yield request

    def _post(self) -> None:
        requests = self._until_over(self.deployed.events(100000))
        self.events = run(
            self.deployed.peer, requests, at_once=200, interval=0.02, look=self._count
        ).statuses

    def _poll(self) -> None:
        requests = self._until_over(itertools.repeat(self.deployed.feed_request()))
        self.polls = run(
            self.deployed.peer, requests, at_once=1000, interval=0.015, look=self.look
        ).statuses
