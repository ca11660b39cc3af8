"""Carry out the requests of the spool, as root: ``python3 -m rules.requests``.

The service banstitch-rules reads what attackers cause, so it may ask for two things only: to end the bans of
an address because somebody logged in from there, and to write an alarm or a turn of the shield into the
audit. Everything else in the folder is removed unread. At most MOST bans end within an hour.

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later, standard library only.
"""

from __future__ import annotations

import contextlib
import glob
import ipaddress
import itertools
import json
import os
import pwd
import re
import stat
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, Union

from banstitch_shared.hourly import HOUR, format_one_more, read_last_hour
from banstitch_shared.service import replace_file

from rules.settings import TRUSTED

SPOOL = "/var/spool/banstitch-requests"
BANS = "/var/spool/banstitch"
USER = "banstitch-rules"
# When bans were ended within the last hour, beside the ban files.
ENDED = BANS + "/pardons.json"
# Bans that end within an hour, bytes of a request, requests of one run, seconds that a program has.
MOST, LONGEST, AT_ONCE, PATIENCE = 20, 1000, 200, 15
# Names that one run looks at; what is left starts the next one.
MOST_NAMES = 2000
_NAME = re.compile(r"[0-9]{13,15}-[0-9a-f]{8}\.json")
_USER = re.compile(r"(?:[0-9a-f]{2}){0,256}")
_JAIL = re.compile(r"banstitch-[a-z0-9_-]{1,99}")
# The turns of the shield, in words.
_TURNS = {
    "up": "SHIELD UP until %(until)s UTC: all but %(homes)d networks of recent logins are denied",
    "alarm": "SHIELD ALARM: it would be up until %(until)s UTC, for all but %(homes)d networks",
    "down": "the shield is down",
}
_LATEST = 1e11

Network = Union[ipaddress.IPv4Network, ipaddress.IPv6Network]


class Request(NamedTuple):
    """A valid request. ``user`` is printable; ``failures`` belongs to an alarm."""

    do: str
    at: float
    source: Network
    user: str
    failures: int


class Turn(NamedTuple):
    """A turn of the shield, as shielding.py reports it."""

    mode: str
    until: float
    homes: int


def main() -> None:
    """Wait a moment, and carry out what is there then.

    A ban that was decided just before has begun by then, and a flood of files starts this once a second.
    """
    time.sleep(1)
    uid = pwd.getpwnam(USER).pw_uid
    for text in take_files(SPOOL, uid):
        try:
            carry_out(read_request(text, time.time()))
        except (ValueError, LookupError, TypeError, RecursionError, OverflowError) as error:
            print("a request is refused: %s" % str(error)[:200])  # noqa: T201 - the journal


def take_files(folder: str, uid: int, fresh: float = HOUR) -> Iterator[bytes]:
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
        text = read_file(path, uid) if is_request and number < AT_ONCE else b""
        remove(path)
        if text:
            yield text


def _is_fresh(path: str, seconds: float) -> bool:
    with contextlib.suppress(OSError):
        about = os.lstat(path)
        return about.st_size <= LONGEST and abs(time.time() - about.st_mtime) < seconds
    return False


def read_file(path: str, uid: int) -> bytes:
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


def remove(path: str) -> None:
    """Remove what lies at a path, and follow no link. `rm` walks into folders of any depth."""
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        try:
            os.unlink(path)
        except IsADirectoryError:
            subprocess.run(["rm", "-rf", "--", path], timeout=PATIENCE, check=False)


def read_request(text: bytes, now: float) -> Union[Request, Turn]:  # noqa: UP007 - Python 3.9
    """Return the request of a file.

    Raises:
        ValueError, LookupError, TypeError, RecursionError, OverflowError: it is none.
    """
    found = json.loads(text)
    if found["do"] == "shield":
        return _read_turn(found)
    if set(found) != {"do", "at", "address", "user", "failures"}:
        raise ValueError("it must have five fields")
    if found["do"] not in ("pardon", "alarm"):
        raise ValueError("it is not a request that this unit knows")
    at, failures = float(found["at"]), int(found["failures"])
    if not 0 < at <= now + 1 or not 0 <= failures < 1 << 31:
        raise ValueError("its time or its number is not possible")
    source = ipaddress.ip_network(str(found["address"]))
    if source.prefixlen < (32 if source.version == 4 else 48):
        raise ValueError("it names a network")
    if not _USER.fullmatch(found["user"]):
        raise ValueError("its user is not in hex")
    user = bytes.fromhex(found["user"]).decode("utf-8", "replace")
    return Request(found["do"], at, source, user.encode("unicode_escape").decode("ascii"), failures)


