"""Remove the data of services, keep them as root's, or give those of an earlier release to their new owner.

foreign.py distinguishes our files from those of others, and says why nothing is opened by its path.
"""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import stat

from provision.linux.agent import STATE, host
from provision.linux.agent.foreign import CHECK, is_ours, open_folder, read_type
from provision.linux.agent.memory import Manifest


def purge(path: str) -> None:
    """Remove our files from a data directory, and the directory itself if it is then empty."""
    with open_folder(path) as folder:
        if folder is None:
            return
        for name in os.listdir(folder):
            if is_ours(path, name):
                _drop(folder, name)
    with contextlib.suppress(OSError):
        os.rmdir(path)
        host.sync_folder(path)


def forget() -> None:
    """Remove the agent's own directory, unless it holds something else."""
    host.remove(os.path.join(STATE, CHECK))
    purge(STATE)


def drop(path: str) -> None:
    """Remove a data file, unless something else has its name."""
    with open_folder(os.path.dirname(path)) as folder:
        if folder is not None:
            _drop(folder, os.path.basename(path))


def _drop(folder: int, name: str) -> None:
    if read_type(folder, name) == stat.S_IFREG:
        # whatever has taken its place: only a name is removed, no directory and no target of a link
        with contextlib.suppress(FileNotFoundError, IsADirectoryError):
            os.unlink(name, dir_fd=folder)


def hand_over(path: str, owner: str, group: str) -> None:
    """Make the new owner of a data directory own the files that an earlier deployment left in it."""
    with open_folder(path) as folder:
        for name in os.listdir(folder) if folder is not None else ():
            if not is_ours(path, name):
                continue
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            with contextlib.suppress(OSError):
                file = os.open(name, flags, dir_fd=folder)
                try:
                    status = os.fstat(file)
                    # a second name may stand anywhere: it is not ours to give away
                    has_one_name = stat.S_ISREG(status.st_mode) and status.st_nlink == 1
                    if has_one_name and not _is_given(status):
                        _keep_writable(file, name, status)
                        os.fchown(file, host.uid(owner), host.gid(group))
                finally:
                    os.close(file)


def _is_given(status: os.stat_result) -> bool:
    """Return whether root owns a file and has given it to a group that exists."""
    if status.st_uid or not status.st_gid:
        return False
    try:
        grp.getgrgid(status.st_gid)
    except KeyError:
        return False
    return True


def _keep_writable(file: int, name: str, status: os.stat_result) -> None:
    """Let the group write a log that its owner may write: a service of release 0.1 writes as the group."""
    if name.endswith(".log") and status.st_uid and status.st_mode & stat.S_IWUSR:
        os.fchmod(file, stat.S_IMODE(status.st_mode) | stat.S_IRGRP | stat.S_IWGRP)


def keep(path: str, manifest: Manifest) -> None:
    """Make root the owner of our user's files in a directory that stays.

    The user is about to be removed, and another one may get its number. `chown` walks into folders of any
    depth, which the user may have made.
    """
    users = [entry.id.name for entry in manifest.objects if entry.id.kind == "user"]
    known = [pwd.getpwnam(name) for name in users if host.has_user(name)]
    changes = {(f"+{each.pw_uid}", "0") for each in known}
    changes |= {(f":+{each.pw_gid}", ":0") for each in known}
    for theirs, ours in sorted(changes):
        change = ["chown", "-hR", "--from", theirs, ours, "--", path]
        if host.run(change).status:  # a file that went meanwhile is an error to it
            host.must(change)
