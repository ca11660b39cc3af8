"""Serve peers by https: GET /share/GROUP, with a certificate of the group only.

A peer names its group as the server that it asks for (SNI), so that it is served with that group's
certificate, and its own is checked with that group's CA. TLS 1.3 without tickets resumes no session, so a
certificate is asked for each time.

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later, standard library only.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import socketserver
import ssl
import threading
import time
from collections.abc import Iterable, Mapping
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

from banstitch_shared.addresses import parse_peer
from banstitch_shared.shared_bans import PATH, find_group, read_site

from share.offers import Offers, Served

log = logging.getLogger("banstitch-share")

# Connections at once, of known addresses and of all others, and of one known address; seconds without a byte,
# and of one connection.
MOST_AT_ONCE, MOST_OF_ONE = 64, 8
SILENCE, PATIENCE = 5.0, 30.0


class Context(ssl.SSLContext):
    """The TLS context for peers of one group; ``group`` is empty before the peer named one."""

    group = ""


class Room:
    """Room for so many connections at once, perhaps within a larger room."""

    def __init__(self, most: int, within: Room | None = None) -> None:
        self._free = threading.BoundedSemaphore(most)
        self._within = within

    def enter(self) -> bool:
        """Return whether there was room, which is then taken."""
        if not self._free.acquire(blocking=False):
            return False
        if self._within and not self._within.enter():
            self._free.release()
            return False
        return True

    def leave(self) -> None:
        """Give the room back."""
        self._free.release()
        if self._within:
            self._within.leave()


class Server(socketserver.ThreadingMixIn, HTTPServer):
    """The server on a socket that listens. ``groups``: {name: certificate, ca, sites}.

    ``known``: addresses of peers. Strangers cannot take their room, nor can one of them take that of all.
    """

    daemon_threads = True
    block_on_close = False

    def __init__(
        self,
        listener: socket.socket,
        groups: Mapping[str, Mapping[str, Any]],
        offers: Offers,
        known: Iterable[str] = (),
    ) -> None:
        super().__init__(listener.getsockname()[:2], Handler, bind_and_activate=False)
        self.socket.close()
        self.socket = listener
        self.offers = offers
        self.sites = {name: frozenset(group["sites"]) for name, group in groups.items()}
        self._contexts = {name: make_context(name, group) for name, group in groups.items()}
        self._front = make_context("")
        self._front.sni_callback = self._choose
        self._strangers = Room(MOST_AT_ONCE)
        peers = Room(MOST_AT_ONCE)
        self._rooms = {address: Room(MOST_OF_ONE, peers) for address in known}

    def _find_room(self, client_address: Any) -> Room:
        return self._rooms.get(str(parse_peer(client_address[0])), self._strangers)

    def _choose(self, connection: Any, name: str | None, _: object) -> int | None:
        context = self._contexts.get(find_group(name))
        if context is None:
            return int(ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME)
        connection.context = context
        return None

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve a connection in a thread, or end it if there are too many."""
        if not self._find_room(client_address).enter():
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Shake hands and answer, within the time limits."""
        timer = threading.Timer(PATIENCE, cut, (request,))
        timer.daemon = True
        timer.start()
        try:
            request.settimeout(SILENCE)
            with self._front.wrap_socket(
                request.dup(), server_side=True, do_handshake_on_connect=False
            ) as connection:
                connection.settimeout(SILENCE)
                connection.do_handshake()
                self.finish_request(connection, client_address)
        except (OSError, ValueError) as error:
            log.debug("a peer was turned away: %s", error)
        finally:
            timer.cancel()
            self.shutdown_request(request)
            self._find_room(client_address).leave()


def cut(connection: socket.socket) -> None:
    """End a connection for both sides, whatever is being read."""
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


def make_context(name: str, group: Mapping[str, Any] | None = None) -> Context:
    """Return a context that asks each client for a certificate of a group.

    Raises:
        OSError: the files of the group cannot be used.
    """
    context = Context(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.num_tickets = 0
    context.verify_mode = ssl.CERT_REQUIRED
    context.group = name
    if group:
        context.load_cert_chain(group["certificate"])
        context.load_verify_locations(group["ca"])
    return context


class Handler(BaseHTTPRequestHandler):
    """Answer one request."""

    server: Server
    server_version, sys_version = "banstitch-share", ""

    def do_GET(self) -> None:
        """Answer with the list, if a site of the group asks for that of its own group."""
        group = getattr(self.connection.context, "group", "")
        site = read_site(group, self.connection.getpeercert())
        if not site or site not in self.server.sites.get(group, ()):
            self._answer(403)
        elif self.path != PATH + group:
            self._answer(404)
        else:
            self._offer()

    def _offer(self) -> None:
        try:
            served = self.server.offers.serve(time.time())
        except (OSError, ValueError) as error:
            log.error("the bans are not known: %s", error)
            self._answer(503)
            return
        is_known = self.headers.get("If-None-Match") == served.tag
        self._answer(304 if is_known else 200, None if is_known else served, served.tag)

    def _answer(self, status: int, served: Served | None = None, tag: str = "") -> None:
        body = served.body if served else b""
        self.send_response(status)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body)))
        if tag:
            self.send_header("ETag", tag)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Log nothing: peers ask every few seconds."""
