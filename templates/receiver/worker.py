"""gunicorn's gevent worker, made to stand clients that connect and say little or nothing.

A connection costs a greenlet, so a slow one costs no other anything; what is bounded is how many wait.

Managed by Banstitch: changes made here are overwritten.
"""

import collections
import contextlib
import gc
import time

import gevent
from gevent import socket, ssl
from gunicorn.workers.base_async import AsyncWorker
from gunicorn.workers.ggevent import GeventWorker

from receiver.files import signature

# Connections of one worker that have not said what they want. One more, and the oldest is dropped:
# a FortiGate has said everything within milliseconds, so it is never the oldest.
MOST_WAITING = 512
# Seconds for a request and for the whole exchange; a full feed through a thin line takes a while.
TO_ASK = 10
TO_END = 60
# Bytes that are taken at once, and that are gathered before they go: a record of TLS.
RECORD = 16384


class Encryption:
    """The certificate that counts now, taken over as soon as its file is another one.

    gunicorn's own would shake hands before any time limit and read the file only once.
    """

    def __init__(self, path):
        self.path = path
        self.read, self.context = None, None

    def __call__(self, client):
        now = signature(self.path)
        if self.context is None or now not in (None, self.read):
            self.take(now)
        return Encrypted(client, self.context)

    def take(self, now):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        # as an option: setting the lowest version recurses in the gevent of Debian 11
        context.options |= ssl.OP_NO_TLSv1 | ssl.OP_NO_TLSv1_1
        # each costs a tenth of a handshake, for a session that no other worker could resume
        context.num_tickets = 0
        try:
            context.load_cert_chain(self.path)
        except OSError:
            if self.context is None:
                raise
            return
        self.read, self.context = now, context


class Connection:
    """What gunicorn uses of a socket; what is written is gathered, so that an answer goes as a whole."""

    def __init__(self, client):
        self.client = client
        self.goes = ssl.MemoryBIO()

    def shake(self):
        pass

    def write(self, data):
        self.goes.write(data)

    def recv(self, size):
        self.flush()
        return self.client.recv(size)

    def sendall(self, data):
        for start in range(0, len(data), RECORD):
            self.write(data[start : start + RECORD])
            if self.goes.pending > RECORD:
                self.flush()

    def send(self, data):
        self.sendall(data)
        return len(data)

    def flush(self):
        if self.goes.pending:
            self.client.sendall(self.goes.read())

    def finish(self):
        self.flush()

    def gettimeout(self):
        return 0.0

    def shutdown(self, how):
        self.client.shutdown(how)

    def close(self):
        """Without waiting for anybody: an alert or a refusal goes if it can go now."""
        with contextlib.suppress(OSError):
            if self.goes.pending:
                self.client.settimeout(0)
                self.client.send(self.goes.read())
        self.client.close()


class Encrypted(Connection):
    """The same over TLS, which works in memory here: each flight is one system call."""

    def __init__(self, client, context):
        super().__init__(client)
        self.came = ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.came, self.goes, server_side=True)
        self.write = self.tls.write
        self.shaken = False

    def shake(self):
        self.fed(self.tls.do_handshake)
        self.shaken = True

    def fed(self, step, *arguments):
        """What a step of the protocol gives, once enough has come for it."""
        while True:
            try:
                return step(*arguments)
            except ssl.SSLWantReadError:
                self.wait()

    def wait(self):
        if self.shaken and not self.goes.pending:
            # Nagle's algorithm holds the request back until the end of the handshake is acknowledged
            self.client.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        data = super().recv(RECORD)
        if data:
            self.came.write(data)
        else:
            self.came.write_eof()

    def recv(self, size):
        try:
            return self.fed(self.tls.read, size)
        except (ssl.SSLEOFError, ssl.SSLZeroReturnError):
            return b""

    def finish(self):
        """Say that this was all; the client need not agree."""
        with contextlib.suppress(ssl.SSLError):
            self.tls.unwrap()
        self.flush()


class Worker(GeventWorker):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        # greenlets and when they began, the oldest first: those that have not asked yet, and all
        self.waiting, self.busy = collections.OrderedDict(), collections.OrderedDict()
        from receiver.config import CONFIG

        certificate = CONFIG["certificate"]
        self.connection = Encryption(certificate) if certificate else Connection

    def load_wsgi(self):
        super().load_wsgi()
        gc.freeze()  # what is loaded by now stays; it need not be looked through again and again

    def notify(self):
        """gunicorn calls it each second. A timer for each connection would cost more than this."""
        super().notify()
        for greenlets, limit in ((self.waiting, TO_ASK), (self.busy, TO_END)):
            while greenlets and next(iter(greenlets.values())) < time.monotonic() - limit:
                greenlets.popitem(last=False)[0].kill(block=False)

    def handle(self, listener, client, addr):
        me = gevent.getcurrent()
        self.waiting[me] = self.busy[me] = time.monotonic()
        if len(self.waiting) > MOST_WAITING:
            self.waiting.popitem(last=False)[0].kill(block=False)
        try:
            client.setblocking(True)
            client = self.connection(client)
            client.shake()
            AsyncWorker.handle(self, listener, client, addr)
        except OSError:  # not what we speak
            pass
        finally:
            self.waiting.pop(me, None)
            self.busy.pop(me, None)
            client.close()

    def handle_request(self, listener_name, req, sock, addr):
        """It has said what it wants: from now on only the time for the whole exchange counts."""
        self.waiting.pop(gevent.getcurrent(), None)
        try:
            return super().handle_request(listener_name, req, sock, addr)
        except StopIteration:  # answered
            sock.finish()
            raise
