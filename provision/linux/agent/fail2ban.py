"""The fail2ban of this host: what its running server says, and whether it would take a configuration."""

from __future__ import annotations

import io
import os
import pickle
import shutil
import socket
import tempfile
from collections.abc import Sequence
from typing import Any

from provision.linux.agent.host import remove, run

FAIL2BAN_SOCKET = "/var/run/fail2ban/fail2ban.sock"
SSHD_FIX = "/etc/fail2ban/jail.d/banstitch-sshd.conf"
# What a jail is compared by, and fail2ban's names for it.
THRESHOLDS = {"max_retry": "maxretry", "find_time": "findtime", "ban_time": "bantime"}


class _Plain(pickle.Unpickler):
    """fail2ban answers in pickle; nothing but plain values is accepted from it."""

    def find_class(self, module: str, name: str) -> Any:
        raise pickle.UnpicklingError(f"fail2ban answered with a {module}.{name}")


def fail2ban(*command: str) -> Any:
    """Ask the running fail2ban server through its socket: a tenth of the time its client takes.

    The protocol is fail2ban's own (client/csocket.py): a pickled list, ended by a marker, both ways.
    None when the server does not run or refuses the command.
    """
    end = b"<F2B_END_COMMAND>"
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(10)
            connection.connect(FAIL2BAN_SOCKET)
            connection.sendall(pickle.dumps(list(command), 2) + end)
            raw = b""
            while not raw.endswith(end):
                chunk = connection.recv(65536)
                if not chunk:
                    return None
                raw += chunk
            status, value = _Plain(io.BytesIO(raw[: -len(end)])).load()
    except (OSError, pickle.UnpicklingError, ValueError, TypeError):
        return None
    return value if status == 0 else None


def jail_state(name: str) -> dict[str, int] | None:
    """The thresholds of a running jail, or None where it does not run, or where fail2ban hangs."""
    found = {}
    for key, option in THRESHOLDS.items():
        value = fail2ban("get", name, option)
        if value is None:  # who does not answer is not asked again
            return None
        found[key] = int(value)
    return found


def sshd_jail_without_log(os_version: str) -> bool:
    """Whether the stock sshd jail keeps fail2ban from starting: it wants a log that nobody writes.

    Debian 12 enables that jail, has no rsyslog, and its fail2ban 1.0.2 then refuses to start at all
    (fail2ban issue 3292). Before fail2ban is there, the same is foretold from the release.
    """
    if os.path.exists("/var/log/auth.log"):
        return False
    if not os.path.exists("/usr/bin/fail2ban-client"):
        return os_version in ("11", "12")
    verdict = check_fail2ban({}, leave_out=[SSHD_FIX])
    return "log file for sshd jail" in verdict


def check_fail2ban(overlay: dict[str, bytes], leave_out: Sequence[str] = ()) -> str:
    """fail2ban's own verdict on /etc/fail2ban as it would be; empty when it accepts it.

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
