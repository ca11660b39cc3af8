"""Read which packages dpkg has installed, and who holds a lock of apt or dpkg."""

from __future__ import annotations

import fcntl
import os
import struct
from collections.abc import Sequence

from provision.linux.agent.host import read, run
from provision.linux.agent.processes import describe

# dpkg's own folder, and its line about a package that it has installed and configured. To ask dpkg-query
# takes longer than to read the list.
DPKG = "/var/lib/dpkg"
_INSTALLED = "Status: install ok installed"
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
    known = None if _is_being_written() else read(os.path.join(DPKG, "status"))
    if known is not None:
        return _read_status(known.decode("utf-8", "replace"), names)
    answer = run(["dpkg-query", "-W", "-f", "${Package} ${db:Status-Abbrev}\n", *names])
    rows = (line.split() for line in answer.output.splitlines())
    return [row[0] for row in rows if len(row) == 2 and row[1] == "ii"]


def _is_being_written() -> bool:
    """Return whether dpkg has noted changes beside its list, or there is no such list."""
    try:
        return bool(os.listdir(os.path.join(DPKG, "updates")))
    except OSError:
        return True


def _read_status(text: str, names: Sequence[str]) -> list[str]:
    """Return those of ``names`` that dpkg's list ``text`` has as installed and configured."""
    heads = {f"Package: {name}": name for name in names}
    found = []
    for entry in text.split("\n\n"):
        head, _, rest = entry.partition("\n")
        if head in heads and f"\n{_INSTALLED}\n" in f"\n{rest}\n":
            found.append(heads[head])
    return found


def find_held_lock() -> str:
    """Return a lock of apt or dpkg that is held now, and its holder; empty if there is none."""
    for path in LOCKS:
        pid = _find_holder(path)
        if pid:
            return f"{path} is held by {describe(pid)}"
    return ""


def _find_holder(path: str) -> int:
    """Return the process that holds the lock on ``path``, or 0 (see F_GETLK in fcntl(2))."""
    layout = "hhqqi0q"
    try:
        with open(path, "rb") as file:
            wanted = struct.pack(layout, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
            kind, _, _, _, pid = struct.unpack(layout, fcntl.fcntl(file, fcntl.F_GETLK, wanted))
    except OSError:
        return 0
    return 0 if kind == fcntl.F_UNLCK else int(pid)
