"""Read the audit of bans: lines of JSON, in a file and its rotated predecessors.

The folder belongs to root. Releases up to 0.1 gave it to the receiver's user, so no link is followed, and
nothing but a plain file is read.

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later, standard library only.
"""

from __future__ import annotations

import errno
import itertools
import os
import stat
from collections.abc import Iterator
from typing import BinaryIO

# Bytes of one read, and the last bytes of a file that are read; it is rotated long before that size.
BLOCK = 1 << 20
MOST_READ = 64 << 20
# Bytes of a line. A longer line is not an entry.
LONGEST = 1 << 16


def read_newest_first(audit: str, lenient: bool = False) -> Iterator[bytes]:
    """Yield the lines of the audit and of its rotated files, the last one first.

    No more is read than needed, and one block at a time is kept. A file that is rotated meanwhile comes
    again under its next name. ``lenient``: pass over a file that cannot be read.

    Raises:
        OSError: a file cannot be read, or is no plain file.
    """
    seen: set[int] = set()
    for age in itertools.count():
        try:
            with open_plain_file(name_rotated(audit, age)) as file:
                about = os.fstat(file.fileno())
                if about.st_ino not in seen:
                    yield from _read_backwards(file, about.st_size)
                seen.add(about.st_ino)
        except FileNotFoundError:
            # a rotation moves one file after the other
            if age and not os.path.lexists(name_rotated(audit, age + 1)):
                return
        except OSError:
            if not lenient:
                raise


class NewestLines:
    """The newest lines of the audit or of another log, the last one first, as many as ``most`` bytes hold.

    Files that cannot be read are passed over. ``are_cut`` says, once all lines were read, whether there are
    older ones.
    """

    def __init__(self, path: str, most: int) -> None:
        self._path, self._left = path, most
        self.are_cut = False

    def __iter__(self) -> Iterator[bytes]:
        for line in read_newest_first(self._path, lenient=True):
            self._left -= len(line) + 1
            if self._left < 0:
                self.are_cut = True
                return
            yield line


def name_rotated(audit: str, age: int) -> str:
    """Return the name of the audit after so many rotations; 0 is the current one."""
    return "%s.%d" % (audit, age) if age else audit


def open_plain_file(path: str) -> BinaryIO:
    """Open a file without following a link or waiting at a pipe. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return open(descriptor, "rb")
    os.close(descriptor)
    raise OSError(errno.EINVAL, "not a plain file", path)


def _read_backwards(file: BinaryIO, size: int) -> Iterator[bytes]:
    """Yield the lines in the last bytes of a file of ``size`` bytes; the first may lack its head."""
    least, rest = max(0, size - MOST_READ), b""
    while size > least:
        start = max(least, size - BLOCK)
        file.seek(start)
        # keep only as much of a line as shows that it is too long
        rest, *lines = (file.read(size - start) + rest[: LONGEST + 1]).split(b"\n")
        yield from (line for line in reversed(lines) if 0 < len(line) <= LONGEST)
        size = start
    if 0 < len(rest) <= LONGEST:
        yield rest
