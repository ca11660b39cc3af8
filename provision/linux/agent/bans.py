"""What an operator asks of the bans: who is banned, ban this one, free that one, what happened.

The bans are fail2ban's; the file that its action keeps (one a jail) tells them with what fail2ban does
not: since when, after how many events, for the how-manieth time. See templates/detection.
"""

from __future__ import annotations

import glob
import itertools
import json
import os
import stat
import time
from collections.abc import Iterator, Sequence
from typing import Any, Optional

from provision.linux.agent.host import HostError, must, read

Request = dict[str, Any]
HEAD = "# banstitch 1"
# Bytes of the audit that one answer holds at most: some 30,000 entries.
MOST_HISTORY = 32 << 20


def bans(request: Request) -> dict[str, Any]:
    """Every live ban of ``request["jails"]``, by jail, then in the order of the file.

    Answer: ``bans``: [{address, jail, until, since, failures, count}], times in epoch seconds,
    ``until`` -1 for ever.

    Raises:
        HostError: the bans of a jail are not known.
    """
    found = [ban for jail in request["jails"] for ban in of_jail(request["spool"], jail)]
    return {"bans": found}


def of_jail(spool: str, jail: str) -> list[dict[str, Any]]:
    """The bans in a jail's file."""
    path = os.path.join(spool, jail + ".bans")
    raw = read(path)
    if raw is None:
        raise HostError(f"{path} is not there: the bans are not known; does fail2ban run?")
    lines = raw.decode("ascii", "replace").splitlines()
    if lines[:1] != [HEAD] or lines[-1:] != [f"end {len(lines) - 2}"]:
        raise HostError(f"{path} is damaged; `fail2ban-client reload` writes it anew")
    return [_ban(line, jail) for line in lines[1:-1]]


def live(folders: Sequence[str]) -> dict[str, Optional[int]]:  # noqa: UP045 - Python 3.9
    """How many bans each jail with a file in ``folders`` has just now; None where it is damaged."""
    paths = [path for folder in folders for path in glob.glob(os.path.join(folder, "*.bans"))]
    return {os.path.basename(path)[: -len(".bans")]: _live(path) for path in sorted(paths)}


def _live(path: str) -> Optional[int]:  # noqa: UP045 - Python 3.9
    now = time.time()
    try:
        ends = [float(line.split()[1]) for line in (read(path) or b"").splitlines()[1:-1]]
    except (IndexError, ValueError):
        return None
    return sum(end == -1 or end > now for end in ends)


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


def ban(request: Request) -> dict[str, Any]:
    """Ban ``address`` in ``jail`` for ``seconds`` (-1 for ever, None as the jail says)."""
    details = {key: request[key] for key in ("address", "seconds", "by", "why")}
    _tell_action(request["jail"], "ban_by_hand", details)
    return {"changed": True}


def unban(request: Request) -> dict[str, Any]:
    """Free ``address`` in all ``jails``; ``changed`` tells whether any held it."""
    held = [
        jail
        for jail in request["jails"]
        if any(each["address"] == request["address"] for each in of_jail(request["spool"], jail))
    ]
    for jail in held:
        details = {key: request[key] for key in ("address", "by", "why")}
        _tell_action(jail, "unban_by_hand", details)
    return {"changed": bool(held)}


def _tell_action(jail: str, method: str, details: dict[str, Any]) -> None:
    """Call a method of our action in the running server: `set JAIL action ACTION METHOD JSON`."""
    must(["fail2ban-client", "set", jail, "action", "banstitch", method, json.dumps(details)])


def history(request: Request) -> dict[str, Any]:
    """The last ``last`` entries of the audit, oldest first, as many rotated files back as that takes.

    Answer: ``history``: the entries as the action wrote them; ``left_out``: whether there are older
    ones among the ``last`` than one answer can hold.
    """
    found: list[dict[str, Any]] = []
    room, left_out = MOST_HISTORY, False
    for line in newest_first(request["audit"]):
        left_out = len(found) < request["last"] and len(line) >= room
        if left_out or len(found) == request["last"]:
            break
        room -= len(line) + 1
        found += _entry(line)
    found.reverse()
    return {"history": found, "left_out": left_out}


def newest_first(audit: str) -> Iterator[bytes]:
    """The lines of the audit and of what was rotated away, the last one first.

    One file at a time is held. What is rotated meanwhile comes by again under its next name.
    """
    seen: set[int] = set()
    for age in itertools.count():
        try:
            number, data = _end_of(f"{audit}.{age}" if age else audit)
        except FileNotFoundError:
            if age:
                return
            continue
        if number not in seen:
            yield from reversed(data.splitlines())
        seen.add(number)


def _end_of(path: str) -> tuple[int, bytes]:
    """Inode and the last bytes of a file in the receiver's directory, where it could put anything."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with open(descriptor, "rb") as file:
        about = os.fstat(descriptor)
        if not stat.S_ISREG(about.st_mode):
            raise HostError(f"{path} is no plain file")
        file.seek(max(0, about.st_size - MOST_HISTORY))
        return about.st_ino, file.read(MOST_HISTORY)


def _entry(line: bytes) -> list[dict[str, Any]]:
    """One entry, or none where a line was cut short by a power loss."""
    try:
        found = json.loads(line)
        return [found] if isinstance(found["at"], (int, float)) else []
    except (ValueError, LookupError, TypeError, RecursionError):
        return []
