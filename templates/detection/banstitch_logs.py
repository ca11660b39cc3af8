"""The logs of receiver and rules: rotated here, and read for a jail only when they are in order.

Managed by Banstitch: changes made here are overwritten. Loaded by banstitch.py beside it.

The folder of the logs belongs to root, so their writers can neither create, rename nor remove a name there.
They can write into the files. So root rotates them, reads no more than a log can hold, and never waits for a
lock or a lease that a writer could hold.
"""

from __future__ import annotations

import errno
import fcntl
import grp
import io
import os
import stat
import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from fail2ban.server.utils import Utils

if TYPE_CHECKING:
    LARGEST: int
    LIMITS: Mapping[str, int]
    GROUPS: Mapping[str, str]
else:
    sizes = Utils.load_python_module(
        os.path.join(os.path.dirname(__file__), "banstitch_log_sizes.py")
    )
    LARGEST, LIMITS, GROUPS = sizes.LARGEST, sizes.LIMITS, sizes.GROUPS

# A writer holds its lock for as long as it takes to append some lines; nobody is waited for longer.
TRIES = 20
PAUSE = 0.01
# A log is read in pieces of so many bytes.
BLOCK = 1 << 16
# The receiver writes no longer line.
LONGEST = 4096


class Logs:
    """The logs of the receiver and of banstitch-rules, each with the size from which on it is rotated."""

    def __init__(self, limits: Mapping[str, int], group: int) -> None:
        self._limits = limits
        self._groups = dict.fromkeys(limits, group)
        for path, name in GROUPS.items():
            self._groups[path] = grp.getgrnam(name).gr_gid
        # what was missing at the last look: logrotate removes a name for a moment
        self._missing: set[str] = set()

    def tend(self) -> None:
        """Rotate what is full, replace what is no file, create what is missing. Raises OSError."""
        for path, limit in self._limits.items():
            try:
                about = os.lstat(path)
            except FileNotFoundError:
                if path in self._missing:
                    make(path, self._groups[path])
                self._missing.add(path)
                continue
            self._missing.discard(path)
            if not stat.S_ISREG(about.st_mode):
                move_aside(path)
                make(path, self._groups[path])
            elif about.st_size >= limit:
                rotate(path, self._groups[path])

    def prepare(self) -> None:
        """Put the logs in order before fail2ban opens them, and create them where they are missing."""
        self._missing.update(self._limits)
        self.tend()


def rotate(path: str, group: int) -> None:
    """Move ``path`` to ``path``.1 and start it anew, with no moment in which the name is missing."""
    log = opened(path)
    try:
        wait_for_writers(log)
        if not os.path.samestat(os.fstat(log), os.lstat(path)):
            return  # another jail was faster
        fresh, older = path + ".new", path + ".1"
        for left in (fresh, older + ".new"):
            if os.path.lexists(left):  # of a rotation that a power cut ended
                os.unlink(left)
        if os.path.lexists(older) and not stat.S_ISREG(os.lstat(older).st_mode):
            move_aside(older)
        make(fresh, group)
        os.link(path, older + ".new", follow_symlinks=False)
        os.rename(older + ".new", older)
        os.rename(fresh, path)
        # nobody appends to it any more; what is larger than a log is a hole or garbage
        os.fchmod(log, 0o640)
        if os.fstat(log).st_size > LARGEST:
            os.truncate(older, LARGEST)
    finally:
        os.close(log)


def make(path: str, group: int) -> None:
    """Create a log that root owns and its writer may append to."""
    how = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    new = os.open(path, how, 0o600)
    try:
        os.fchown(new, -1, group)
        os.fchmod(new, 0o660)
    finally:
        os.close(new)


def move_aside(path: str) -> None:
    """Keep what is in the way, whatever it is, under a name that nobody reads."""
    os.rename(path, "%s.odd-%d" % (path, time.time_ns()))


def opened(path: str) -> int:
    """Return a descriptor of a regular file. It raises OSError for anything else, and never waits.

    Opening blocks at a pipe, and at a lease that the owner of a file may hold, but for O_NONBLOCK.
    """
    log = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    if stat.S_ISREG(os.fstat(log).st_mode):
        return log
    os.close(log)
    raise OSError(errno.EINVAL, "not a regular file", path)


