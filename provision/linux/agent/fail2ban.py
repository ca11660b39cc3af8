"""Ask the fail2ban server of this host, and check whether fail2ban accepts a configuration."""

from __future__ import annotations

import configparser
import glob
import io
import os
import pickle
import re
import shutil
import socket
import tempfile
import time
from collections.abc import Sequence
from typing import Any

from provision.linux.agent.host import PROGRAM_TIMEOUT, HostError, Ran, remove, run
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
SSHD_FIX = "/etc/fail2ban/jail.d/banstitch-sshd.conf"
# The thresholds of a jail, and fail2ban's names for them.
THRESHOLDS = {"max_retry": "maxretry", "find_time": "findtime", "ban_time": "bantime"}


class _Plain(pickle.Unpickler):
    """An unpickler of fail2ban's answers that accepts plain values only."""

    def find_class(self, module: str, name: str) -> Any:
        raise pickle.UnpicklingError(f"fail2ban answered with a {module}.{name}")


class Busy(HostError):
    """The server runs, but has not taken a question for :data:`PATIENCE` seconds."""


def ask_server(*command: str) -> Any:
    """Ask the fail2ban server through its socket, in a tenth of the time that its client takes.

    The protocol is fail2ban's own (client/csocket.py): a pickled list and an end marker, both ways.
    None when the server does not run, hangs or refuses the command.

    Raises:
        Busy: it cannot be asked, since others ask it all the time: its queue has room for one.
    """
    deadline = time.monotonic() + PATIENCE
    path = socket_path()
    while True:
        try:
            return _ask(path, command)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise Busy(
                    f"fail2ban has been too busy to answer for {PATIENCE} s: something asks it all the"
                    f" time; find it with `ss -xp | grep {path}`, end it, then run again"
                ) from None
            time.sleep(PAUSE)


def _ask(path: str, command: Sequence[str]) -> Any:
    end = b"<F2B_END_COMMAND>"
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(PATIENCE)
            connection.connect(path)
            connection.sendall(pickle.dumps(list(command), 2) + end)
            raw = b""
            while not raw.endswith(end):
                chunk = connection.recv(65536)
                if not chunk:
                    return None
                raw += chunk
            status, value = _Plain(io.BytesIO(raw[: -len(end)])).load()
    except BlockingIOError:
        raise
    except (OSError, pickle.UnpicklingError, ValueError, TypeError):
        return None
    return value if status == 0 else None


def socket_path() -> str:
    """Return the socket of the server; the last of its files, in the order it reads them, decides."""
    found = FAIL2BAN_SOCKET
    for name in ("fail2ban.conf", "fail2ban.d/*.conf", "fail2ban.local", "fail2ban.d/*.local"):
        for path in sorted(glob.glob(os.path.join(CONFIGURATION, name))):
            parser = configparser.ConfigParser(interpolation=None, strict=False)
            try:
                parser.read(path)
            except (OSError, ValueError, configparser.Error):
                continue
            found = parser.get("Definition", "socket", fallback=found)
    return found.strip() or FAIL2BAN_SOCKET


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


def read_jail(name: str) -> JailState | None:
    """Return the thresholds of a jail; None if it does not run or fail2ban hangs."""
    found = {}
    for key, option in THRESHOLDS.items():
        value = ask_server("get", name, option)
        if value is None:  # a server that does not answer is not asked again
            return None
        found[key] = int(value)
    return JailState(**found)


def sshd_jail_without_log(os_version: str) -> bool:
    """Return whether the stock sshd jail prevents fail2ban from starting because its log is missing.

    Debian 12 enables that jail, has no rsyslog, and its fail2ban 1.0.2 then refuses to start at all
    (fail2ban issue 3292). Before fail2ban is installed, the release of Debian tells.
    """
    if os.path.exists("/var/log/auth.log"):
        return False
    if not os.path.exists("/usr/bin/fail2ban-client"):
        return os_version in ("11", "12")
    verdict = check_fail2ban({}, leave_out=[SSHD_FIX])
    return "log file for sshd jail" in verdict


def check_fail2ban(overlay: dict[str, bytes], leave_out: Sequence[str] = ()) -> str:
    """Return fail2ban's own verdict on /etc/fail2ban as it would be; empty when it accepts it.

    ``overlay``: contents by path that would be there, ``leave_out``: paths that would not.
    """
    with tempfile.TemporaryDirectory(prefix="banstitch-") as folder:
        shadow = os.path.join(folder, "fail2ban")
        if not os.path.isdir("/etc/fail2ban"):
            return "/etc/fail2ban is not there; is the package fail2ban whole?"
        shutil.copytree("/etc/fail2ban", shadow, symlinks=True)
        for path in leave_out:
            remove(shadow + path[len("/etc/fail2ban") :])
        for path, content in overlay.items():
            with open(shadow + path[len("/etc/fail2ban") :], "wb") as file:
                file.write(content)
        verdict = run(["fail2ban-client", "-c", shadow, "-t"], timeout=60)
    return "" if verdict.status == 0 else verdict.output.replace(shadow, "/etc/fail2ban")
