"""List the files of a host. Equal lists mean that nothing was left behind or lost."""

from __future__ import annotations

import fnmatch
import hashlib
import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

# Where a provisioning tool may leave something; units of systemd are there, too.
PLACES = ("/etc", "/opt", "/usr/local", "/var/lib", "/usr/lib/systemd/system")


# A service of ours writes here all the time, and `teardown` keeps it with the bans and the logs.
LIVE = "/var/lib/banstitch-rules"


class Entry(NamedTuple):
    """A file. ``content`` is the SHA-256 of a file, the target of a link, and empty otherwise."""

    kind: str
    mode: int
    uid: int
    gid: int
    content: str


KINDS = {
    stat.S_IFDIR: "directory",
    stat.S_IFREG: "file",
    stat.S_IFLNK: "link",
    stat.S_IFIFO: "fifo",
    stat.S_IFSOCK: "socket",
    stat.S_IFCHR: "device",
    stat.S_IFBLK: "device",
}


def _read_entry(path: Path) -> Entry:
    found = path.lstat()
    kind = KINDS[stat.S_IFMT(found.st_mode)]
    content = ""
    if kind == "file":
        with path.open("rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
    elif kind == "link":
        content = str(path.readlink())
    return Entry(kind, stat.S_IMODE(found.st_mode), found.st_uid, found.st_gid, content)


def _walk(root: Path, place: str) -> Iterator[Path]:
    top = root / place.lstrip("/")
    if not os.path.lexists(top):
        return
    yield top
    for directory, names, files in os.walk(top):
        yield from (Path(directory, name) for name in (*names, *files))


def read_stamps(root: Path, paths: Sequence[str]) -> dict[str, tuple[int, int]]:
    """Return the inode and modification time (ns) of each file. Both stay if nobody touches it."""
    there = [path for path in paths if os.path.lexists(root / path.lstrip("/"))]
    found = {path: (root / path.lstrip("/")).lstat() for path in there}
    return {path: (status.st_ino, status.st_mtime_ns) for path, status in found.items()}


def list_files(root: Path, places: Sequence[str], ignore: Sequence[str]) -> dict[str, Entry]:
    """Return every file below ``places`` of the file system at ``root``, by its path inside.

    Paths that match one of the patterns ``ignore`` (fnmatch; ``*`` crosses slashes) are left out.
    """
    found: dict[str, Entry] = {}
    for place in places:
        for path in _walk(root, place):
            inside = "/" + str(path.relative_to(root))
            if any(fnmatch.fnmatchcase(inside, pattern) for pattern in (*ignore, f"{LIVE}*")):
                continue
            try:
                found[inside] = _read_entry(path)
            except FileNotFoundError:  # deleted meanwhile
                continue
    return found
