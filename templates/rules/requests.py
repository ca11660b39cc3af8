"""Carry out the requests of the spool, as root: ``python3 -m rules.requests``.

The service banstitch-rules reads what attackers cause, so it may ask for two things only: to end the bans of
an address because somebody logged in from there, and to write an alarm or a turn of the shield into the
audit. Everything else in the folder is removed unread. At most MOST bans end within an hour.

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later, standard library only.
"""

from __future__ import annotations

import contextlib
import ipaddress
import json
import pwd
import re
import sys
import time
from typing import Any, NamedTuple, Union

from banstitch_shared.action_client import call_action
from banstitch_shared.ban_file import Ban, list_jails, salvage_file
from banstitch_shared.hourly import format_one_more, read_last_hour
from banstitch_shared.jails import JAIL_NAME
from banstitch_shared.request_file import take_requests
from banstitch_shared.service import replace_file
from banstitch_shared.times import format_minute

from rules.settings import TRUSTED

SPOOL = "/var/spool/banstitch-requests"
BANS = "/var/spool/banstitch"
USER = "banstitch-rules"
# When bans were ended within the last hour, beside the ban files.
ENDED = BANS + "/pardons.json"
# Bans that end within an hour.
MOST = 20
_USER = re.compile(r"(?:[0-9a-f]{2}){0,256}")
_JAIL = re.compile(JAIL_NAME)
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
    for text in take_requests(SPOOL, uid):
        try:
            carry_out(read_request(text, time.time()))
        except (ValueError, LookupError, TypeError, RecursionError, OverflowError) as error:
            print("a request is refused: %s" % str(error)[:200])  # noqa: T201 - the journal


def read_request(text: bytes, now: float) -> Request | Turn:
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


def carry_out(request: Request | Turn) -> None:
    """End the bans that a login contradicts, or write an alarm or a turn of the shield into the audit."""
    if isinstance(request, Turn):
        words = {"until": format_minute(request.until), "homes": request.homes}
        note("shield", "", _TURNS[request.mode] % words)
        return
    who = "%s logged in from there" % (request.user or "somebody")
    if request.do == "alarm":
        why = "%s after %d failures: was the password guessed?" % (who, request.failures)
        note("alarm", spell(request.source), why)
    else:
        end_bans(request, who)


def note(what: str, address: str, why: str) -> None:
    """Have fail2ban's action write an entry into the audit; that of any one jail does."""
    for jail in find_jails()[:1]:
        try_call(jail, "note", {"what": what, "address": address, "why": why, "by": USER})


def end_bans(request: Request, why: str) -> None:
    """End the bans that a login contradicts, as far as the limit of this hour allows. Raises OSError."""
    for jail, address in find_bans(request):
        if not take_turn():
            print("%s stays banned: %d bans ended within an hour" % (address, MOST))  # noqa: T201
            return
        try_call(jail, "unban_by_hand", {"address": address, "why": why, "by": USER})


def find_jails() -> list[str]:
    """Return the jails of ours that have a ban file."""
    return [jail for jail in list_jails(BANS) if _JAIL.fullmatch(jail)]


def find_bans(request: Request) -> list[tuple[str, str]]:
    """Return jail and address of each ban that denied the source before its login.

    The jail of trusted sources is left out: it counts what happens after logins.
    """
    return [
        (jail, ban.address)
        for jail in find_jails()
        if not jail.endswith("-" + TRUSTED)
        for ban in read_bans(jail)
        # bans by hand follow no failure, and stay
        if ban.failures and ban.since <= request.at and is_inside(request.source, ban.address)
    ]


def read_bans(jail: str) -> list[Ban]:
    """Return the bans of a jail; none if its file cannot be read."""
    with contextlib.suppress(OSError):
        return salvage_file(BANS, jail)
    return []


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


def try_call(jail: str, method: str, details: dict[str, str]) -> None:
    """Call a method of fail2ban's action, and report a failure in the journal."""
    try:
        call_action(jail, method, details)
    except OSError as error:
        print(error, file=sys.stderr)  # noqa: T201


if __name__ == "__main__":
    main()
