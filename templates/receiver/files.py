"""The files that the receiver shares with others: what it reads is replaced, what it writes is appended to.

Managed by Banstitch: changes made here are overwritten.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterable
from typing import Any

from banstitch_shared.signatures import Signature, make_signature, read_signature

# Bytes that must be left for the events of a second or two before the disk is called full.
ROOM = 1 << 20
# Seconds for which a file may be missing: as long as logrotate needs for a rotation, and more.
MISSING = 1.0


class Unavailable(Exception):
    """Something on this host that the answer depends on cannot be read or written now."""


def read_json(path: str, what: str) -> tuple[Signature, Any]:
    """Return signature and content of a JSON file that is replaced, never edited.

    Raises:
        Unavailable: it cannot be read or parsed; ``what`` names it in the message.
    """
    try:
        with open(path, encoding="utf-8") as stream:
            return make_signature(os.fstat(stream.fileno())), json.load(stream)
    except OSError as error:
        raise Unavailable("cannot read %s: %s" % (what, error.strerror)) from error
    except ValueError as error:
        raise Unavailable("cannot parse %s" % what) from error


def append(path: str, lines: Iterable[str], what: str, most: float = float("inf")) -> None:
    """Append whole lines or nothing: a line that is cut could name another address.

    The file and its directory belong to root, who creates the file and moves it aside. The file is opened
    each time, so that a new one needs no signal. ``most``: the largest size of the file in bytes.

    Raises:
        Unavailable: the lines cannot be written.
    """
    data = "".join(lines).encode("ascii")
    until = time.monotonic() + MISSING
    try:
        while not _try_append(path, data, what, most, until):
            pass
    except OSError as error:
        raise Unavailable("cannot write %s: %s" % (what, error.strerror)) from error


def _try_append(path: str, data: bytes, what: str, most: float, until: float) -> bool:
    """Return whether the data was written; False if the file was moved away meanwhile."""
    try:
        log = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        if time.monotonic() > until:
            raise
        time.sleep(0.01)  # logrotate renames the old file before it creates the new one
        return False
    try:
        fcntl.flock(log, fcntl.LOCK_EX)
        stat = os.fstat(log)
        current = read_signature(path)
        if current is None or current.inode != stat.st_ino:
            return False
        if stat.st_size + len(data) > most or os.write(log, data) != len(data):
            os.ftruncate(log, stat.st_size)
            raise Unavailable("no room to write " + what)
        return True
    finally:
        os.close(log)


def check_writable(path: str, what: str) -> None:
    """Raise Unavailable if an event that arrives now could not be recorded."""
    append(path, [], what)
    if not has_room(path):
        raise Unavailable("no room to write " + what)


def has_room(path: str) -> bool:
    """Return whether the disk has more room than the events themselves need. Raises OSError."""
    room = os.statvfs(os.path.dirname(path))
    return room.f_bavail * room.f_frsize >= ROOM
