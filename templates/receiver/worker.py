"""gunicorn's gevent worker, hardened against clients that connect and send little or nothing.

A connection costs a greenlet, so a slow one does not delay others. The number of waiting ones is limited.

Managed by Banstitch: changes made here are overwritten.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
from collections import OrderedDict
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import gevent
from banstitch_shared.addresses import parse_peer
from banstitch_shared.signatures import Signature, read_signature
from gevent import ssl
from gunicorn.workers.base_async import AsyncWorker
from gunicorn.workers.ggevent import GeventWorker

from receiver.access import Peers
from receiver.facts import keep_facts
from receiver.names import keep_up_to_date

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

# Host and port, and for IPv6 two more numbers.
SocketAddress = tuple[Any, ...]

# Connections of one worker that have not sent their request. One more, and the oldest is dropped, if
# possible one from an address that may not post: a FortiGate far away is slow.
MOST_WAITING = 512
# Seconds for a request, and for the whole exchange: a full feed over a slow line takes a while.
TO_ASK = 10
TO_END = 60
# Bytes that are read after the head of a request: the largest body many times over. gunicorn sets no limit to
# the length of a chunk or of a line before one, and while bytes arrive no other connection gets its turn.
MOST_BYTES = 1 << 20


def block_sigterm() -> None:
    """Keep SIGTERM waiting in this thread."""
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])


def unblock_sigterm() -> None:
    """Let SIGTERM arrive, also one that waits."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])


# A worker that gets SIGTERM before its handler is installed (a restart right after a start) would go on
# until it is killed while it answers.
os.register_at_fork(before=block_sigterm, after_in_parent=unblock_sigterm)


