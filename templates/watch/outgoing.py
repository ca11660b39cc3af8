"""Send one http request to a URL of the operator, and read a bounded answer.

TLS is always checked. No redirect is followed: it would carry a secret to somebody else. Private addresses
are allowed, because the URL comes from the inventory and from nobody else.

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later, standard library only.
"""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

from watch.deadline import Deadline

# Bytes of an answer that are read, and characters of it that are shown.
_LARGEST, _SHOWN = 4096, 100


class Way(NamedTuple):
    """The way out: a file of further CAs, and a proxy as HOST:PORT; empty for none."""

    ca: str = ""
    proxy: str = ""


class Outgoing(NamedTuple):
    """A request."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes = b""


class Refused(Exception):
    """The server was reached and did not accept the request; ``status`` is its answer.

    ``wait``: the seconds after which it may be asked again, if it names them, or 0.
    """

    def __init__(self, status: int, what: str, wait: float = 0.0) -> None:
        super().__init__(what)
        self.status = status
        self.wait = wait


def make_context(ca: str = "") -> ssl.SSLContext:
    """Return a context that trusts the CAs of the host, and those in the file ``ca``."""
    context = ssl.create_default_context()
    if ca:
        context.load_verify_locations(ca)
    return context


def send(request: Outgoing, way: Way) -> str:
    """Send a request, and return the answer in a few words.

    Raises:
        Refused: the answer is none of success.
        OSError, ValueError, http.client.HTTPException: there is no answer.
    """
    url = urlsplit(request.url)
    path = (url.path or "/") + ("?" + url.query if url.query else "")
    headers = {"User-Agent": "banstitch-watch", **request.headers}
    with Deadline() as deadline, contextlib.closing(connect(url, way, deadline)) as connection:
        connection.request(request.method, path, body=request.body or None, headers=headers)
        response = connection.getresponse()
        text = response.read(_LARGEST).decode("utf-8", "replace")
    shown = "".join(c if c.isprintable() else " " for c in text)[:_SHOWN].strip()
    answer = "%d %s" % (response.status, shown)
    if 300 <= response.status < 400:
        raise Refused(response.status, "%d, a redirect, is not followed" % response.status)
    if not 200 <= response.status < 300:
        wait = _read_wait(response.headers.get("Retry-After") or "")
        raise Refused(response.status, "the server answers " + answer.strip(), wait)
    return answer.strip()


def _read_wait(text: str) -> float:
    """Return the seconds of a header Retry-After; 0 for a date or anything else."""
    return float(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0.0


def connect(url: SplitResult, way: Way, deadline: Deadline) -> http.client.HTTPConnection:
    """Return a connection to the server of a URL. Raises OSError, ValueError, http.client.HTTPException."""
    if not url.hostname or url.scheme not in ("http", "https"):
        raise ValueError("it is not an http or https address")
    if url.scheme == "http":
        connection = http.client.HTTPConnection(url.hostname, url.port or 80)
        connection.sock = deadline.connect(url.hostname, connection.port)
        return connection
    context = make_context(way.ca)
    connection = http.client.HTTPSConnection(url.hostname, url.port or 443, context=context)
    if way.proxy:
        host, _, port = way.proxy.rpartition(":")
        plain = deadline.connect(host.strip("[]"), int(port))
        _open_tunnel(plain, url.hostname, connection.port)
    else:
        plain = deadline.connect(url.hostname, connection.port)
    connection.sock = context.wrap_socket(plain, server_hostname=url.hostname)
    return connection


def _open_tunnel(proxy: socket.socket, host: str, port: int) -> None:
    target = ("[%s]:%d" if ":" in host else "%s:%d") % (host, port)
    proxy.sendall(("CONNECT %s HTTP/1.1\r\nHost: %s\r\n\r\n" % (target, target)).encode("ascii"))
    with http.client.HTTPResponse(proxy, method="CONNECT") as response:
        response.begin()
    if response.status != 200:
        raise OSError("the proxy answers %d" % response.status)


def describe(error: Exception) -> str:
    """Return an error in a few words, without the URL, which may be a secret."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return "its certificate is not valid: " + error.verify_message
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__
