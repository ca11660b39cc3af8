"""Requests of a service to root: files in a folder that root alone reads.

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later, standard library only.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import re
import secrets
import stat
import subprocess
import time
from collections.abc import Iterator

# Bytes of a request, of which a reason of 150 characters takes up to 1200, and requests of one run.
LONGEST, AT_ONCE = 2000, 200
# Names that one run looks at; what is left starts the next one.
MOST_NAMES = 2000
# Seconds for which a file may be being written.
FRESH = 3600.0
# Seconds to remove a folder.
_PATIENCE = 15
_NAME = re.compile(r"[0-9]{13,15}-[0-9a-f]{8}\.json")


def write_request(folder: str, text: str, now: float) -> None:
    """Write a request of ASCII characters under a new name, which begins with the time.

    The writer needs no right to list or read the folder.

    Raises:
        OSError: it could not be written as a whole; nothing is left of it.
    """
    path = os.path.join(folder, "%013d-%s.json" % (now * 1000, secrets.token_hex(4)))
    how = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    new, content = os.open(path + ".new", how, 0o600), text.encode("ascii")
    try:
        if os.write(new, content) < len(content):
            os.unlink(path + ".new")
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)
    finally:
        os.close(new)
    os.rename(path + ".new", path)


def take_requests(folder: str, uid: int, fresh: float = FRESH) -> Iterator[bytes]:
    """Yield the content of the requests in a folder, and remove whatever lies there.

    Among more than MOST_NAMES files, those that the system lists first are taken; the oldest of them comes
    first. A file that may be being written is left for ``fresh`` seconds, if it is small; only AT_ONCE are.
    """
    with os.scandir(folder) as entries:
        names = sorted(entry.name for entry in itertools.islice(entries, MOST_NAMES))
    left = 0
    for number, name in enumerate(names):
        path = os.path.join(folder, name)
        if name.endswith(".json.new") and left < AT_ONCE and _is_fresh(path, fresh):
            left += 1
            continue
        is_request = _NAME.fullmatch(name) is not None
        text = _read_request(path, uid) if is_request and number < AT_ONCE else b""
        _remove(path)
        if text:
            yield text


def _is_fresh(path: str, seconds: float) -> bool:
    with contextlib.suppress(OSError):
        about = os.lstat(path)
        return about.st_size <= LONGEST and abs(time.time() - about.st_mtime) < seconds
    return False


def _read_request(path: str, uid: int) -> bytes:
    """Return the content of a request; empty if it is no plain file of the user ``uid``."""
    with contextlib.suppress(OSError):
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            about = os.fstat(file)
            is_own = about.st_uid == uid and about.st_nlink == 1 and stat.S_ISREG(about.st_mode)
            return os.read(file, LONGEST) if is_own and about.st_size <= LONGEST else b""
        finally:
            os.close(file)
    return b""


def _remove(path: str) -> None:
    """Remove what lies at a path, and follow no link. `rm` walks into folders of any depth."""
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        try:
            os.unlink(path)
        except IsADirectoryError:
            subprocess.run(["rm", "-rf", "--", path], timeout=_PATIENCE, check=False)
