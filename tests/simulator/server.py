"""The SSH server of a FortiGate: password login, shell and exec channels, one terminal a session."""

import contextlib
import io
import itertools
import logging
import socket
import threading

import paramiko
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.simulator.channel import Channel, FortiGate
from tests.simulator.login import Login
from tests.simulator.terminal import Dropped

_MODERN = (
    "curve25519-sha256@libssh.org",
    "ecdh-sha2-nistp256",
    "diffie-hellman-group16-sha512",
    "diffie-hellman-group14-sha256",
)
_SHA1 = ("diffie-hellman-group14-sha1", "diffie-hellman-group1-sha1")
# No group exchange: a paramiko server has no moduli and breaks off when a client picks it.
KEX = {"modern": _MODERN, "sha1": _SHA1, "default": _MODERN + _SHA1}
LOG = "fortios-simulator"  # its own, so that clients that vanish leave no noise in paramiko's
logging.getLogger(LOG).addHandler(logging.NullHandler())
logging.getLogger(LOG).propagate = False


def host_key(text: str) -> paramiko.PKey:
    """Read an OpenSSH private key (ed25519), or make one when `text` is empty."""
    if not text:
        text = (
            Ed25519PrivateKey.generate()
            .private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.OpenSSH,
                serialization.NoEncryption(),
            )
            .decode()
        )
    return paramiko.Ed25519Key(file_obj=io.StringIO(text))


class Server:
    """A listener that serves each connection on a thread of its own until `stop`."""

    def __init__(self, fortigate: FortiGate) -> None:
        self._fortigate = fortigate
        self.key = host_key(fortigate.options.host_key)
        self._socket = socket.create_server((fortigate.options.address, fortigate.options.port))
        self.address, self.port = self._socket.getsockname()[:2]
        self._numbers = itertools.count(1)
        self._open: dict[paramiko.Transport, threading.Thread | None] = {}
        self._guard = threading.Lock()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._accept, name="fortios-accept")

    def start(self) -> None:
        """Begin to accept connections."""
        self._thread.start()

    def stop(self) -> None:
        """Close the listener and every connection; returns when their threads are gone."""
        self._stopping.set()
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()
        with self._guard:
            remaining = dict(self._open)
        for transport, thread in remaining.items():
            transport.close()
            if thread:
                thread.join()
            transport.join()

    @property
    def sessions(self) -> int:
        """Count the open connections."""
        with self._guard:
            return len(self._open)

    def _accept(self) -> None:
        while not self._stopping.is_set():
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self._start_transport(connection)

    def _start_transport(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        transport = paramiko.Transport(connection)
        transport.set_log_channel(LOG)
        transport.add_server_key(self.key)
        security = transport.get_security_options()
        wanted = KEX[self._fortigate.options.kex]
        security.kex = [name for name in wanted if name in security.kex]
        thread = threading.Thread(
            target=self._serve, args=(transport,), name="fortios-session", daemon=True
        )
        with self._guard:
            self._open[transport] = thread
        thread.start()

    def _serve(self, transport: paramiko.Transport) -> None:
        try:
            login = Login(self._fortigate.options, self._fortigate.password, self._fortigate.tokens)
            transport.start_server(event=None, server=login)
            while transport.is_active() and not self._stopping.is_set():
                channel = transport.accept(0.2)
                if channel is not None and login.ready.wait(10):
                    login.ready.clear()
                    self._serve_channel(channel, login)
                    return
        except (OSError, EOFError, paramiko.SSHException, Dropped):
            pass
        finally:
            transport.close()
            with self._guard:
                self._open.pop(transport, None)

    def _serve_channel(self, channel: paramiko.Channel, login: Login) -> None:
        line = Channel(self._fortigate, channel, next(self._numbers), login)
        try:
            if login.command is None:
                line.converse()
            else:
                line.obey(login.command)
        finally:
            line.leave()
