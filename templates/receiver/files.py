"""The files that the receiver shares with others: what it reads is replaced, what it writes is appended to.

Managed by Banstitch: changes made here are overwritten.
"""

import fcntl
import json
import os
import time

# Bytes that must be left for the events of a second or two before the disk is called full.
ROOM = 1 << 20
# Seconds for which a file may be missing: as long as logrotate needs for a rotation, and more.
MISSING = 1.0


class Unavailable(Exception):
    """Something on this host that the answer depends on cannot be read or written now."""


def signature(path):
    """Return what changes when the file does, or None when it is not there."""
    try:
        stat = os.stat(path)
    except OSError:
        return None
    return stat.st_ino, stat.st_mtime_ns, stat.st_size


def read_json(path, what):
    """Return (signature, content) of a JSON file that is replaced, never edited."""
    try:
        with open(path, encoding="utf-8") as stream:
            stat = os.fstat(stream.fileno())
            return (stat.st_ino, stat.st_mtime_ns, stat.st_size), json.load(stream)
    except OSError as error:
        raise Unavailable("cannot read %s: %s" % (what, error.strerror)) from error
    except ValueError as error:
        raise Unavailable("cannot parse %s" % what) from error


def append(path, lines, what, most=float("inf")):
    """Append whole lines or nothing: a line cut short could name another address.

    The file and its folder belong to root, who creates the file and moves it aside. It is opened each time,
    so that a new one needs no signal. ``most`` bytes are in it at most, for a file that may be given up.
    """
    data = "".join(lines).encode("ascii")
    until = time.monotonic() + MISSING
    try:
        while not _appended(path, data, what, most, until):
            pass
    except OSError as error:
        raise Unavailable("cannot write %s: %s" % (what, error.strerror)) from error


def _appended(path, data, what, most, until):
    """Return whether it was written; not when the file was moved away meanwhile."""
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
        if (signature(path) or (None,))[0] != stat.st_ino:
            return False
        if stat.st_size + len(data) > most or os.write(log, data) != len(data):
            os.ftruncate(log, stat.st_size)
            raise Unavailable("no room to write " + what)
        return True
    finally:
        os.close(log)


def check_writable(path, what):
    """Raise Unavailable where an event that came now could not be written down."""
    append(path, [], what)
    if not has_room(path):
        raise Unavailable("no room to write " + what)


def has_room(path):
    """Return whether the disk has more room than the events themselves need. Raises OSError."""
    room = os.statvfs(os.path.dirname(path))
    return room.f_bavail * room.f_frsize >= ROOM
