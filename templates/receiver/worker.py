"""gunicorn's gevent worker, made to stand clients that connect and say little or nothing.

A connection costs a greenlet, so a slow one costs no other anything; what is bounded is how many wait.

Managed by Banstitch: changes made here are overwritten.
"""

import collections
import contextlib
import logging
import os
import signal
import socket

import gevent
from gevent import ssl
from gunicorn.workers.base_async import AsyncWorker
from gunicorn.workers.ggevent import GeventWorker

from receiver.files import signature
from receiver.names import keep_up_to_date, peer_address

# Connections of one worker that have not said what they want. One more, and the oldest is dropped, one
# from an address that may not post if there is any: a FortiGate far away is slow to say it.
MOST_WAITING = 512
# Seconds for a request and for the whole exchange; a full feed through a thin line takes a while.
TO_ASK = 10
TO_END = 60


def hold_back_the_end():
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])


def hear_of_the_end():
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])


# A worker that is told to end before it listens for that (a restart right after a start) would go on
# until it is killed among its answers.
os.register_at_fork(before=hold_back_the_end, after_in_parent=hear_of_the_end)


class Encryption:
    """The certificate that counts now, taken over as soon as its file is another one.

    gunicorn's own would shake hands before any time limit and read the file only once.
    """

    def __init__(self, path):
        self.path = path
        self.read, self.context = None, None
        # the file that the journal has been told of
        self.told = ()

    def __call__(self, client):
        self.refresh()
        return self.context.wrap_socket(client, server_side=True, do_handshake_on_connect=False)

    def refresh(self):
        now = signature(self.path)
        if self.context is None or now not in (None, self.read):
            self.take(now)

    def take(self, now):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        # as an option: setting the lowest version recurses in the gevent of Debian 11
        context.options |= ssl.OP_NO_TLSv1 | ssl.OP_NO_TLSv1_1
        # a ticket is work for both sides at each event, and only the worker that gave it could use it
        context.num_tickets = 0
        try:
            context.load_cert_chain(self.path)
        except OSError as error:
            if self.told != now:
                say = logging.getLogger("banstitch").warning
                say("cannot use the certificate in %s: %s", self.path, error)
            self.told = now
            if self.context is None:
                raise
            return
        self.read, self.context = now, context


class Listener:
    """The parts of a listening socket that gunicorn uses for each client, even after a stop closed it.

    Otherwise a client that was accepted before and has not said its request yet gets no answer.
    """

    def __init__(self, name):
        self.name = name

    def getsockname(self):
        return self.name


class Worker(GeventWorker):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.strangers, self.expected = collections.OrderedDict(), collections.OrderedDict()
        self.peers = None
        from receiver.config import CONFIG

        self.encrypt = Encryption(CONFIG["certificate"]) if CONFIG["certificate"] else None

    def init_signals(self):
        super().init_signals()
        hear_of_the_end()

    def load_wsgi(self):
        super().load_wsgi()
        state = self.wsgi.banstitch
        self.peers = state.peers
        for name in state.names.names:
            gevent.spawn(keep_up_to_date, state.names, name, end_silently, gevent.sleep)
        self.wsgi = in_full_packets(self.wsgi)
        self.listeners = {each: Listener(each.getsockname()) for each in self.sockets}
        if self.encrypt:
            # a worker that waited for its first client would have none if the file was damaged before
            with contextlib.suppress(OSError):
                self.encrypt.refresh()

    def handle(self, listener, client, addr):
        me = gevent.getcurrent()
        ask, whole = gevent.Timeout.start_new(TO_ASK), gevent.Timeout.start_new(TO_END)
        try:
            self.wait(me, ask, addr)
            client.setblocking(True)
            if self.encrypt:
                client = self.encrypt(client)
                client.do_handshake()
                # TLS 1.3 without tickets answers nothing here: a client that gathers small packets
                # (Nagle) would wait 40 ms until the end of its handshake is acknowledged
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
            AsyncWorker.handle(self, self.listeners[listener], client, addr)
        except (gevent.Timeout, OSError):  # too slow, or not what we speak
            pass
        finally:
            self.strangers.pop(me, None)
            self.expected.pop(me, None)
            ask.close()
            whole.close()
            client.close()

    def wait(self, me, ask, addr):
        """Be one of those of whom it is not known what they want, and drop one if they are too many."""
        expected = self.peers.is_expected(peer_address(addr[0]))
        waiting = self.expected if expected else self.strangers
        waiting[me] = ask
        if len(self.strangers) + len(self.expected) > MOST_WAITING:
            (self.strangers or self.expected).popitem(last=False)[0].kill(block=False)

    def handle_request(self, listener_name, req, sock, addr):
        """It has said what it wants: from now on only the time for the whole exchange counts."""
        me = gevent.getcurrent()
        ask = self.strangers.pop(me, None) or self.expected.pop(me, None)
        if ask is not None:
            ask.close()
        # gunicorn believes a header of this name, and fails with a traceback at one that is made up
        req.headers[:] = [header for header in req.headers if header[0] != "SCRIPT_NAME"]
        try:
            return super().handle_request(listener_name, req, sock, addr)
        except StopIteration:  # answered
            if self.encrypt:
                say_the_end(sock)
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 0)
            raise


def end_silently(seconds):
    """End what takes longer; gevent looks names up in a thread, so that a look-up can be left alone."""
    return gevent.Timeout(seconds, False)


def in_full_packets(application):
    """Head, body and end of an answer, which gunicorn and TLS write one by one, travel together.

    From the beginning of the answer, for before it a client may have to be told to go on.
    """

    def answer(environ, start_response):
        def start(*head):
            environ["gunicorn.socket"].setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
            return start_response(*head)

        return application(environ, start)

    return answer


def say_the_end(sock):
    """Without it a client cannot tell the end of an answer from one that was cut; nobody waits for its."""
    sock.settimeout(0)
    with contextlib.suppress(OSError, ValueError):
        sock.unwrap()
