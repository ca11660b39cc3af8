"""Ask the fail2ban server of this host."""

from __future__ import annotations

import glob
import io
import os
import pickle
import re
import socket
import time
from collections.abc import Iterable, Sequence
from typing import Any

from provision.linux.agent.host import PROGRAM_TIMEOUT, HostError, Ran, run
from provision.linux.agent.ini import read_options
from provision.linux.agent.protocol.state import JailState

CONFIGURATION = "/etc/fail2ban"
FAIL2BAN_SOCKET = "/var/run/fail2ban/fail2ban.sock"
# Seconds for one answer, and for a place in the server's queue.
PATIENCE = 10
PAUSE = 0.05
TRIES = 5
# What fail2ban-client prints if it could not connect, whatever the reason.
UNREACHED = re.compile(
    "Is fail2ban running|Unable to contact server|Resource temporarily unavailable"
)
_END = b"<F2B_END_COMMAND>"
# The thresholds of a jail, and fail2ban's names for them.
THRESHOLDS = {"max_retry": "maxretry", "find_time": "findtime", "ban_time": "bantime"}


class _Plain(pickle.Unpickler):
    """An unpickler of fail2ban's answers that accepts plain values only."""

    def find_class(self, module: str, name: str) -> Any:
        raise pickle.UnpicklingError(f"fail2ban answered with a {module}.{name}")


class Busy(HostError):
    """The server runs, but has not taken a question for :data:`PATIENCE` seconds."""


class Server:
    """A connection to the fail2ban server, which costs a tenth of what its client costs.

    The protocol is fail2ban's own (client/csocket.py): a pickled list and an end marker, both ways.
    """

    def __init__(self) -> None:
        self._connection: socket.socket | None = None

    def __enter__(self) -> Server:
        """Connect, if the server runs.

        Raises:
            Busy: it cannot be asked, since others ask it all the time: its queue has room for one.
        """
        deadline = time.monotonic() + PATIENCE
        path = socket_path()
        while True:
            try:
                self._connection = _connect(path)
                return self
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise Busy(
                        f"fail2ban has been too busy to answer for {PATIENCE} s: another program keeps"
                        f" it busy; find it with `ss -xp | grep {path}`, end it, then run again"
                    ) from None
                time.sleep(PAUSE)

    def __exit__(self, *_: object) -> None:
        if self._connection is not None:
            self._connection.close()

    def ask(self, *command: str) -> Any:
        """Return an answer; None when the server does not run, hangs or refuses the command.

        A server that hangs is not asked again.
        """
        if self._connection is None:
            return None
        try:
            self._connection.sendall(pickle.dumps(list(command), 2) + _END)
            status, value = _Plain(io.BytesIO(self._receive(self._connection))).load()
        except (OSError, EOFError, pickle.UnpicklingError, ValueError, TypeError):
            self._connection.close()
            self._connection = None
            return None
        return value if status == 0 else None

    def _receive(self, connection: socket.socket) -> bytes:
        raw = b""
        while not raw.endswith(_END):
            chunk = connection.recv(65536)
            if not chunk:
                raise EOFError("the server closed the connection")
            raw += chunk
        return raw[: -len(_END)]


def _connect(path: str) -> socket.socket | None:
    """Return a connection; None if the server does not run. Raises BlockingIOError if its queue is full."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.settimeout(PATIENCE)
        connection.connect(path)
    except BlockingIOError:
        connection.close()
        raise
    except OSError:
        connection.close()
        return None
    return connection


def ask_server(*command: str) -> Any:
    """Ask the fail2ban server one question; see :meth:`Server.ask`."""
    with Server() as server:
        return server.ask(*command)


def socket_path() -> str:
    """Return the socket of the server; the last of its files, in the order it reads them, decides."""
    names = ("fail2ban.conf", "fail2ban.d/*.conf", "fail2ban.local", "fail2ban.d/*.local")
    found = [
        path for name in names for path in sorted(glob.glob(os.path.join(CONFIGURATION, name)))
    ]
    return read_options(found).get(("Definition", "socket"), "") or FAIL2BAN_SOCKET


def is_up() -> bool:
    """Return whether the server runs; a busy one counts as running."""
    try:
        return ask_server("ping") is not None
    except Busy:
        return True


def client(words: Sequence[str], timeout: float = PROGRAM_TIMEOUT) -> Ran:
    """Run fail2ban-client, and run it again if it takes a busy server for one that does not run."""
    for _ in range(TRIES):
        done = run(["fail2ban-client", *words], timeout)
        if done.status in (0, 124) or not UNREACHED.search(done.output) or not is_up():
            break
    return done


def read_jails(names: Iterable[str]) -> dict[str, JailState | None]:
    """Return the thresholds of each jail; None if it does not run or fail2ban hangs."""
    names = list(names)
    if not names:
        return {}
    with Server() as server:
        return {name: _read_jail(server, name) for name in names}


def read_jail(name: str) -> JailState | None:
    """Return the thresholds of a jail; None if it does not run or fail2ban hangs."""
    return read_jails([name])[name]


def _read_jail(server: Server, name: str) -> JailState | None:
    found = {}
    for key, option in THRESHOLDS.items():
        value = server.ask("get", name, option)
        if value is None:  # the jail does not run
            return None
        found[key] = int(value)
    return JailState(**found)
