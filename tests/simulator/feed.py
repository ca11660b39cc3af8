"""Fetch threat feeds (`system external-resource`) as a FortiGate does.

Sources: 7.6 admin guide (schedule), KB 421292 (ETag file, statistics), KB 421802 (an empty 200
empties the list), KB 9463 and 191004 (an error keeps the last good list), limits of 7.4.4 and 7.6.3.
"""

import base64
import http.client
import ipaddress
import re
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import cast
from urllib.parse import urlsplit

from tests.simulator.config import Config
from tests.simulator.options import Options
from tests.simulator.schema import Version, parse_version
from tests.simulator.tree import Entry, get_effective
from tests.simulator.trust import Check, client, list_authorities
from tests.simulator.webhook import Settled

TIMEOUT = 30.0
Range = tuple[int, int, int]  # IP version, first address, last address


@dataclass(frozen=True)
class Source:
    """One configured feed: where it is, and how it is fetched. `interval` is in seconds."""

    scope: str
    name: str
    url: str
    user: str
    password: str
    agent: str
    check: Check
    trust: str
    interval: float


@dataclass(frozen=True)
class Feed:
    """The state of one feed. `error` is the last failure, "" after a good fetch."""

    ranges: tuple[Range, ...] = ()
    lines: tuple[str, ...] = ()
    etag: str = ""
    total: int = 0
    errors: int = 0
    cut: int = 0
    fetches: int = 0
    status: int = 0
    error: str = ""
    due: float = 0.0
    url: str = ""


@dataclass
class Feeds:
    """The poller: one thread, one state per configured feed."""

    options: Options
    settled: Settled
    _state: dict[tuple[str, str], Feed] = field(default_factory=dict)
    _wake: threading.Event = field(default_factory=threading.Event)
    _stop: threading.Event = field(default_factory=threading.Event)
    _busy: threading.Lock = field(default_factory=threading.Lock)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to poll, perhaps again."""
        self._stop.clear()
        self._thread = threading.Thread(target=self._poll, name="fortios-feeds", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop polling; returns when the thread is gone."""
        self._stop.set()
        self._wake.set()
        if self._thread:
            self._thread.join()

    def wake(self) -> None:
        """Look at the configuration again: it changed."""
        self._wake.set()

    def poll_all(self) -> None:
        """Fetch every enabled feed now."""
        with self._busy:
            for source in self._sources():
                self._fetch(source)

    def refresh(self, name: str, scope: str = "") -> bool:
        """Fetch one feed now, whether it is due or not; return whether there is such a feed."""
        with self._busy:
            found = [each for each in self._sources() if each.name == name]
            mine = [each for each in found if each.scope in (scope, "global", "")]
            for source in mine:
                self._fetch(source)
        return bool(mine)

    def feed(self, name: str, scope: str = "") -> Feed | None:
        """Return the state of a feed, None before its first fetch."""
        for place in (scope, "global", ""):
            if (place, name) in self._state:
                return self._state[place, name]
        return None

    def contains(self, scope: str, name: str, address: str) -> bool:
        """Return whether `address` is in the feed `name` as seen from `scope`."""
        ip = ipaddress.ip_address(address)
        feed = self.feed(name, scope)
        return feed is not None and any(
            version == ip.version and first <= int(ip) <= last
            for version, first, last in feed.ranges
        )

    def ranges(self, name: str) -> list[str] | None:
        """Return the ranges `first-last` of a feed, None when there is no such feed."""
        feed = self.feed(name)
        if feed is None:
            return None
        make = {4: ipaddress.IPv4Address, 6: ipaddress.IPv6Address}
        return [f"{make[v](first)}-{make[v](last)}" for v, first, last in feed.ranges if v == 4]

    def stats_lines(self) -> list[str]:
        """Return what `diagnose sys external-resource stats` prints."""
        config, lock = self.settled()
        lines = []
        for (scope, name), feed in sorted(self._state.items()):
            with lock:
                used = config.users("system external-resource", name, scope)
            valid = len(feed.ranges)
            lines.append(
                f"name: {name}; uuid_idx: 15846; type: address table; update_method: feed; "
                f"total lines: {feed.total}; valid lines: {valid}; error lines: {feed.errors}; "
                f"used: {'yes' if used else 'no'}; buildable: {valid}; "
                f"total in count file: {valid}; ranges: 0;"
                + (f" truncated total lines: {len(feed.lines)};" if feed.cut else "")
            )
        return lines

    def _poll(self) -> None:
        while not self._stop.is_set():
            with self._busy:
                for source in self._sources():
                    if time.monotonic() >= self._get_due_time(source) and not self._stop.is_set():
                        self._fetch(source)
            self._wake.wait(max(0.02, min(1.0, self.options.minute / 10)))
            self._wake.clear()

    def _get_due_time(self, source: Source) -> float:
        """Return when to fetch, in seconds of the monotonic clock; 0 for a feed that is new."""
        key = (source.scope, source.name)
        if key not in self._state:
            self._state[key] = Feed(due=time.monotonic(), url=source.url)
        state = self._state[key]
        return state.due if state.url == source.url else 0.0

    def _sources(self) -> list[Source]:
        config, lock = self.settled()
        with lock:
            found = list(_sources(config, self.options.minute))
            known = set(_list_names(config))
        for gone in set(self._state) - known:
            del self._state[gone]
        return found

    def _fetch(self, source: Source) -> None:
        key = (source.scope, source.name)
        old = self._state.get(key, Feed())
        old = old if old.url == source.url else replace(old, etag="")
        try:
            status, etag, text = _download(source, old.etag)
        except (OSError, http.client.HTTPException, ValueError) as error:
            new = replace(old, error=str(error) or type(error).__name__, status=0)
        else:
            new = self._update_state(old, status, etag, text)
        due = time.monotonic() + source.interval
        self._state[key] = replace(new, fetches=old.fetches + 1, due=due, url=source.url)

    def _update_state(self, old: Feed, status: int, etag: str, text: bytes) -> Feed:
        if status == 304:
            return replace(old, status=304, error="")
        if status != 200:
            return replace(old, status=status, error=f"HTTP {status}")
        lines, ranges, errors, cut = parse(
            text, parse_version(self.options.version), self.options.model
        )
        return replace(
            old,
            status=200,
            error="",
            etag=etag,
            lines=lines,
            ranges=ranges,
            errors=errors,
            total=len(lines) + cut,
            cut=cut,
        )


