"""An HTTP client that measures: a new connection for each request, a number of them at a time.

It has one thread and uses epoll, so that it leaves a small machine to the server.
"""

from __future__ import annotations

import itertools
import selectors
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from tests.bench.encrypted import Encrypted
from tests.lab.stopwatch import Stopwatch

# Source addresses to use in turn: one alone runs out of ports (TIME_WAIT, 60 s).
SOURCES = tuple(f"127.0.1.{n}" for n in range(1, 41))


@dataclass
class Result:
    """The result of a run. Latencies are in seconds, from connect to the end of the answer."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    statuses: dict[int, int] = field(default_factory=dict)

    @property
    def rate(self) -> float:
        """Return the answers a second."""
        return len(self.latencies) / self.seconds

    def all(self, status: int) -> bool:
        """Return whether every request was answered with this status."""
        return set(self.statuses) == {status}

    def percentile(self, share: float) -> float:
        """Return the latency in seconds that ``share`` (0 to 1) of the answers did not exceed."""
        ordered = sorted(self.latencies)
        return ordered[min(int(len(ordered) * share), len(ordered) - 1)]

    def __str__(self) -> str:
        said = " ".join(f"{status}:{n}" for status, n in sorted(self.statuses.items()))
        milliseconds = [1000 * self.percentile(share) for share in (0.5, 0.99, 1)]
        return (
            f"{self.rate:7.0f}/s  p50 {milliseconds[0]:6.1f} ms  p99 {milliseconds[1]:6.1f} ms"
            f"  max {milliseconds[2]:6.1f} ms  [{said}]"
        )


class _Exchange:
    """A request on a connection of its own."""

    def __init__(
        self,
        peer: tuple[str, int],
        source: str,
        request: bytes,
        encrypt: ssl.SSLContext | None,
        since: float,
    ) -> None:
        self.began = time.perf_counter()
        self.since = since
        self.request = request
        self.answer = b""
        self.plain = socket.socket()
        self.plain.setsockopt(socket.IPPROTO_IP, 24, 1)  # IP_BIND_ADDRESS_NO_PORT
        self.plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # as libcurl does
        if source:
            self.plain.bind((source, 0))
        self.plain.setblocking(False)
        self.plain.connect_ex(peer)
        self.socket: socket.socket | Encrypted = self.plain
        self.encrypt = encrypt
        self.peer = peer[0]
        # the event it waits for
        self.events = selectors.EVENT_WRITE

    def go_on(self) -> int | None:
        """Return the status once the answer is complete, 0 if the connection broke, else None."""
        try:
            if self.encrypt:
                self.socket = Encrypted(self.plain, self.encrypt, self.peer)
                self.encrypt = None
            if self.request:
                # over TLS it shakes hands first
                self.request = self.request[self.socket.send(self.request) :]
                self.events = selectors.EVENT_READ
                return None
            got = self.socket.recv(1 << 20)
        except (BlockingIOError, ssl.SSLWantReadError):
            self.events = selectors.EVENT_READ
            return None
        except OSError:
            return 0
        self.answer += got
        if got:
            return None
        return int(self.answer[9:12]) if self.answer.startswith(b"HTTP/") else 0


def run(
    peer: tuple[str, int],
    requests: Iterator[bytes],
    *,
    at_once: int,
    seconds: float = 0,
    sources: tuple[str, ...] = SOURCES,
    patience: float = 30,
    interval: float = 0,
    encrypt: ssl.SSLContext | None = None,
    look: Callable[[bytes], None] = lambda answer: None,
) -> Result:
    """Send ``requests`` (each must ask for `Connection: close`), ``at_once`` at a time.

    It ends with the requests, or after ``seconds``. With ``interval`` (seconds) requests are spaced out;
    otherwise the next one is sent as soon as one is answered. An answer that takes longer than
    ``patience``, while this machine runs, counts as status 0. With ``encrypt`` each connection has a
    handshake of its own, as a FortiGate's has.
    """
    result, began = Result(), time.perf_counter()
    turns = itertools.cycle(sources)
    due = began
    with selectors.DefaultSelector() as selector, Stopwatch() as watch:
        while True:
            now = time.perf_counter()
            while len(selector.get_map()) < at_once and now >= due:
                request = None if seconds and now > began + seconds else next(requests, None)
                if request is None:
                    due = float("inf")
                    break
                exchange = _Exchange(peer, next(turns), request, encrypt, watch.seconds)
                selector.register(exchange.socket, selectors.EVENT_WRITE, exchange)
                due = max(due + interval, now - 1) if interval else now
            if not selector.get_map() and due == float("inf"):
                break
            for key, _ in selector.select(min(max(due - now, 0), 0.05) if interval else 0.05):
                exchange = key.data
                status = exchange.go_on()
                if status is None and key.events != exchange.events:
                    selector.modify(exchange.socket, exchange.events, exchange)
                if status is None and watch.seconds - exchange.since > patience:
                    status = 0
                if status is not None:
                    selector.unregister(exchange.socket)
                    exchange.socket.close()
                    result.latencies.append(time.perf_counter() - exchange.began)
                    result.statuses[status] = result.statuses.get(status, 0) + 1
                    look(exchange.answer)
    result.seconds = time.perf_counter() - began
    return result


def post(path: str, body: bytes, **headers: str) -> bytes:
    """Return a POST as FortiOS (libcurl) sends it."""
    lines = [f"POST {path} HTTP/1.1", "Host: x", "Accept: */*", "Connection: close"]
    lines += ["Content-Type: application/x-www-form-urlencoded", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


def get(path: str, **headers: str) -> bytes:
    """Return a GET."""
    lines = [f"GET {path} HTTP/1.1", "Host: x", "Accept: */*", "Connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()