class Encryption:
    """The current certificate, loaded again as soon as its file is replaced.

    gunicorn's own encryption shakes hands before any time limit, and reads the file only once.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.read: Signature | None = None
        self.context: ssl.SSLContext | None = None
        # signatures of the file that the journal has been warned of
        self.warned: list[Signature | None] = []

    def wrap(self, client: socket.socket) -> ssl.SSLSocket:
        """Return the encrypted connection of a client; its handshake has not begun."""
        self.refresh()
        assert self.context is not None
        return self.context.wrap_socket(client, server_side=True, do_handshake_on_connect=False)

    def refresh(self) -> None:
        """Load the certificate if its file was replaced. Raises OSError if there was none before."""
        current = read_signature(self.path)
        if self.context is None or current not in (None, self.read):
            self._load(current)

    def _load(self, current: Signature | None) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        # as an option: setting the minimum version recurses in the gevent of Debian 11
        context.options |= ssl.OP_NO_TLSv1 | ssl.OP_NO_TLSv1_1
        # a ticket is work for both sides at each event, and only the worker that gave it could use it
        context.num_tickets = 0
        try:
            context.load_cert_chain(self.path)
        except OSError as error:
            if current not in self.warned:
                warn = logging.getLogger("banstitch").warning
                warn("cannot use the certificate in %s: %s", self.path, error)
            self.warned = [current]
            if self.context is None:
                raise
            return
        self.read, self.context = current, context


class Listener:
    """The parts of a listening socket that gunicorn uses for each client, even after a stop closed it.

    Otherwise a client that was accepted before, and has not sent its request yet, gets no answer.
    """

    def __init__(self, name: SocketAddress) -> None:
        self.name = name

    def getsockname(self) -> SocketAddress:
        """Return the address at which the socket listened."""
        return self.name


Waiting = OrderedDict[Any, Any]  # greenlet: its timeout


class Worker(GeventWorker):  # type: ignore[misc] # gunicorn has no types
    """One process of the receiver."""

    wsgi: Any

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.strangers: Waiting = OrderedDict()
        self.expected: Waiting = OrderedDict()
        self.peers: Peers | None = None
        from receiver.config import CONFIG

        self.encrypt = Encryption(CONFIG["certificate"]) if CONFIG["certificate"] else None

    def init_signals(self) -> None:
        """Install the handlers, and let a waiting SIGTERM arrive."""
        super().init_signals()
        unblock_sigterm()

    def load_wsgi(self) -> None:
        """Load the application, and begin its other work."""
        super().load_wsgi()
        state = self.wsgi.banstitch
        self.peers = state.peers
        self.begin_work(state)
        self.wsgi = send_full_packets(self.wsgi)
        self.listeners = {listener: Listener(listener.getsockname()) for listener in self.sockets}
        if self.encrypt:
            # if the worker waited for its first client, a file damaged before would leave it without one
            with contextlib.suppress(OSError):
                self.encrypt.refresh()

    def begin_work(self, state: Any) -> None:
        """Start to resolve names and to write facts."""
        for name in state.names.names:
            gevent.spawn(keep_up_to_date, state.names, name, limit_time, gevent.sleep)
        gevent.spawn(keep_facts, state, gevent.sleep)

    def handle(self, listener: Any, client: Any, addr: SocketAddress) -> None:
        """Serve one connection, within the time limits."""
        me = gevent.getcurrent()
        ask, whole = gevent.Timeout.start_new(TO_ASK), gevent.Timeout.start_new(TO_END)
        try:
            self.wait(me, ask, addr)
            client.setblocking(True)
            if self.encrypt:
                client = self.encrypt.wrap(client)
                client.do_handshake()
                # TLS 1.3 without tickets answers nothing here: a client that gathers small packets
                # (Nagle) would wait 40 ms until the end of its handshake is acknowledged
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
            AsyncWorker.handle(self, self.listeners[listener], client, addr)
        except (gevent.Timeout, OSError):  # too slow, or not our protocol
            pass
        finally:
            self.strangers.pop(me, None)
            self.expected.pop(me, None)
            ask.close()
            whole.close()
            client.close()

    def wait(self, me: Any, ask: Any, addr: SocketAddress) -> None:
        """Register this connection as waiting for its request; drop the oldest if there are too many."""
        assert self.peers is not None
        expected = self.peers.is_expected(parse_peer(addr[0]))
        waiting = self.expected if expected else self.strangers
        waiting[me] = ask
        if len(self.strangers) + len(self.expected) > MOST_WAITING:
            (self.strangers or self.expected).popitem(last=False)[0].kill(block=False)

    def handle_request(
        self, listener_name: Any, req: Any, sock: Any, addr: SocketAddress
    ) -> object:
        """Answer a request that has arrived: from now on only the limit of the whole exchange applies."""
        me = gevent.getcurrent()
        ask = self.strangers.pop(me, None) or self.expected.pop(me, None)
        if ask is not None:
            ask.close()
        # gunicorn trusts a header of this name, and fails with a traceback at an invented one
        req.headers[:] = [header for header in req.headers if header[0] != "SCRIPT_NAME"]
        limit_bytes(req.unreader, MOST_BYTES)
        try:
            return super().handle_request(listener_name, req, sock, addr)
        except StopIteration:  # answered
            if self.encrypt:
                send_close_notify(sock)
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 0)
            raise


def limit_bytes(unreader: Any, most: int) -> None:
    """Let a request have ``most`` more bytes; after them it ends, as if its client had gone."""
    receive, left = unreader.chunk, most

    def receive_some() -> bytes:
        nonlocal left
        data: bytes = receive()
        left -= len(data)
        return data if left >= 0 else b""

    unreader.chunk = receive_some


def limit_time(seconds: float) -> Any:
    """Return a context manager that ends its block after a time. gevent resolves names in a thread."""
    return gevent.Timeout(seconds, False)


def send_full_packets(application: WSGIApplication) -> WSGIApplication:
    """Send head, body and end of an answer together, which gunicorn and TLS write one by one.

    This begins with the answer, because before it a client may have to be told to continue.
    """

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        def start(*head: Any) -> Any:
            environ["gunicorn.socket"].setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
            return start_response(*head)

        return application(environ, start)

    return answer


def send_close_notify(sock: Any) -> None:
    """Send close_notify, so that the client can tell a complete answer from a truncated one.

    Do not wait for the client's.
    """
    sock.settimeout(0)
    with contextlib.suppress(OSError, ValueError):
        sock.unwrap()
