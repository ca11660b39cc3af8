"""Fetch a list by http or https: bounded in time, size and redirects.

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later, standard library only.
"""

from __future__ import annotations

import contextlib
import http.client
import ipaddress
from typing import NamedTuple
from urllib.parse import SplitResult, urljoin, urlsplit

from watch.deadline import Deadline
from watch.outgoing import Way, connect

# Bytes of a list, redirects to it, characters of an ETag.
LARGEST = 1 << 20
REDIRECTS = 3
LONGEST_TAG = 200
_MOVED = (301, 302, 303, 307, 308)
_NOT_MODIFIED = 304


class Page(NamedTuple):
    """A list, and its ETag, or an empty string."""

    text: str
    tag: str


class _Reply(NamedTuple):
    """An answer. ``peer``: the address that gave it."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes
    peer: str


def download(url: str, tag: str) -> Page | None:
    """Return the list at a URL; None if it still has the ETag ``tag``.

    Raises:
        OSError, ValueError, http.client.HTTPException: it cannot be fetched.
    """
    with Deadline() as deadline:
        return _follow_all(url, tag, deadline)


def _follow_all(url: str, tag: str, deadline: Deadline) -> Page | None:
    first = ""
    for _ in range(REDIRECTS + 1):
        reply = _get(urlsplit(url), tag, first, deadline)
        first = first or reply.peer
        if reply.status in _MOVED:
            url = follow(url, reply.headers.get("Location") or "")
            continue
        if reply.status == _NOT_MODIFIED and tag:
            return None
        if reply.status != 200:
            raise ValueError("the server answers %d" % reply.status)
        new = reply.headers.get("ETag") or ""
        usable = len(new) <= LONGEST_TAG and new.isascii() and new.isprintable()
        return Page(reply.body.decode("utf-8-sig"), new if usable else "")
    raise ValueError("the server redirects more than %d times" % REDIRECTS)


def follow(url: str, location: str) -> str:
    """Return where a redirect leads.

    Raises:
        ValueError: it leads nowhere, or away from https.
    """
    target = urljoin(url, location)
    scheme = urlsplit(target).scheme
    if not location or scheme not in ("http", "https"):
        raise ValueError("the server redirects to %r" % location[:100])
    if urlsplit(url).scheme == "https" and scheme != "https":
        raise ValueError("the server redirects from https to http")
    return target


def check_peer(peer: str, first: str) -> None:
    """Refuse a server of the internet that redirects into a private network. Raises ValueError."""
    if first and ipaddress.ip_address(first).is_global and not ipaddress.ip_address(peer).is_global:
        raise ValueError("the server redirects to %s, which is not public" % peer)


def _get(url: SplitResult, tag: str, first: str, deadline: Deadline) -> _Reply:
    if not url.hostname or url.username is not None:
        raise ValueError("%r is not the address of a list" % url.geturl()[:100])
    with contextlib.closing(connect(url, Way(), deadline)) as connection:
        peer = connection.sock.getpeername()[0].partition("%")[0]
        check_peer(peer, first)
        headers = {"User-Agent": "banstitch-watch", "Accept": "text/plain, */*"}
        if tag:
            headers["If-None-Match"] = tag
        path = url.path or "/"
        connection.request("GET", path + ("?" + url.query if url.query else ""), headers=headers)
        return _read(connection.getresponse(), peer)


def _read(response: http.client.HTTPResponse, peer: str) -> _Reply:
    body = response.read(LARGEST + 1) if response.status == 200 else b""
    if len(body) > LARGEST:
        raise ValueError("the list is larger than %d bytes" % LARGEST)
    if response.status == 200 and response.length:
        raise ValueError("the list ends too early")
    return _Reply(response.status, response.headers, body, peer)
