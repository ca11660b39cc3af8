"""Send requests of the host to its own receiver, without a proxy; trust only its certificate.

It speaks HTTP/1.0, in which an answer is never cut into chunks, and follows no redirection. To import
Python's http.client takes as long as the rest of a look at the host.
"""

from __future__ import annotations

import contextlib
import io
import re
import socket
import ssl
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

# X509_V_FLAG_PARTIAL_CHAIN: what is trusted need not be a CA. Python names it only from 3.10 on.
PARTIAL_CHAIN = 0x80000
# Bytes of a body to read unless a caller asks for more, and of the lines before it.
LARGEST_BODY = 1_000_000
LARGEST_HEAD = 65_536
_URL = re.compile(r"(https?)://(?:\[([^]]+)\]|([^/:\[\]]+))(?::([0-9]+))?(/[!-~]*)?")
_STATUS = re.compile(rb"HTTP/1\.[01] ([1-9][0-9]{2})(?: |$)")
_LENGTH = re.compile(rb"^content-length:[ \t]*([0-9]{1,12})[ \t\r]*$", re.IGNORECASE | re.MULTILINE)


class Answer(NamedTuple):
    """An HTTP answer; ``status`` is 0 if there was none, and ``body`` is then the reason."""

    status: int
    body: str


def fetch(
    certificate: str,
    url: str,
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
    timeout: float = 10,
    largest: int = LARGEST_BODY,
) -> Answer:
    """Return the answer to a GET of ``url``, or to a POST of ``body``.

    Over HTTPS only the certificate in the file ``certificate`` is trusted. Names are not compared: the
    certificate itself is pinned, and the host may use any of its own addresses. ``timeout``: seconds to
    connect, to send, and to get the whole answer; ``largest``: bytes of its body that are read.
    """
    try:
        scheme, host, port, path = _split(url)
        with contextlib.ExitStack() as stack:
            peer = stack.enter_context(_connect(host, port, timeout))
            if scheme == "https":
                peer = stack.enter_context(_trust(certificate).wrap_socket(peer))
            peer.sendall(_format_request(host, path, headers or {}, body))
            return _read_answer(_Stream(peer, timeout), largest)
    except (OSError, ValueError, OverflowError) as error:
        return Answer(0, str(error))


class _Stream(io.RawIOBase):
    """The bytes that a peer sends within ``patience`` seconds; a hostile one may send byte by byte."""

    def __init__(self, peer: socket.socket, patience: float) -> None:
        self._peer, self._patience = peer, patience
        self._deadline = time.monotonic() + patience

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        """Read what has come. Raises TimeoutError at the deadline."""
        left = self._deadline - time.monotonic()
        try:
            if left > 0:
                self._peer.settimeout(left)
                return self._peer.recv_into(buffer)
        except socket.timeout:  # another class than TimeoutError in Python 3.9
            pass
        raise TimeoutError(f"no whole answer within {self._patience:g} s")


def _connect(host: str, port: int, timeout: float) -> socket.socket:
    """Return a connection to an address of this host.

    socket.create_connection looks names up, and imports tables of foreign letters first.
    """
    peer = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    try:
        peer.settimeout(timeout)
        peer.connect((host, port))
    except BaseException:
        peer.close()
        raise
    return peer


def _split(url: str) -> tuple[str, str, int, str]:
    found = _URL.fullmatch(url)
    if found is None:
        raise ValueError(f"{url!r} is not a URL of this host")
    scheme, port = found[1], found[4] or (443 if found[1] == "https" else 80)
    return scheme, found[2] or found[3], int(port), found[5] or "/"


def _trust(certificate: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_flags |= ssl.VerifyFlags(PARTIAL_CHAIN)
    with contextlib.suppress(OSError):  # there is none yet: nothing is trusted
        context.load_verify_locations(certificate)
    return context


def _format_request(
    host: str,
    path: str,
    headers: Mapping[str, str],
    body: bytes | None,
) -> bytes:
    """Return a request. Raises ValueError if a line end in a header would begin another one."""
    all_of_them = {"Host": f"[{host}]" if ":" in host else host, "Connection": "close", **headers}
    if body is not None:
        all_of_them["Content-Length"] = str(len(body))
    lines = [f"{'GET' if body is None else 'POST'} {path} HTTP/1.0"]
    lines += [f"{name}: {value}" for name, value in all_of_them.items()]
    if any("\r" in line or "\n" in line for line in lines):
        raise ValueError("a header must be one line")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + (body or b"")


def _read_answer(raw: io.RawIOBase, largest: int) -> Answer:
    with io.BufferedReader(raw) as stream:
        head = []
        room = LARGEST_HEAD
        while (line := stream.readline(room)).strip():
            head.append(line)
            room -= len(line)
        found = _STATUS.match(head[0].rstrip()) if head and line else None
        if found is None:
            raise ValueError("what listens there does not speak HTTP")
        length = _LENGTH.search(b"".join(head))
        wanted = min(largest, int(length[1])) if length else largest
        body = stream.read(wanted)
        if length and len(body) < wanted:
            raise ValueError("the answer was cut off")
        return Answer(int(found[1]), body.decode("utf-8", "replace"))
