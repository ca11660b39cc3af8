"""Test the loop: post a synthetic event, see its address banned and in the feed, and unban it.

It runs on the host in one exec, through the same HTTP interface that the FortiGates use.
"""

from __future__ import annotations

import base64
import json
import math
import time

from provision.linux.agent.fail2ban import client
from provision.linux.agent.host import HostError, tail
from provision.linux.agent.http_client import fetch
from provision.linux.agent.protocol.answers import SelfTested
from provision.linux.agent.protocol.requests import SelfTest
from provision.linux.agent.tokens_file import read_tokens

# Bytes of a feed that are read: the largest that the settings allow has about 115 million.
LARGEST_FEED = 128_000_000
# Seconds to get it.
FEED_TIMEOUT = 60
# The certificate, the URL and the headers.
Feed = tuple[str, str, dict[str, str]]


def run_self_test(request: SelfTest) -> SelfTested:
    """Post ``count`` events of ``line`` to ``url``, wait for ``address`` in ``feed_url``, and unban it.

    :class:`SelfTest` describes the request, and :class:`SelfTested` the answer. At the end, wait for
    the fetches of ``fetchers``.

    Raises:
        HostError: a step did not happen; the message gives the state that was seen instead.
    """
    known = read_tokens(request.tokens) or {}
    if request.token not in known:
        raise HostError(f"{request.tokens} has no secret {request.token}; run apply")
    secret = known[request.token]
    basic = base64.b64encode(f"{request.token}:{secret}".encode()).decode()
    certificate = request.certificate
    feed = (certificate, request.feed_url, {"Authorization": "Basic " + basic})
    unban = ["set", request.jail, "unbanip", request.address]
    steps = []
    try:
        posted = time.time()
        for _ in range(request.count):
            _post(certificate, request.url, {request.header: secret}, request.line)
        steps.append(f"the receiver took {request.count} events for {request.address}")
        _wait(feed, request.address, True, request.patience)
        listed = time.time()
        steps.append(f"{request.address} is banned and in the feed")
    except HostError as error:  # the first reason is the one to print
        why = _list_reasons(certificate, request.health_url)
        client(unban)
        raise HostError("\n".join([str(error), *why])) from None
    done = client(unban)
    if done.status:
        raise HostError(f"fail2ban does not unban {request.address}:\n{tail(done.output)}")
    _wait(feed, request.address, False, request.patience)
    steps.append(f"{request.address} was unbanned and has left the feed")
    polls = _wait_for_fetches(certificate, request, listed)
    _, body = fetch(certificate, request.health_url)
    unreadable = {name: int(n) for name, n in _read_numbers(body, "unreadable").items()}
    fetched = {name: max(at - posted, 0.0) for name, at in polls.items()}
    return SelfTested(steps, unreadable, _read_numbers(body, "fetch_delays"), fetched)


def _wait_for_fetches(certificate: str, request: SelfTest, listed: float) -> dict[str, float]:
    """Return when each of ``fetchers`` first fetched the feed after ``listed``, by the receiver's word."""
    deadline = time.monotonic() + request.wait
    polls: dict[str, float] = {}
    while len(polls) < len(request.fetchers):
        _, body = fetch(certificate, request.health_url)
        for name, at in _read_numbers(body, "last_polls").items():
            if name in request.fetchers and at >= listed:
                polls.setdefault(name, at)
        if time.monotonic() > deadline:
            break
        time.sleep(0.2)
    return polls


def _read_numbers(body: str, key: str) -> dict[str, float]:
    """Return what the receiver reports about each FortiGate; nothing where it does not."""
    try:
        found = {str(name): float(number) for name, number in json.loads(body)[key].items()}
        return {name: number for name, number in found.items() if math.isfinite(number)}
    except (ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError):
        return {}


def _list_reasons(certificate: str, url: str) -> list[str]:
    """Return the problems that the receiver reports, such as a full feed, one on each line."""
    _, body = fetch(certificate, url)
    try:
        found = json.loads(body)
        reasons = [*found["reasons"], *found["degraded"]]
    except (ValueError, LookupError, TypeError, RecursionError):
        return []
    return [f"the receiver reports: {str(each)[:300]}" for each in reasons[:5]]


def _post(certificate: str, url: str, headers: dict[str, str], line: str) -> None:
    status, body = fetch(certificate, url, headers, line.encode())
    if status != 200:
        raise HostError(f"the receiver answered an event with {status}: {body.strip()[:300]}")
    try:
        taken = json.loads(body)["status"] == "success"
    except (ValueError, LookupError, TypeError):  # another program listens there
        taken = False
    if not taken:
        raise HostError(f"the receiver did not take the event: {body.strip()[:300]}")


def _wait(feed: Feed, address: str, there: bool, patience: float) -> None:
    deadline = time.monotonic() + patience
    while True:
        status, body = fetch(*feed, timeout=FEED_TIMEOUT, largest=LARGEST_FEED)
        listed: list[str] = body.split()
        if status == 200 and (address in listed) == there:
            return
        if time.monotonic() > deadline:
            raise HostError(
                f"{address} is {'not in' if there else 'still in'} the feed after {patience} s"
                f" (the feed answers {status or body})"
            )
        time.sleep(0.1)
