"""The audit of bans and unbans: address, jail, time, reason and author.

Managed by Banstitch: changes made here are overwritten. Loaded by banstitch.py beside it.
"""

from __future__ import annotations

import collections
import fcntl
import json
import os
import stat
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from banstitch_shared.addresses import spell_ban
from banstitch_shared.audit_file import name_rotated, read_newest_first

if TYPE_CHECKING:
    from banstitch_evidence import Evidence

# Address to how often it was banned, and when it was forgiven (0 if never).
Past = dict[str, tuple[int, float]]

# Size in bytes at which the audit is rotated, and number of old ones: room for 100,000 bans and more.
AUDIT_SIZE = 20000000
AUDIT_KEEP = 9
# Number of addresses whose past is remembered, and number of bans of one address.
MOST_KNOWN = 200000
MOST_COUNTED = 1000000
# Lines between two checks of the size: a long backlog may exceed the size of a file.
AT_ONCE = 1000
# Lines that wait while the disk is full.
MOST_WAITING = 200000


class Audit:
    """The audit of bans and their ends: JSON lines, appended, bounded on disk.

    The folder belongs to root. The receiver may read the audit and cannot change it, nor hold its lock.
    Releases up to 0.1 gave the folder to the receiver's user, so what is read of it is checked all the same.
    """

    def __init__(self, path: str, group: int, evidence: Evidence) -> None:
        self._path = path
        self._group = group
        self._evidence = evidence
        # (entry as JSON, the clean line of the event that led to it or an empty string)
        self._waiting: collections.deque[tuple[str, str]] = collections.deque(maxlen=MOST_WAITING)

    @property
    def waits(self) -> bool:
        """Return whether entries wait to be written."""
        return bool(self._waiting)

    def add(self, entry: dict[str, object], event: str = "") -> None:
        """Add an entry. ``event``: the clean line of the event whose evidence belongs to it."""
        self._waiting.append((json.dumps(entry), event))

    def write(self) -> None:
        """Append the waiting entries. All jails share a lock, and none of them waits for it."""
        if not self._waiting:
            return
        # a file that only root can open: nobody else can hold its lock
        how = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        lock = os.open(os.path.join(os.path.dirname(self._path), ".audit.lock"), how, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            waited = [self._waiting.popleft() for _ in range(len(self._waiting))]
            lines, written = list(self._lines(waited)), 0
            try:
                while written < len(lines):
                    self._rotate()
                    self._append("".join(lines[written : written + AT_ONCE]).encode("ascii"))
                    written += AT_ONCE
            except OSError:
                self._waiting.extendleft(reversed(waited[written:]))
                raise
        except BlockingIOError:
            return  # another jail's turn; ours comes within a second
        finally:
            os.close(lock)

    def _lines(self, waited: list[tuple[str, str]]) -> Iterator[str]:
        """Yield entries with their events, after one lookup for all; no ban waits for this."""
        found = self._evidence.find([event for _, event in waited if event])
        for entry, event in waited:
            if event:
                told = found.get(event, {"fortigate": None, "event": None})
                entry = "%s, %s" % (entry[:-1], json.dumps(told)[1:])
            yield entry + "\n"

    def _append(self, data: bytes) -> None:
        how = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        log = os.open(self._path, how, 0o640)
        try:
            before = os.fstat(log)
            if not stat.S_ISREG(before.st_mode) or before.st_nlink != 1:
                raise OSError("%s is not a plain file" % self._path)
            os.fchmod(log, 0o640)  # fail2ban's umask is stricter, and the status page reads it
            os.fchown(log, 0, self._group)
            try:
                while data:
                    data = data[os.write(log, data) :]
                os.fsync(log)
            except OSError:
                os.ftruncate(log, before.st_size)
                raise
        finally:
            os.close(log)

    def _rotate(self) -> None:
        try:
            if os.lstat(self._path).st_size < AUDIT_SIZE:
                return
        except FileNotFoundError:
            return
        for age in range(AUDIT_KEEP, 0, -1):
            older, newer = (name_rotated(self._path, each) for each in (age, age - 1))
            if os.path.lexists(newer):
                if os.path.isdir(older) and not os.path.islink(older):
                    os.rename(older, "%s.odd-%d" % (older, time.time_ns()))
                os.rename(newer, older)

    def past(self, jail: str) -> Past:
        """Return the past of the addresses in a jail, as far back as the audit goes."""
        past: Past = {}
        for line in read_newest_first(self._path, lenient=True):
            self._recall(past, jail, line)
            if len(past) == MOST_KNOWN:
                break
        # the first to be forgotten comes first
        return dict(reversed(past.items()))

    @staticmethod
    def _recall(past: Past, jail: str, line: bytes) -> None:
        """Add the past in a line, unless a later line about the same address was read."""
        # a mere shortcut: a quote that an attacker typed has a backslash before it in the file
        if b'"what": "ban"' not in line and b'"what": "unban"' not in line:
            return
        if json.dumps(jail).encode() not in line:
            return
        try:
            entry = json.loads(line)
            if entry["jail"] != jail:
                return
            address = spell_ban(entry["address"])
            at, count = float(entry["at"]), int(entry["count"])
        except (ValueError, LookupError, TypeError, RecursionError, OverflowError):
            return
        # a time in the future would count for ever; NaN compares as false
        if not 0 <= at <= time.time() or not 0 < count <= MOST_COUNTED:
            return
        past.setdefault(address, (count, at if entry["what"] == "unban" else 0.0))
