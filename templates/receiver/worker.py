"""gunicorn's gevent worker, made to stand clients that connect and say little or nothing.

A connection costs a greenlet, so a slow one costs no other anything; what is bounded is how many wait.

Managed by Banstitch: changes made here are overwritten.
"""

import collections

import gevent
from gunicorn.workers.base_async import AsyncWorker
from gunicorn.workers.ggevent import GeventWorker

# Connections of one worker that have not said what they want. One more, and the oldest is dropped:
# a FortiGate has said everything within milliseconds, so it is never the oldest.
MOST_WAITING = 512
# Seconds for a request and for the whole exchange; a full feed through a thin line takes a while.
TO_ASK = 10
TO_END = 60


class Worker(GeventWorker):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.waiting = collections.OrderedDict()

    def handle(self, listener, client, addr):
        me = gevent.getcurrent()
        ask, whole = gevent.Timeout.start_new(TO_ASK), gevent.Timeout.start_new(TO_END)
        self.waiting[me] = ask
        if len(self.waiting) > MOST_WAITING:
            self.waiting.popitem(last=False)[0].kill(block=False)
        try:
            client.setblocking(True)
            AsyncWorker.handle(self, listener, client, addr)
        except gevent.Timeout:
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
