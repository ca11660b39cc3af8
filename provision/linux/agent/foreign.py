"""Distinguish our files in our directories from foreign ones, which are never removed.

Services write into data directories, so the manifest does not name each file there: a closed set of
names does. Up to release 0.1 the receiver's user owned one of them, and it may do anything there while
root's agent takes it over. So nothing in it is opened by its path, and no link is followed.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import stat
from collections.abc import Iterator

from provision.linux.agent import STATE, host
from provision.linux.agent.memory import Entry, Manifest
from provision.linux.agent.protocol.state import Foreign

# The ending that logrotate and fail2ban's action give to a log that they rotate.
_ASIDE = r"(\.[1-9][0-9]{0,3}(\.gz)?)?"
# Patterns of the whole names of the files in each data directory.
OURS = {
    "/var/log/banstitch": rf"(events|rules|evidence|rejected|audit)\.log({_ASIDE}|(\.1)?\.new|\.odd-[0-9]+)"
    r"|\.audit\.lock",
    "/var/spool/banstitch": r"banstitch-[a-z0-9_-]+\.(alive|bans(\.new)?)"
    r"|(limit|allowed|shield|drift|pardons|page_acts|page_answers)\.json(\.lock|\.new)?",
    "/var/lib/banstitch-rules": r"((checkpoint|alarms|shield)\.json|quiet_hours|trusted)(\.new)?"
    r"|alive|current",
    "/var/lib/banstitch-watch": r"(looked_up|alarms|active|tested|abuseipdb)\.json(\.new)?"
    r"|shared\+[a-z0-9-]{1,30}\+[A-Za-z0-9._-]{1,253}\.(alive|bans(\.new)?)",
    "/var/spool/banstitch-requests": r"[0-9]+-[0-9a-f]+\.json(\.new)?",
    "/var/spool/banstitch-page": r"[0-9]+-[0-9a-f]+\.json(\.new)?",
}
# The files of the agent's own directory.
_MEMORY = r"manifest\.json|bootstrap"
# Directories that programs make beside our files, and that are removed with them.
CHECK = "check"
_SCRAP = ("__pycache__", CHECK)
# The most foreign names of a directory in one answer.
LISTED = 20


def list_foreign(manifest: Manifest) -> dict[str, Foreign]:
    """Return the first :data:`LISTED` names that are not ours in each directory that we made."""
    entries = {entry.id.name: entry for entry in manifest.objects}
    made = [entry.id.name for entry in manifest.objects if _is_made(entry)]
    found = {}
    for path in [*made, STATE]:
        names = [_show(name) for name in itertools.islice(_find_foreign(path, entries), LISTED + 1)]
        if names:
            found[path] = Foreign(sorted(names[:LISTED]), len(names) > LISTED)
    return found


def _is_made(entry: Entry) -> bool:
    return entry.id.kind == "directory" and entry.before is None


def _find_foreign(path: str, entries: dict[str, Entry]) -> Iterator[str]:
    """Yield the names in ``path`` that are neither in the closed set nor objects of the manifest."""
    with open_folder(path) as folder:
        for name in os.listdir(folder) if folder is not None else ():
            kind = read_type(folder, name)
            ours = _is_object(entries.get(os.path.join(path, name)), kind)
            ours = ours or (kind == stat.S_IFREG and is_ours(path, name))
            if not ours and not (kind == stat.S_IFDIR and name in _SCRAP):
                yield name


def _is_object(entry: Entry | None, kind: int) -> bool:
    """Return whether a file of this type can be the object of the manifest that should be there."""
    if entry is None:
        return False
    if entry.id.kind == "directory":
        return kind == stat.S_IFDIR
    return kind == stat.S_IFREG or (kind != stat.S_IFDIR and not entry.data)


def is_ours(path: str, name: str) -> bool:
    """Return whether a file of this name is in the closed set, or was staged for one."""
    pattern = _MEMORY if path == STATE else OURS.get(path, "")
    return name.endswith(host.STAGED) or re.fullmatch(pattern, name) is not None


def read_type(folder: int | None, name: str) -> int:
    """Return the type of a file; 0 if it does not exist."""
    try:
        return stat.S_IFMT(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)
    except FileNotFoundError:
        return 0


def _show(name: str) -> str:
    """Return a name, which may hold any bytes, as text for an answer."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


@contextlib.contextmanager
def open_folder(path: str) -> Iterator[int | None]:
    """Yield a descriptor of the directory itself; None if it does not exist or is a link."""
    try:
        folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        yield None
        return
    try:
        yield folder
    finally:
        os.close(folder)
