"""Write the rule log, which the jails of fail2ban read: ``EPOCH JAIL KEY ADDRESS FORTIGATE``.

KEY is the address or network that the jail counts, ADDRESS the source of the event behind it, and
FORTIGATE the one that reported it, "-" where that is not known. Nothing of it was typed by anybody.

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later, standard library only.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import time
from collections.abc import Sequence

from rules.logfiles import Place, close_all, make_place, open_all, open_from
from rules.step import Ban

# Seconds for which the file may be missing: as long as logrotate needs for a rotation, and more.
MISSING = 1.0
# Bytes at the end of a file that hold its last line.
TAIL = 4096


def write_line(ban: Ban) -> str:
    """Return the line of a ban, without a line end."""
    return "%.6f %s %s %s %s" % (ban.at, ban.jail, ban.key, ban.address, ban.fortigate or "-")


class RuleLog:
    """The rule log. Root creates it and moves it aside; this service alone appends to it."""

    def __init__(self, path: str) -> None:
        self._path = path
        self.place: Place | None = None

    def repair(self) -> None:
        """Cut off a line that a kill left unfinished, and take the end of the file as the place."""
        log = self._open()
        try:
            size = os.fstat(log).st_size
            end = os.pread(log, TAIL, max(0, size - TAIL))
            unfinished = len(end) - end.rfind(b"\n") - 1
            if unfinished:
                os.ftruncate(log, size - unfinished)
            self.place = make_place(log, size - unfinished)
        finally:
            os.close(log)

    def append(self, lines: Sequence[str]) -> bool:
        """Append whole lines or nothing; return whether this began a new file.

        Raises:
            OSError: they cannot be written.
        """
        data = "".join(["%s\n" % line for line in lines]).encode("ascii")
        log = self._open()
        try:
            size = os.fstat(log).st_size
            if os.write(log, data) != len(data):
                os.ftruncate(log, size)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), self._path)
            before, self.place = self.place, make_place(log, size + len(data))
            return before is None or before.inode != self.place.inode
        finally:
            os.close(log)

    def _open(self) -> int:
        """Return a locked descriptor of the file that has the name now."""
        until = time.monotonic() + MISSING
        while True:
            try:
                how = os.O_RDWR | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
                log = os.open(self._path, how)
                fcntl.flock(log, fcntl.LOCK_EX)
                if os.path.samestat(os.fstat(log), os.lstat(self._path)):
                    return log
                os.close(log)
            except FileNotFoundError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.01)  # logrotate renames the old file before it creates the new one

    def count_behind(self, place: Place) -> int | None:
        """Return the number of lines behind a place; None where its file is gone."""
        logs = open_from(self._path, place)
        if logs is None:
            return None
        starts = [place.offset, *[0 for _ in logs[1:]]]
        count = sum(_count_lines(log, start) for log, start in zip(logs, starts))
        close_all(logs)
        return count

    def read_last_time(self) -> float:
        """Return the time of the last line, 0 where there is none."""
        logs, found = open_all(self._path), 0.0
        for log in logs:
            end = os.pread(log, TAIL, max(0, os.fstat(log).st_size - TAIL))
            for line in end.split(b"\n")[-2:-1]:
                with contextlib.suppress(ValueError):
                    found = float(line.partition(b" ")[0])
        close_all(logs)
        return found


def _count_lines(log: int, start: int) -> int:
    count = 0
    while True:
        block = os.pread(log, 1 << 20, start)
        if not block:
            return count
        count += block.count(b"\n")
        start += len(block)
