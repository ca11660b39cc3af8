"""Read the ban files that fail2ban's action writes, one for each jail (banstitch_shared/ban_file.py).

Managed by Banstitch: changes made here are overwritten.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from banstitch_shared.ban_file import Ban, find_ban_file, find_sign_of_life, parse_bans
from banstitch_shared.signatures import Signature, make_signature, read_signature

from receiver.files import ROOM, Unavailable

# Seconds after which a jail whose action gives no sign of life counts as unmaintained. The action gives
# one every few seconds, but restoring 100,000 bans at a start may keep it busy.
MAINTAINED = 60
# Seconds for which a ban that was over the limit of its FortiGate is reported.
REFUSED_FOR = 3600
# A write takes some microseconds, so two readings are hardly ever torn.
READINGS = 5


class Bans:
    """The ban files of all jails. Their content is not kept here: 100,000 bans are many."""

    def __init__(self, folder: str, jails: Iterable[str]) -> None:
        self.folder = folder
        self.paths = {jail: find_ban_file(folder, jail) for jail in jails}

    def read_signatures(self) -> dict[str, Signature | None]:
        """Return {jail: signature of its file, None if that is missing}."""
        return {jail: read_signature(path) for jail, path in self.paths.items()}

    def read(self) -> tuple[dict[str, Signature], dict[str, list[Ban]]]:
        """Return the signatures and the bans of all jails, expired bans included.

        Raises:
            Unavailable: the file of a jail cannot be read.
        """
        files = {jail: read_bans(path) for jail, path in self.paths.items()}
        signatures = {jail: signature for jail, (signature, _) in files.items()}
        return signatures, {jail: bans for jail, (_, bans) in files.items()}

    def count_refused(self, now: float) -> dict[str, int]:
        """Return {FortiGate: new bans that were over its limit within the last hour}."""
        return self._count_last_hour("refused", now)

    def count_banned(self, now: float) -> int:
        """Return the new bans of the last hour, without those by hand."""
        return sum(self._count_last_hour("banned", now).values())

    def _count_last_hour(self, kind: str, now: float) -> dict[str, int]:
        """Return {FortiGate: number}. The file is that of banstitch_limit.py, beside fail2ban's action."""
        try:
            counts = load_whole(self._read_limit)
            numbers = {
                name: sum(n for start, n in kinds[kind].items() if int(start) > now - REFUSED_FOR)
                for name, kinds in counts.items()
            }
        except (OSError, ValueError, TypeError, LookupError, AttributeError):
            return {}
        found: Counter[str] = Counter()
        for name, number in numbers.items():
            found[name.partition("/")[0]] += number  # NAME/6 counts IPv6
        return {name: number for name, number in found.items() if number}

    def _read_limit(self) -> str:
        with open(os.path.join(self.folder, "limit.json"), encoding="ascii") as stream:
            return stream.read()

    def check_room(self) -> None:
        """Raise Unavailable if fail2ban could not record one more ban: it writes the whole file."""
        sizes = [signature.size for signature in self.read_signatures().values() if signature]
        try:
            room = os.statvfs(self.folder)
        except OSError as error:
            raise Unavailable("cannot read the bans: %s" % error.strerror) from error
        if room.f_bavail * room.f_frsize < ROOM + max(sizes, default=0):
            raise Unavailable("no room to write the bans")
        for path in self.paths.values():
            check_not_read_only(path)

    def check_maintained(self, now: float) -> None:
        """Raise Unavailable if fail2ban's action gives no sign of life: it bans nobody then."""
        for jail in self.paths:
            try:
                silent = now - os.stat(find_sign_of_life(self.folder, jail)).st_mtime
            except OSError:
                silent = float("inf")
            if silent > MAINTAINED:
                raise Unavailable("fail2ban does not maintain %s: check that it runs" % jail)


def load_whole(read: Callable[[], str]) -> Any:
    """Return the JSON that ``read`` returns, which is written in place: a torn text is read again.

    Raises:
        ValueError: none of a few readings was JSON.
    """
    for _ in range(READINGS - 1):
        with contextlib.suppress(ValueError):
            return json.loads(read())
    return json.loads(read())


def check_not_read_only(path: str) -> None:
    """Raise Unavailable if the file is on a read-only file system.

    Nothing is written. The receiver may not write there, but the kernel reports a read-only file system
    before it reports a missing permission.
    """
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CLOEXEC))
    except OSError as error:
        if error.errno == errno.EROFS:
            raise Unavailable("cannot write the bans: %s" % error.strerror) from error


def read_bans(path: str) -> tuple[Signature, list[Ban]]:
    """Return the signature and the bans of one file. Raises Unavailable."""
    what = "the bans of " + os.path.basename(path)
    try:
        with open(path, encoding="ascii") as stream:
            signature = make_signature(os.fstat(stream.fileno()))
            bans = parse_bans(stream.read())
    except OSError as error:
        raise Unavailable("cannot read %s: %s" % (what, error.strerror)) from error
    except ValueError as error:
        raise Unavailable("cannot parse %s: %s" % (what, error)) from error
    return signature, bans
