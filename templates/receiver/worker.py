"""gunicorn's gevent worker, made to stand clients that connect and say little or nothing.

A connection costs a greenlet, so a slow one costs no other anything; what is bounded is how many wait.

Managed by Banstitch: changes made here are overwritten.
"""

import collections

import gevent
from gevent import ssl
from gunicorn.workers.base_async import AsyncWorker
from gunicorn.workers.ggevent import GeventWorker

from receiver.files import signature

# Connections of one worker that have not said what they want. One more, and the oldest is dropped:
# a FortiGate has said everything within milliseconds, so it is never the oldest.
MOST_WAITING = 512
# Seconds for a request and for the whole exchange; a full feed through a thin line takes a while.
TO_ASK = 10
TO_END = 60


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
        return self.context.wrap_socket(client, server_side=True)

    def take(self, now):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        # as an option: setting the lowest version recurses in the gevent of Debian 11
        context.options |= ssl.OP_NO_TLSv1 | ssl.OP_NO_TLSv1_1
        try:
            context.load_cert_chain(self.path)
        except OSError:
            if self.context is None:
                raise
            return
        self.read, self.context = now, context


class Worker(GeventWorker):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.waiting = collections.OrderedDict()
        from receiver.config import CONFIG

        self.encrypt = Encryption(CONFIG["certificate"]) if CONFIG["certificate"] else None

    def handle(self, listener, client, addr):
        me = gevent.getcurrent()
        ask, whole = gevent.Timeout.start_new(TO_ASK), gevent.Timeout.start_new(TO_END)
        self.waiting[me] = ask
        if len(self.waiting) > MOST_WAITING:
            self.waiting.popitem(last=False)[0].kill(block=False)
        try:
            client.setblocking(True)
            if self.encrypt:
                client = self.encrypt(client)
            AsyncWorker.handle(self, listener, client, addr)
        except (gevent.Timeout, OSError):  # too slow, or not what we speak
            pass
        finally:
            self.waiting.pop(me, None)
            ask.close()
            whole.close()

    def handle_request(self, listener_name, req, sock, addr):
        """It has said what it wants: from now on only the time for the whole exchange counts."""
        ask = self.waiting.pop(gevent.getcurrent(), None)
        if ask is not None:
            ask.close()
        return super().handle_request(listener_name, req, sock, addr)
