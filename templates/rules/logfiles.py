"""The files of a log that is rotated: the current one and those put aside, and places in them.

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later, standard library only.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
import time
from typing import NamedTuple

# Files put aside that are looked at: PATH.1, PATH.2 and so on, as long as they are not compressed.
MOST_ASIDE = 9
# Bytes at the beginning of a file that distinguish it from another with the same inode.
HEAD = 64
BLOCK = 1 << 16
# A writer holds its lock for as long as it takes to append some lines; nobody is waited for longer.
TRIES = 20
PAUSE = 0.01


class Place(NamedTuple):
    """A place in a file of a log. ``head``: the first bytes of the file, up to the place."""

    inode: int
    head: str
    offset: int


def open_log(path: str) -> int:
    """Return a descriptor of a regular file, without following a link or waiting at a pipe.

    Raises:
        OSError: it cannot be opened, or is something else.
    """
    log = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    if stat.S_ISREG(os.fstat(log).st_mode):
        return log
    os.close(log)
    raise OSError(errno.EINVAL, "not a regular file", path)


def open_all(path: str) -> list[int]:
    """Return descriptors of the files of a log, the oldest first.

    The newest is opened first, so that a rotation at this moment hides none.
    """
    logs: list[int] = []
    seen: set[int] = set()
    for age in range(MOST_ASIDE + 1):
        with contextlib.suppress(OSError):
            log = open_log("%s.%d" % (path, age) if age else path)
            inode = os.fstat(log).st_ino
            if inode in seen:
                os.close(log)
            else:
                seen.add(inode)
                logs.append(log)
    return logs[::-1]


def close_all(logs: list[int]) -> None:
    """Close descriptors."""
    for log in logs:
        os.close(log)


def make_place(log: int, offset: int) -> Place:
    """Return a place in an open file."""
    head = os.pread(log, min(HEAD, offset), 0).decode("latin-1")
    return Place(os.fstat(log).st_ino, head, offset)


def is_place_in(place: Place, log: int) -> bool:
    """Return whether a file is the one of a place, and still reaches so far."""
    about = os.fstat(log)
    if about.st_ino != place.inode or about.st_size < place.offset:
        return False
    return os.pread(log, len(place.head), 0).decode("latin-1") == place.head


def open_from(path: str, place: Place) -> list[int] | None:
    """Return descriptors of the file of a place and of all newer ones; None where it is gone."""
    logs = open_all(path)
    for number, log in enumerate(logs):
        if is_place_in(place, log):
            close_all(logs[:number])
            return logs[number:]
    close_all(logs)
    return None


def wait_for_writers(log: int) -> None:
    """Return once no writer is between its look at the name of a file and its write."""
    for _ in range(TRIES):
        try:
            fcntl.flock(log, fcntl.LOCK_SH | fcntl.LOCK_NB)
            fcntl.flock(log, fcntl.LOCK_UN)
            return
        except BlockingIOError:
            time.sleep(PAUSE)
