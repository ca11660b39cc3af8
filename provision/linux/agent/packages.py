"""Read which packages dpkg has, and who holds a lock of apt or dpkg."""

from __future__ import annotations

import fcntl
import os
import struct
from collections.abc import Sequence

from provision.linux.agent.host import run
from provision.linux.agent.processes import describe

# If several are held, the first of these is named.
LOCKS = (
    "/var/lib/dpkg/lock-frontend",
    "/var/lib/dpkg/lock",
    "/var/lib/apt/lists/lock",
    "/var/cache/apt/archives/lock",
)


def list_installed(names: Sequence[str]) -> list[str]:
    """Return those of ``names`` that dpkg has installed and configured."""
    if not names:
        return []
    answer = run(["dpkg-query", "-W", "-f", "${Package} ${db:Status-Abbrev}\n", *names])
    rows = (line.split() for line in answer.output.splitlines())
    return [row[0] for row in rows if len(row) == 2 and row[1] == "ii"]


def held_lock() -> str:
    """Return a lock of apt or dpkg that is held now, and its holder; empty if there is none."""
    for path in LOCKS:
        pid = _holder(path)
        if pid:
            return f"{path} is held by {describe(pid)}"
    return ""


def _holder(path: str) -> int:
    """Return the process that holds the lock on ``path``, or 0 (see F_GETLK in fcntl(2))."""
    layout = "hhqqi0q"
    try:
        with open(path, "rb") as file:
            wanted = struct.pack(layout, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
            kind, _, _, _, pid = struct.unpack(layout, fcntl.fcntl(file, fcntl.F_GETLK, wanted))
    except OSError:
        return 0
    return 0 if kind == fcntl.F_UNLCK else int(pid)
