"""The ban file: the live bans of one jail, which fail2ban's action writes and replaces as a whole.

    # banstitch 1
    ADDRESS UNTIL SINCE FAILURES COUNT
    end N

UNTIL and SINCE are epoch seconds, UNTIL is -1 for ever, COUNT is how often the address has been banned so
far, and N is the number of bans, so that a file that was cut is recognised. What has expired may stand
there a little longer.

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later, standard library only.
"""

from __future__ import annotations

import glob
import os
import time
from collections.abc import Iterable, Iterator
from typing import NamedTuple

HEAD = "# banstitch 1"
# The suffixes of a jail's ban file, and of the file whose time is that of the last maintenance.
BANS = ".bans"
ALIVE = ".alive"
FOREVER = float("inf")
# The latest time of a ban, and how often one may be counted.
_LATEST = 1e15
_MOST = 10**9


class Ban(NamedTuple):
    """One ban of an address or a network. Times in epoch seconds; ``until`` may be FOREVER."""

    address: str
    until: float
    since: float
    failures: int
    # how often the address has been banned so far
    times: int


def find_ban_file(folder: str, jail: str) -> str:
    """Return the path of a jail's ban file."""
    return os.path.join(folder, jail + BANS)


def find_sign_of_life(folder: str, jail: str) -> str:
    """Return the path of the file whose time is that of a jail's last maintenance."""
    return os.path.join(folder, jail + ALIVE)


def list_jails(folder: str) -> list[str]:
    """Return the jails that have a ban file in a folder, in order."""
    paths = glob.glob(os.path.join(glob.escape(folder), "*" + BANS))
    return sorted(os.path.basename(path)[: -len(BANS)] for path in paths)


def parse_bans(text: str) -> list[Ban]:
    """Return the bans of a whole file.

    Raises:
        ValueError: the file was cut, or holds something else than bans.
    """
    lines = text.split("\n")
    if not _is_whole(lines):
        raise ValueError("it was cut")
    return list(map(parse_ban, lines[1:-2]))


def read_bans(lines: Iterable[str]) -> Iterator[Ban]:
    """Return the bans of a file line by line: what comes counts only if nothing is raised at the end.

    Raises:
        ValueError: the file was cut, or holds something else than bans.
    """
    return map(parse_ban, read_framed(lines, HEAD, "it was cut"))


def read_framed(lines: Iterable[str], head: str, damage: str) -> Iterator[str]:
    """Yield the lines between a head and an end that counts them. Raises ValueError with ``damage``."""
    lines, count = iter(lines), 0
    line = next(lines, "")
    if line != head + "\n":
        raise ValueError(damage)
    for line in lines:
        if line.startswith("end "):
            break
        yield line
        count += 1
    if line != "end %d\n" % count or next(lines, ""):
        raise ValueError(damage)


def salvage_bans(text: str) -> tuple[list[Ban], bool]:
    """Return every readable ban of a file, and whether the file is complete."""
    lines, bans = text.split("\n"), []
    is_whole = _is_whole(lines)
    for line in lines[1:-2] if is_whole else lines[1:-1]:
        try:
            bans.append(parse_ban(line))
        except ValueError:
            is_whole = False
    return bans, is_whole


def salvage_file(folder: str, jail: str) -> list[Ban]:
    """Return every readable ban of a jail. Raises OSError."""
    with open(find_ban_file(folder, jail), encoding="ascii", errors="replace") as stream:
        return salvage_bans(stream.read())[0]


def _is_whole(lines: list[str]) -> bool:
    return lines[0] == HEAD and lines[-2:] == ["end %d" % (len(lines) - 3), ""]


def parse_ban(line: str) -> Ban:
    """Return the ban of a line; its address is not checked. Raises ValueError."""
    address, until, since, failures, count = line.split(" ")
    ban = Ban(
        address,
        FOREVER if until == "-1" else float(until),
        float(since),
        int(failures),
        int(count),
    )
    has_times = 0 <= ban.since <= _LATEST and (until == "-1" or 0 <= ban.until <= _LATEST)
    if not (has_times and 0 <= ban.failures <= _MOST and 0 <= ban.times <= _MOST):
        raise ValueError("no ban: " + line)
    return ban


def format_ban(ban: Ban) -> str:
    """Return the line of a ban, with its line end."""
    return "%s %d %d %d %d\n" % (
        ban.address,
        round_end(ban.until),
        ban.since,
        ban.failures,
        ban.times,
    )


def join_lines(lines: Iterable[str]) -> str:
    """Return the content of a file whose bans have these lines."""
    lines = list(lines)
    return "%s\n%send %d\n" % (HEAD, "".join(lines), len(lines))


def compute_end(began: float, bantime: float) -> float:
    """Return when a ban ends; a negative time is for ever."""
    return FOREVER if float(bantime) < 0 else float(began) + float(bantime)


def round_end(until: float) -> int:
    """Return an end in whole seconds, rounded up so that no ban ends early. -1 is for ever."""
    return -1 if until == FOREVER else int(-(-until // 1))


def format_end(until: float) -> str:
    """Return an end as an operator reads it."""
    return "further notice" if until == FOREVER else time.strftime("%F %T", time.localtime(until))
