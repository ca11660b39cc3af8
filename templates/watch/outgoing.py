"""Send one http request to a URL of the operator, and read a bounded answer.

TLS is always checked. No redirect is followed: it would carry a secret to somebody else. Private addresses
are allowed, because the URL comes from the inventory and from nobody else.

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later, standard library only.
"""

from __future__ import annotations

import contextlib
import http.client
import ssl
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

from watch.deadline import Deadline

# Seconds without a byte, and seconds of one request.
SILENCE, PATIENCE = 10.0, 30.0
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
    connection = _open(request.url, way)
    with contextlib.closing(connection), Deadline(connection, PATIENCE) as deadline:
        connection.connect()
        deadline.socket = connection.sock
        headers = {"User-Agent": "banstitch-watch", **request.headers}
        connection.request(request.method, path, body=request.body or None, headers=headers)
        response = connection.getresponse()
        text = response.read(_LARGEST).decode("utf-8", "replace")
    if deadline.is_over:
        raise ValueError("the server takes longer than %d seconds" % PATIENCE)
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


def _open(text: str, way: Way) -> http.client.HTTPConnection:
    url = urlsplit(text)
    if not url.hostname or url.scheme not in ("http", "https"):
        raise ValueError("it is no http or https address")
    host, _, port = way.proxy.rpartition(":")
    target = (host.strip("[]"), int(port)) if way.proxy else (url.hostname, url.port)
    if url.scheme == "http":
        return http.client.HTTPConnection(url.hostname, url.port, timeout=SILENCE)
    connection = http.client.HTTPSConnection(*target, timeout=SILENCE, context=make_context(way.ca))
    if way.proxy:
        connection.set_tunnel(url.hostname, url.port or 443)
    return connection


def describe(error: Exception) -> str:
    """Return an error in a few words, without the URL, which may be a secret."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return "its certificate is not valid: " + error.verify_message
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__