def _read_turn(found: dict[str, Any]) -> Turn:
    turn = Turn(str(found["mode"]), float(found["until"]), int(found["homes"]))
    if turn.mode not in _TURNS or not 0 < turn.until < _LATEST or not 0 <= turn.homes < 1 << 31:
        raise ValueError("its mode or its numbers are not possible")
    return turn


def carry_out(request: Union[Request, Turn]) -> None:  # noqa: UP007 - Python 3.9
    """End the bans that a login contradicts, or write an alarm or a turn of the shield into the audit."""
    if isinstance(request, Turn):
        until = time.strftime("%Y-%m-%d %H:%M", time.gmtime(request.until))
        why = _TURNS[request.mode] % {"until": until, "homes": request.homes}
        for jail in find_jails()[:1]:
            call(jail, "note", {"what": "shield", "address": "", "why": why, "by": USER})
        return
    who = "%s logged in from there" % (request.user or "somebody")
    if request.do == "alarm":
        why = "%s after %d failures: was the password guessed?" % (who, request.failures)
        for jail in find_jails()[:1]:
            details = {"address": spell(request.source), "why": why, "by": USER}
            call(jail, "note", {"what": "alarm", **details})
        return
    for jail, address in find_bans(request):
        if not take_turn():
            print("%s stays banned: %d bans ended within an hour" % (address, MOST))  # noqa: T201
            return
        call(jail, "unban_by_hand", {"address": address, "why": who, "by": USER})


def find_jails() -> list[str]:
    """Return the jails that have a ban file."""
    names = [os.path.basename(path)[: -len(".bans")] for path in glob.glob(BANS + "/*.bans")]
    return sorted(name for name in names if _JAIL.fullmatch(name))


def find_bans(request: Request) -> list[tuple[str, str]]:
    """Return jail and address of each ban that denied the source before its login.

    The jail of trusted sources is left out: it counts what happens after logins.
    """
    return [
        (jail, address)
        for jail in find_jails()
        if not jail.endswith("-" + TRUSTED)
        for address, since in read_bans(os.path.join(BANS, jail + ".bans"))
        if since <= request.at and is_inside(request.source, address)
    ]


def read_bans(path: str) -> Iterator[tuple[str, float]]:
    """Yield address and beginning of each ban by events in a ban file; not those by hand."""
    with contextlib.suppress(OSError, ValueError), open(path, encoding="ascii") as stream:
        for line in stream:
            fields = line.split(" ")
            if len(fields) == 5 and fields[3] != "0":
                yield fields[0], float(fields[2])


def is_inside(source: Network, address: str) -> bool:
    """Return whether a ban of ``address`` denies the source."""
    text = spell(source)
    if address == text or "/" not in address or (":" in address) != (source.version == 6):
        return address == text
    network: Any = ipaddress.ip_network(address)
    return bool(source.subnet_of(network))


def spell(source: Network) -> str:
    """Return a source as ban files spell it."""
    return str(source.network_address) if source.num_addresses == 1 else str(source)


def take_turn() -> bool:
    """Return whether one more ban may end within this hour. Raises OSError."""
    ended = read_last_hour(ENDED)
    if len(ended) >= MOST:
        return False
    replace_file(ENDED, format_one_more(ended, USER), 0o600)
    return True


def call(jail: str, method: str, details: dict[str, str]) -> None:
    """Call a method of our action in the running fail2ban, and report a failure in the journal."""
    try:
        ask_fail2ban(jail, method, details)
    except OSError as error:
        print(error, file=sys.stderr)  # noqa: T201


def ask_fail2ban(jail: str, method: str, details: dict[str, str]) -> None:
    """Call a method of our action in the running fail2ban. Raises OSError with a sentence."""
    words: Sequence[str] = ("set", jail, "action", "banstitch", method, json.dumps(details))
    try:
        done = subprocess.run(
            ["/usr/bin/fail2ban-client", *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=PATIENCE,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise OSError("fail2ban does not answer: %s" % error) from error
    if done.returncode:
        text = done.stdout.decode("utf-8", "replace").strip()[-300:]
        raise OSError("fail2ban refuses: %s" % text)


if __name__ == "__main__":
    main()
