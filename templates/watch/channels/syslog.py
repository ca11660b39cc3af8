"""Send a digest to a remote syslog server, a line each (RFC 5424), by UDP, TCP or TLS.

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later, standard library only.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from typing import NamedTuple

from banstitch_shared.alarm_notes import CRITICAL, INFO, WARNING

from watch.alarms.digest import Digest
from watch.deadline import SILENCE, Deadline
from watch.outgoing import make_context

# Facility daemon, and the severities of syslog.
_DAEMON = 3
_SEVERITY = {INFO: 6, WARNING: 4, CRITICAL: 2}


class Syslog(NamedTuple):
    """A syslog server. ``transport``: udp, tcp or tls."""

    transport: str
    host: str
    port: int
    ca: str


def write_lines(digest: Digest, host: str) -> Iterator[bytes]:
    """Yield the lines of a digest. Nothing in one can end it: its text has no control character."""
    for message, line in zip(digest.messages, _describe(digest)):
        priority = 8 * _DAEMON + _SEVERITY[INFO if message.is_over else message.severity]
        at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(message.at))
        name = "".join(c for c in host if c.isascii() and c.isprintable() and c != " ")[:255] or "-"
        yield ("<%d>1 %s %s banstitch-watch - alarm - %s" % (priority, at, name, line)).encode()


def _describe(digest: Digest) -> Iterator[str]:
    for each in digest.messages:
        state = "over" if each.is_over else "active"
        line = "site=%s alarm=%s state=%s severity=%s: %s"
        line %= (digest.site, each.key.replace(" ", "_"), state, each.severity, each.text)
        yield "".join(c if c.isprintable() else " " for c in line)


def send_syslog(digest: Digest, syslog: Syslog) -> str:
    """Send a digest, and return what is known about its arrival. Raises OSError, ValueError."""
    lines = list(write_lines(digest, socket.gethostname()))
    with Deadline() as deadline:
        if syslog.transport == "udp":
            _send_datagrams(lines, deadline.look_up(syslog.host)[0], syslog.port)
            return "sent by UDP, which confirms nothing"
        with deadline.connect(syslog.host, syslog.port) as plain:
            # with the length before each line: RFC 6587, RFC 5425
            frames = b"".join(b"%d %s" % (len(line), line) for line in lines)
            if syslog.transport == "tls":
                with make_context(syslog.ca).wrap_socket(
                    plain, server_hostname=syslog.host
                ) as peer:
                    peer.sendall(frames)
            else:
                plain.sendall(frames)
    return "sent to %s:%d" % (syslog.host, syslog.port)


def _send_datagrams(lines: list[bytes], address: str, port: int) -> None:
    with socket.socket(
        socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM
    ) as peer:
        peer.settimeout(SILENCE)
        for line in lines:
            peer.sendto(line[:2000], (address, port))
