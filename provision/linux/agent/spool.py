"""The files of live bans, one a jail, that fail2ban's action keeps; see templates/detection."""

from __future__ import annotations

import glob
import os
import time
from collections.abc import Sequence
from typing import Any, Optional

from provision.linux.agent.host import HostError, read

HEAD = "# banstitch 1"
OURS = "banstitch-"


def read_bans(spool: str, jail: str) -> list[dict[str, Any]]:
    """The bans in a jail's file, in its order.

    Raises:
        HostError: it is not there, or damaged.
    """
    path = os.path.join(spool, jail + ".bans")
    raw = read(path)
    if raw is None:
        raise HostError(f"{path} is not there: the bans are not known; does fail2ban run?")
    lines = raw.decode("ascii", "replace").splitlines()
    damaged = HostError(f"{path} is damaged; `fail2ban-client reload` writes it anew")
    if lines[:1] != [HEAD] or lines[-1:] != [f"end {len(lines) - 2}"]:
        raise damaged
    try:
        return [_ban(line, jail) for line in lines[1:-1]]
    except ValueError:
        raise damaged from None


def read_live_bans(spool: str, jail: str) -> list[dict[str, Any]]:
    """:func:`read_bans` without what is over: fail2ban takes that out, and may be down."""
    now = time.time()
    return [ban for ban in read_bans(spool, jail) if ban["until"] == -1 or ban["until"] > now]


def live(folders: Sequence[str]) -> dict[str, Optional[int]]:  # noqa: UP045 - Python 3.9
    """Return how many bans each of our jails with a file in ``folders`` has; None where it is damaged."""
    paths = [path for folder in folders for path in list_ban_files(folder)]
    paths = [path for path in paths if jail_of(path).startswith(OURS)]
    return {jail_of(path): _count(path) for path in sorted(paths)}


def list_ban_files(folder: str) -> list[str]:
    """The files in ``folder`` that hold a jail's bans, by name."""
    return sorted(glob.glob(os.path.join(glob.escape(folder), "*.bans")))


def _count(path: str) -> Optional[int]:  # noqa: UP045 - Python 3.9
    try:
        return len(read_live_bans(os.path.dirname(path), jail_of(path)))
    except HostError:
        return None


def jail_of(path: str) -> str:
    """The jail whose bans a file holds, by its name."""
    return os.path.basename(path)[: -len(".bans")]


def _ban(line: str, jail: str) -> dict[str, Any]:
    address, until, since, failures, count = line.split()
    return {
        "address": address,
        "jail": jail,
        "until": float(until),
        "since": float(since),
        "failures": int(failures),
        "count": int(count),
    }