def wait_for_writers(log: int) -> None:
    """Return once no writer of the receiver is between its look at the name and its write.

    Whoever takes the lock later finds another file under the name and writes there.
    """
    for _ in range(TRIES):
        try:
            fcntl.flock(log, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            time.sleep(PAUSE)


class Reader:
    """Reads one log for a jail. fail2ban itself reads it only once, at the start of the jail.

    All jails read the same log. fail2ban takes 0.1 ms to read a line, find its date and try the expression;
    here a line of another jail costs a thousandth of that.
    """

    def __init__(self, jail: Any, path: str) -> None:
        self._filter = jail.filter
        self._path = path
        self._own = make_mark(jail).encode()
        self._container = jail.filter.getLog(path)
        self._open = self._container.open
        # what was opened last, kept open so that its rest can be read after a rotation
        self._held = io.FileIO(opened(path))
        # how far that is read; None until fail2ban has read it
        self._place: int | None = None
        self._begun = False
        self._container.open = self.open

    def open(self, *args: Any) -> Any:
        """Read what is new, and return False: fail2ban has nothing to read. Raises OSError.

        At first fail2ban reads: it finds the place that it had reached before it was restarted.
        """
        now = io.FileIO(opened(self._path))
        about = os.fstat(now.fileno())
        if about.st_size > LARGEST:
            raise OSError(errno.EFBIG, "larger than the receiver writes it", self._path)
        if args:  # fail2ban searches the place to begin at
            now.close()
            return self._open(*args)
        before, self._held = self._held, now
        with before:
            if self._place is None:
                self._place = int(self._container.getPos())
            if not os.path.samestat(os.fstat(before.fileno()), about):
                wait_for_writers(before.fileno())
                self._read(before.fileno())
                self._place = 0
            elif self._place > about.st_size:  # somebody has cut it
                self._place = 0
        if not self._begun:
            self._begun = True
            # of an empty file fail2ban would keep the place that it had reached in an earlier one
            self._place = None if about.st_size else 0
            return self._open()
        self._read(now.fileno())
        self._container.inOperation = True
        # it notes which file it is, for its database
        self._open()
        self._container.close()
        self._container.setPos(self._place)
        return False

    def _read(self, log: int) -> None:
        """Give fail2ban the jail's lines behind the place that was reached, and move that."""
        # until it has once read all there was, it believes the times of lines however old they are
        self._filter.inOperation = self._container.inOperation
        end = min(os.fstat(log).st_size, LARGEST)
        for line, behind in read_lines(log, self._place or 0, end):
            if self._own in line:
                if not self._filter.active:  # the jail stops; its next start reads this line
                    return
                self._filter.processLineAndAdd(line.decode("ascii", "replace"))
            self._place = behind


def read_lines(log: int, place: int, end: int) -> Iterator[tuple[bytes, int]]:
    """Yield the whole lines between two places of a file, each with the place behind it.

    Lines that are too long are left out.
    """
    rest = b""
    while place < end:
        block = os.pread(log, min(BLOCK, end - place), place)
        if not block:
            return
        place += len(block)
        *whole, rest = (rest[-LONGEST:] + block).split(b"\n")
        behind = place - len(rest) - sum(map(len, whole)) - len(whole)
        for line in whole:
            behind += len(line) + 1
            if len(line) < LONGEST:
                yield line, behind
        if (
            len(rest) > LONGEST
        ):  # too long a line has begun, and is not read again from its beginning
            yield b"", place - LONGEST


def follow(jail: Any, path: str) -> None:
    """Have the jail read ``path``, with :class:`Reader` before it. Also at a reload, which asks again."""
    jail.filter.addLogPath(path)
    container = jail.filter.getLog(path)
    if "open" not in vars(container):
        # of two equal logs it would go on to save the place in the old one
        getattr(jail.filter, "_pendDBUpdates", {}).pop(container, None)
        Reader(jail, path)
    if "processLineAndAdd" not in vars(jail.filter):
        pass_own_lines(jail)


def make_mark(jail: Any) -> str:
    """Return the text that stands in the jail's own lines only."""
    return " %s " % jail.name


def pass_own_lines(jail: Any) -> None:
    """Have fail2ban look at lines of this jail only, where it reads the log itself."""
    process, own = jail.filter.processLineAndAdd, make_mark(jail)

    def process_own(line: str, *args: Any) -> None:
        if own in line:
            process(line, *args)

    jail.filter.processLineAndAdd = process_own
