"""A closed-loop HTTP client for measuring: one new connection a request, so many at a time.

One thread and epoll, so that on a small machine the client takes little of what it measures.
"""

from __future__ import annotations

import itertools
import select
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field

# Source addresses to take turns with: one alone runs out of ports (TIME_WAIT, 60 s).
SOURCES = tuple(f"127.0.1.{n}" for n in range(1, 41))


@dataclass
class Result:
    """What a run saw. Latencies in seconds, from connect to the end of the answer."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    statuses: dict[int, int] = field(default_factory=dict)

    @property
    def rate(self) -> float:
        """Answers a second."""
        return len(self.latencies) / self.seconds

    def percentile(self, share: float) -> float:
        """The latency in seconds that ``share`` (0 to 1) of the answers stayed below."""
        ordered = sorted(self.latencies)
        return ordered[min(int(len(ordered) * share), len(ordered) - 1)]

    def __str__(self) -> str:
        said = " ".join(f"{status}:{n}" for status, n in sorted(self.statuses.items()))
        milliseconds = [1000 * self.percentile(share) for share in (0.5, 0.99, 1)]
        return (
            f"{self.rate:7.0f}/s  p50 {milliseconds[0]:6.1f} ms  p99 {milliseconds[1]:6.1f} ms"
            f"  max {milliseconds[2]:6.1f} ms  [{said}]"
        )


class _Plain:
    """What goes over a connection as it is."""

    def __init__(self, request: bytes) -> None:
        self.outgoing = [request]
        self.answer = b""

    def take(self, data: bytes) -> None:
        """What came."""
        self.answer += data


class _Encrypted(_Plain):
    """TLS, in memory, so that each flight is one system call."""

    def __init__(self, request: bytes, encrypt: ssl.SSLContext, name: str) -> None:
        super().__init__(request)
        self.came, self.goes = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = encrypt.wrap_bio(self.came, self.goes, server_hostname=name)
        self.request, self.outgoing = request, []
        self._go_on()

    def take(self, data: bytes) -> None:
        self.came.write(data)
        self._go_on()

    def _go_on(self) -> None:
        try:
            if self.request:
                self.tls.do_handshake()
                # as libcurl: the end of the handshake first, the request by itself
                self.outgoing.append(self.goes.read())
                self.tls.write(self.request)
                self.request = b""
            while data := self.tls.read(1 << 20):
                self.answer += data
        except ssl.SSLWantReadError:
            pass
        if self.goes.pending:
            self.outgoing.append(self.goes.read())


class _Exchange:
    """One request on its own connection."""

    def __init__(
        self, peer: tuple[str, int], source: str, request: bytes, encrypt: ssl.SSLContext | None
    ) -> None:
        self.began = time.perf_counter()
        self.socket = socket.socket()
        self.socket.setsockopt(socket.IPPROTO_IP, 24, 1)  # IP_BIND_ADDRESS_NO_PORT
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # as libcurl does
        if source:
            self.socket.bind((source, 0))
        self.socket.setblocking(False)
        self.socket.connect_ex(peer)
        self.inside = _Encrypted(request, encrypt, peer[0]) if encrypt else _Plain(request)
        # what it waits for next
        self.events = select.EPOLLOUT

    def go_on(self) -> int | None:
        """The status once the answer is complete, 0 when the connection broke, else None."""
        try:
            if self.events == select.EPOLLIN:
                data = self.socket.recv(1 << 20)
                if not data:
                    return self._status()
                self.inside.take(data)
            self._send()
        except OSError:
            return 0
        return None

    def _send(self) -> None:
        outgoing = self.inside.outgoing
        self.events = select.EPOLLOUT
        with suppress(BlockingIOError):
            while outgoing:
                rest = outgoing[0][self.socket.send(outgoing[0]) :]
                outgoing[:1] = [rest] if rest else []
            self.events = select.EPOLLIN

    def _status(self) -> int:
        answer = self.inside.answer
        return int(answer[9:12]) if answer.startswith(b"HTTP/") else 0


class _Going:
    """The exchanges that are going on."""

    def __init__(self, result: Result, patience: float, look: Callable[[bytes], None]) -> None:
        self.result, self.patience, self.look = result, patience, look
        self.epoll = select.epoll()
        self.exchanges: dict[int, _Exchange] = {}

    def begin(self, exchange: _Exchange) -> None:
        """Without waiting for the connection, which is there at once on loopback."""
        status = exchange.go_on()
        number = exchange.socket.fileno()
        self.exchanges[number] = exchange
        if status is None:
            self.epoll.register(number, exchange.events)
        else:
            self._end(number, status)

    def wait(self, seconds: float) -> None:
        """For news, at most so long."""
        news = self.epoll.poll(seconds)
        for number, _ in news:
            exchange = self.exchanges[number]
            events = exchange.events
            status = exchange.go_on()
            if status is not None:
                self._end(number, status)
            elif exchange.events != events:
                self.epoll.modify(number, exchange.events)
        if not news:
            self._lose_patience()

    def _lose_patience(self) -> None:
        latest = time.perf_counter() - self.patience
        for number in [n for n, e in self.exchanges.items() if e.began < latest]:
            self._end(number, 0)

    def _end(self, number: int, status: int) -> None:
        exchange = self.exchanges.pop(number)
        exchange.socket.close()
        self.result.latencies.append(time.perf_counter() - exchange.began)
        self.result.statuses[status] = self.result.statuses.get(status, 0) + 1
        self.look(exchange.inside.answer)


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

    Ends with the requests, or after ``seconds``. ``interval`` (seconds) spaces them out instead of
    sending the next one as soon as one is answered. An answer that takes longer than ``patience``
    counts as status 0. With ``encrypt`` each connection shakes hands anew, as a FortiGate's does.
    """
    result, turns = Result(), itertools.cycle(sources)
    going = _Going(result, patience, look)
    began = due = time.perf_counter()
    with going.epoll:
        while due < float("inf") or going.exchanges:
            now = time.perf_counter()
            while len(going.exchanges) < at_once and now >= due:
                request = None if seconds and now > began + seconds else next(requests, None)
                if request is None:
                    due = float("inf")
                    break
                going.begin(_Exchange(peer, next(turns), request, encrypt))
                due = max(due + interval, now - 1) if interval else now
            if going.exchanges or due < float("inf"):
                going.wait(min(max(due - now, 0), 0.05) if interval else 0.05)
    result.seconds = time.perf_counter() - began
    return result


def post(path: str, body: bytes, **headers: str) -> bytes:
    """A POST as FortiOS (libcurl) sends it."""
    lines = [f"POST {path} HTTP/1.1", "Host: x", "Accept: */*", "Connection: close"]
    lines += ["Content-Type: application/x-www-form-urlencoded", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


def get(path: str, **headers: str) -> bytes:
    """A GET."""
    lines = [f"GET {path} HTTP/1.1", "Host: x", "Accept: */*", "Connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()
