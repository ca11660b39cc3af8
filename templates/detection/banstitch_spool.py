"""The files in the spool, from which the receiver serves: the bans of a jail, and a sign of life.

Managed by Banstitch: changes made here are overwritten. Loaded by banstitch.py beside it.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import time

from banstitch_shared.addresses import spell_ban
from banstitch_shared.ban_file import Ban, format_ban, join_lines, salvage_bans

# Bytes of a file of 300,000 bans, and more.
LARGEST = 64 << 20
# So many seconds after its last write a jail of an earlier name is stopped for good.
REST = 30.0


class BansFile:
    """The live bans of one jail, replaced as a whole: a reader sees the old ones or the new ones."""

    def __init__(self, path: str, group: int, earlier: str = "") -> None:
        """Take over the file ``earlier`` of a jail that had another name, unless there is one already."""
        self.path = path
        self._earlier, self._taken_at = earlier, 0.0
        if earlier and self.missing():
            # the receiver reads the file by its earlier name until it restarts with the new settings
            with contextlib.suppress(OSError):
                os.link(earlier, path)
                self._taken_at = time.time()
        self._fresh = path + ".new"
        self._group = group
        # {address: (ban, its line)}: of 100,000 bans few are new from one write to the next
        self._lines: dict[str, tuple[Ban, str]] = {}

    def read(self) -> tuple[dict[str, Ban], str]:
        """Return the bans and an error. Every whole line of a damaged file counts."""
        with contextlib.suppress(OSError):
            os.unlink(self._fresh)  # of a server that died while it wrote
        try:
            text = read_content(self.path).decode("ascii", "replace")
        except OSError as error:
            return {}, str(error)
        bans, is_whole = salvage_bans(text)
        found: dict[str, Ban] = {}
        for ban in bans:
            try:
                address = spell_ban(ban.address)
                found[address] = ban if address == ban.address else ban._replace(address=address)
            except ValueError:
                is_whole = False
        return found, "" if is_whole else self.path + " is damaged; what can be read of it is kept"

    def drop_earlier(self, now: float) -> None:
        """Remove the file of the earlier name once its jail and the receiver have stopped to use it."""
        with contextlib.suppress(OSError):
            if (
                self._earlier
                and now - self._taken_at > REST
                and now - os.stat(self._earlier).st_mtime > REST
                and not self.missing()
            ):
                os.unlink(self._earlier)

    def missing(self) -> bool:
        """Return whether the file was removed; False if that cannot be checked."""
        try:
            os.lstat(self.path)
        except FileNotFoundError:
            return True
        except OSError:
            pass
        return False

    def write(self, bans: dict[str, Ban]) -> None:
        """Replace the file, safe against a power cut. After an OSError it is as it was."""
        if len(self._lines) > 2 * len(bans) + 1000:
            self._lines.clear()
        text = join_lines(map(self._format, bans.values()))
        new = os.open(self._fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o640)
        try:
            os.fchmod(new, 0o640)
            os.fchown(new, 0, self._group)
            data = text.encode("ascii")
            while data:
                data = data[os.write(new, data) :]
            os.fsync(new)
        finally:
            os.close(new)
        os.rename(self._fresh, self.path)
        directory = os.open(os.path.dirname(self.path), os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)

    def _format(self, ban: Ban) -> str:
        known = self._lines.get(ban.address)
        if known is None or known[0] is not ban:
            known = self._lines[ban.address] = (ban, format_ban(ban))
        return known[1]


def read_content(path: str) -> bytes:
    """Return the content of a regular file of sane size, without ever waiting.

    Raises:
        OSError: the path is anything else.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(descriptor, "rb") as stream:
        about = os.fstat(descriptor)
        if not stat.S_ISREG(about.st_mode) or about.st_size > LARGEST:
            raise OSError(errno.EINVAL, "not a ban file", path)
        return stream.read()


class SignOfLife:
    """An empty file whose time says when fail2ban last looked after the bans of a jail."""

    def __init__(self, path: str, group: int) -> None:
        self._path = path
        self._group = group

    def give(self) -> None:
        """Renew the sign. An existing file needs no room on a full disk. Raises OSError."""
        try:
            os.utime(self._path)
        except FileNotFoundError:
            how = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            new = os.open(self._path, how, 0o640)
            try:
                os.fchmod(new, 0o640)
                os.fchown(new, 0, self._group)
            finally:
                os.close(new)