def parse(
    data: bytes, version: Version, model: str = "FortiGate"
) -> tuple[tuple[str, ...], tuple[Range, ...], int, int]:
    """Read a list: return its lines, the ranges of the good ones, and how many are bad or cut off.

    Before 7.4.4 a feed holds 10 MB or 131072 entries; from then on 300000, from 7.6.3 on by model.
    """
    text = data[: 10 * 1024 * 1024] if version < (7, 4, 4) else data
    whole = [line.strip() for line in text.decode("utf-8", "replace").splitlines()]
    lines = [line for line in whole if line and not line.startswith("#")]
    kept = lines[: _find_limit(version, model)]
    found = [_parse_range(line) for line in kept]
    good = tuple(each for each in found if each)
    return tuple(kept), good, len(found) - len(good), len(lines) - len(kept)


def _find_limit(version: Version, model: str) -> int:
    """Return the entries that a feed may have. A VM's depend on its memory: as seen with 2 CPUs."""
    if version < (7, 4, 4):
        return 131072
    if version >= (7, 6, 3) and "VM" in model:
        return 168928
    number = int((re.search(r"-(\d+)", model) or [0, 0])[1])
    if version < (7, 6, 3) or number < 100:
        return 300000
    return 1000000 if number < 1000 else 5000000


def _parse_range(line: str) -> Range | None:
    try:
        if "-" in line:
            low, high = (ipaddress.ip_address(part.strip()) for part in line.split("-", 1))
            same = low.version == high.version and int(low) <= int(high)
            return (low.version, int(low), int(high)) if same else None
        if "/" not in line:
            one = ipaddress.ip_address(line)
            return one.version, int(one), int(one)
        net = ipaddress.ip_network(line, strict=False)
    except ValueError:
        return None
    return net.version, int(net.network_address), int(net.broadcast_address)


def _list_names(config: Config) -> Iterable[tuple[str, str]]:
    for scope, blocks in config.scopes.items():
        block = blocks.get("system external-resource")
        for name in block.rows if block else ():
            yield scope, name


def _sources(config: Config, minute: float) -> Iterable[Source]:
    for scope, name in _list_names(config):
        block = config.scopes[scope]["system external-resource"]
        row = block.rows[name]

        def one(attribute: str, row: Entry = row) -> str:
            return " ".join(get_effective(block.table, row, attribute))  # noqa: B023

        pushed = one("update-method") == "push"
        if one("status") == "enable" and one("type") == "address" and not pushed:
            secret = row.texts("password")
            yield Source(
                scope,
                name,
                one("resource"),
                one("username"),
                secret[-1] if secret else "",
                one("user-agent") or "curl/7.58.0",
                cast(Check, one("server-identity-check") or "none"),
                list_authorities(config),
                int(one("refresh-rate")) * minute,
            )


def _download(source: Source, etag: str) -> tuple[int, str, bytes]:
    parts = urlsplit(source.url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"{source.url!r} is no http(s) address")
    connection = _connect(source, parts.hostname, parts.port, parts.scheme == "https")
    headers = {"User-Agent": source.agent, "Accept": "*/*"}
    if source.user:
        pair = f"{source.user}:{source.password}".encode("utf-8", "surrogateescape")
        headers["Authorization"] = "Basic " + base64.b64encode(pair).decode()
    if etag:
        headers["If-None-Match"] = etag
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        body = answer.read()
    finally:
        connection.close()
    return answer.status, answer.getheader("ETag") or "", body


def _connect(
    source: Source, host: str, port: int | None, secure: bool
) -> http.client.HTTPConnection:
    if not secure:
        return http.client.HTTPConnection(host, port, timeout=TIMEOUT)
    context = client(source.trust, source.check)
    return http.client.HTTPSConnection(host, port, timeout=TIMEOUT, context=context)
