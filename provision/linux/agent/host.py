"""Run programs on the host, and write files that are whole or not there at all."""

from __future__ import annotations

import errno
import grp
import os
import pwd
import stat
import subprocess
import time
from collections.abc import Sequence
from threading import Event
from typing import NamedTuple

# Seconds. A package download on a slow line is the longest thing that may happen.
PROGRAM_TIMEOUT = 900
# Seconds between two looks whether a program is still wanted.
PAUSE = 0.1
# Bytes. A file of 300,000 bans takes 20 MB.
LARGEST_READ = 64 << 20
# Hidden, and with an ending that logrotate, systemd and fail2ban all pass over.
STAGED = ".banstitch.dpkg-new"


# What an operator can do about an error of the system.
REMEDIES = {
    errno.ENOSPC: "free some space there",
    errno.EDQUOT: "raise its quota",
    errno.EROFS: "mount it writable",
    errno.EPERM: "see `lsattr` for the attribute that forbids it",
}


class HostError(Exception):
    """Something failed on the host; the text is for the operator."""


def explain(error: OSError) -> str:
    """Return an error of the system as a sentence, with its path and the remedy."""
    path = error.filename if isinstance(error.filename, str) else ""
    remedy = REMEDIES.get(error.errno or 0, "")
    what = f"{path or 'this host'}: {error.strerror or error}"
    return f"{what}; {remedy}, then run again" if remedy else what


class Ran(NamedTuple):
    """The result of a program: exit status, and both outputs as one text."""

    status: int
    output: str


def run(
    argv: Sequence[str],
    timeout: float = PROGRAM_TIMEOUT,
    unwanted: Event | None = None,
    **extra: str,
) -> Ran:
    """Run ``argv`` in a neutral locale; ``extra`` are environment variables.

    The program is killed after ``timeout`` seconds, or when ``unwanted`` is set.
    """
    environment = dict(os.environ, LC_ALL="C.UTF-8", DEBIAN_FRONTEND="noninteractive", **extra)
    environment["PATH"] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    try:
        with subprocess.Popen(
            list(argv),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment,
        ) as process:
            output = _communicate(process, timeout, unwanted)
    except FileNotFoundError:
        return Ran(127, argv[0] + ": not installed")
    except subprocess.TimeoutExpired as error:
        text = (error.stdout or b"").decode("utf-8", "replace")
        return Ran(124, f"{text}\n{argv[0]}: did not end within {timeout:.0f} s")
    return Ran(process.returncode, output.decode("utf-8", "replace").strip())


def _communicate(process: subprocess.Popen[bytes], timeout: float, unwanted: Event | None) -> bytes:
    """Return the output of a program that ends in time; kill it and raise TimeoutExpired otherwise."""
    deadline = time.monotonic() + timeout
    try:
        while True:
            left = deadline - time.monotonic()
            try:
                return process.communicate(timeout=min(left, PAUSE) if unwanted else left)[0]
            except subprocess.TimeoutExpired:
                if unwanted is None or unwanted.is_set() or left <= PAUSE:
                    raise
    except BaseException:
        process.kill()
        raise


def must(argv: Sequence[str], timeout: float = PROGRAM_TIMEOUT) -> str:
    """Run ``argv`` and return its output; raise with its last lines if it fails."""
    done = run(argv, timeout)
    if done.status:
        raise HostError(f"`{' '.join(argv)}` failed ({done.status}):\n{tail(done.output)}")
    return done.output


def tail(text: str, lines: int = 15) -> str:
    """Return the last lines of an output, in which programs give the reason."""
    return "\n".join(text.splitlines()[-lines:])


def staged_path(path: str) -> str:
    """Return the path of the staged content: in the same directory, so that a rename is atomic."""
    folder, base = os.path.split(path)
    return os.path.join(folder, "." + base + STAGED)


def sync_folder(path: str) -> None:
    """Make a rename or a removal in the folder of ``path`` survive a power loss."""
    descriptor = os.open(os.path.dirname(path) or "/", os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def stage(path: str, content: bytes, mode: int, owner: str, group: str) -> str:
    """Write ``content`` beside ``path`` with its final mode and owner, and return the name of that file."""
    staged = staged_path(path)
    remove(staged)
    descriptor = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            os.fchown(file.fileno(), uid(owner), gid(group))
            os.fchmod(file.fileno(), mode)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        remove(staged)
        error.filename = path
        raise
    except LookupError:
        remove(staged)
        raise
    return staged


def commit(*paths: str) -> None:
    """Move the files that were staged for ``paths`` into their places, and sync each folder once."""
    for path in paths:
        try:
            os.replace(staged_path(path), path)
        except OSError as error:
            error.filename = path
            raise
    for folder in dict.fromkeys(map(os.path.dirname, paths)):
        sync_folder(os.path.join(folder, ""))


def write(path: str, content: bytes, mode: int, owner: str, group: str) -> None:
    """Replace a file: afterwards it is the new one or the old one, never a part of one."""
    stage(path, content, mode, owner, group)
    commit(path)


def give(path: str, mode: int, owner: str, group: str) -> None:
    """Give ``path`` itself, a file or a folder, its mode and owner; never what a link there points to.

    Raises:
        HostError: a link is there. Up to release 0.1 the receiver's user owned a folder and could put
            one there.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if os.path.islink(path):
            raise HostError(f"{path} is a link, which is not followed; remove it") from error
        raise
    try:
        # in this order, since a service that writes as the group must not be locked out in between
        os.fchmod(descriptor, mode)
        os.fchown(descriptor, uid(owner), gid(group))
    finally:
        os.close(descriptor)


def remove(path: str) -> None:
    """Remove what is at ``path``, whatever it is; a folder by `rm`, which walks into any depth."""
    if os.path.isdir(path) and not os.path.islink(path):
        must(["rm", "-rf", "--", path])
    elif os.path.lexists(path):
        os.unlink(path)
        sync_folder(path)


def uid(owner: str) -> int:
    """Return the number of a user; a number is returned as it is, so that any owner can be restored."""
    return int(owner) if owner.isdigit() else pwd.getpwnam(owner).pw_uid


def gid(group: str) -> int:
    """Return the number of a group; a number is returned as it is."""
    return int(group) if group.isdigit() else grp.getgrnam(group).gr_gid


def has_user(name: str) -> bool:
    """Return whether the system knows this user."""
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


def has_group(name: str) -> bool:
    """Return whether the system knows this group."""
    try:
        grp.getgrnam(name)
    except KeyError:
        return False
    return True


def owner_name(number: int) -> str:
    """Return the name of a user number, or the number if it has none."""
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def group_name(number: int) -> str:
    """Return the name of a group number, or the number if it has none."""
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)


def read(path: str) -> bytes | None:
    """Return the content of a file, or None if it does not exist. Never wait at a pipe.

    Raises:
        HostError: it is no regular file, or too large to be one of those that are read here.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return None
    with open(descriptor, "rb", closefd=True) as file:
        about = os.fstat(descriptor)
        if stat.S_ISDIR(about.st_mode):
            return None
        if not stat.S_ISREG(about.st_mode) or about.st_size > LARGEST_READ:
            raise HostError(f"{path} must be a regular file of at most 64 MiB; remove it")
        return file.read(LARGEST_READ)
