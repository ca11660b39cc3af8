"""The bans that sites share: the list that a site offers to its peers, and the same list where it was taken.

    # banstitch share 1
    ADDRESS UNTIL SINCE JAIL
    end N

What the receiver denies for peers is a file of lines ADDRESS UNTIL SINCE JAIL SITE,SITE.

UNTIL and SINCE are epoch seconds, UNTIL is -1 for ever, JAIL is the rule that banned. A peer may be taken
over, so what it offers is read as data: a list has a largest size, a network is at most as wide as one that a
rule bans, and a list with one wrong line counts as none.

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later, standard library only.
"""

from __future__ import annotations

import contextlib
import heapq
import io
import itertools
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from banstitch_shared.addresses import (
    Network,
    do_overlap,
    parse_network,
    spell_ban,
    spell_network,
)
from banstitch_shared.ban_file import ALIVE, BANS, FOREVER, read_framed, round_end
from banstitch_shared.jails import JAIL_NAME
from banstitch_shared.untrusted import read_small_file

HEAD = "# banstitch share 1"
PATH = "/share/"
# A domain that nobody has (RFC 2606): by the name below it a peer says of which group it asks.
DOMAIN = ".banstitch.invalid"
# The identity of a site within a group, in its certificate.
IDENTITY = "banstitch:share/"
# Bans that a site offers, and bytes of their list.
MOST = 50_000
LARGEST = MOST * 120
# The fewest bits of a network: rules ban an IPv4 /24 and an IPv6 /48.
LEAST_BITS = {4: 24, 6: 48}
# Seconds after which the bans of a peer that does not answer count no longer, and between two questions.
STALE, PAUSE = 100.0, 15.0
_LATEST = 1e12
# Bytes and lines of the file of what the receiver denies for peers; the latest bans come first.
_LARGEST_IMPORTED = 64 << 20
MOST_IMPORTED = 300_000
_TIME = re.compile(r"[0-9]{1,13}")
_JAIL = re.compile(JAIL_NAME + r"\Z")


class SharedBan(NamedTuple):
    """A ban that a site offers. Times in epoch seconds; ``until`` may be FOREVER."""

    address: str
    until: float
    since: float
    jail: str


class Imported(NamedTuple):
    """An address that the feed denies because peers banned it. ``sites``: those that offer it."""

    address: str
    until: float
    since: float
    jail: str
    sites: tuple[str, ...]


def name_site(group: str, site: str) -> str:
    """Return the identity of a site in its certificate for a group."""
    return "%s%s/%s" % (IDENTITY, group, site)


def read_site(group: str, certificate: object) -> str:
    """Return the site of a verified certificate, as Python shows it; empty if it is none of the group."""
    names = certificate.get("subjectAltName", ()) if isinstance(certificate, dict) else ()
    head = name_site(group, "")
    sites = [
        value[len(head) :] for kind, value in names if kind == "URI" and value.startswith(head)
    ]
    return sites[0] if len(sites) == len(names) == 1 else ""


def find_group(name: str | None) -> str:
    """Return the group that a peer asks for by the name of a server, or an empty string."""
    return name[: -len(DOMAIN)] if name and name.endswith(DOMAIN) else ""


def find_list(folder: str, group: str, site: str) -> str:
    """Return the path of the list that was taken from a site."""
    return os.path.join(folder, "shared+%s+%s%s" % (group, site, BANS))


def find_answer(path: str) -> str:
    """Return the path of the file whose time is that of a site's last good answer, by that of its list."""
    return path[: -len(BANS)] + ALIVE


def format_lines(bans: Iterable[SharedBan]) -> Iterator[str]:
    """Yield the lines of a list, with their ends."""
    yield HEAD + "\n"
    count = 0
    for ban in bans:
        yield "%s %d %d %s\n" % (ban.address, round_end(ban.until), ban.since, ban.jail)
        count += 1
    yield "end %d\n" % count


def read_list(lines: Iterable[str]) -> Iterator[SharedBan]:
    """Yield the bans of a list, line by line: what was yielded counts only if nothing is raised at the end.

    Raises:
        ValueError: it was cut, is too long, or one of its lines is no ban that a rule could make.
    """
    for count, line in enumerate(read_framed(lines, HEAD, "the list is damaged")):
        if count == MOST:
            raise ValueError("the list holds more than %d bans" % MOST)
        yield _parse_ban(line)


def _parse_ban(line: str) -> SharedBan:
    try:
        address, end, start, rest = line.split(" ", 4)
        jail, is_whole = rest[:-1], rest.endswith("\n")
        until, since = FOREVER if end == "-1" else _read_time(end), _read_time(start)
        is_spelled = spell_ban(address) == address
    except ValueError:
        raise ValueError("%r is not a ban" % line[:100]) from None
    bits = address.partition("/")[2]
    if bits and int(bits) < LEAST_BITS[6 if ":" in address else 4]:
        raise ValueError("%s is wider than what a rule bans" % address)
    has_times = since <= _LATEST and (until == FOREVER or until <= _LATEST)
    if not (is_whole and is_spelled and has_times and _JAIL.match(jail)):
        raise ValueError("%r is not a ban" % line[:100])
    return SharedBan(address, until, since, jail)


def _read_time(text: str) -> float:
    """Return a time. Raises ValueError. A number of any length would take any time to read."""
    if not _TIME.fullmatch(text):
        raise ValueError("it is not a time")
    return float(text)


def select_offered(bans: Iterable[SharedBan]) -> list[SharedBan]:
    """Return the latest bans, as many as a list may hold, each address once, in a stable order.

    Networks that a rule found by something else than their size, such as those of an autonomous system,
    are none of them.
    """
    chosen: dict[str, SharedBan] = {}
    for ban in bans:
        bits = ban.address.partition("/")[2]
        if bits and int(bits) < LEAST_BITS[6 if ":" in ban.address else 4]:
            continue
        known = chosen.get(ban.address)
        if known is None or known.until < ban.until:
            chosen[ban.address] = ban
        # of a million bans, no more are kept in memory
        if len(chosen) > 2 * MOST:
            chosen = _keep_latest(chosen)
    return sorted(_keep_latest(chosen).values())


def _keep_latest(bans: Mapping[str, SharedBan]) -> dict[str, SharedBan]:
    """Return the latest, as many as a list may hold."""
    latest = heapq.nsmallest(MOST, bans.values(), key=lambda ban: (-ban.since, ban.address))
    return {ban.address: ban for ban in latest}


def format_imported(denied: Iterable[Imported]) -> str:
    """Return the text of the file in which the receiver leaves what it denies for peers."""
    lines = ["%s %d %d %s %s\n" % (*each[:4], ",".join(each.sites)) for each in denied]
    return "".join(lines)


def read_imported(path: str, now: float) -> Iterator[Imported]:
    """Yield what the receiver denies for peers now; nothing for an empty path or a file that is not there.

    The receiver's user may have written anything. A wrong line ends the list.
    """
    with contextlib.suppress(OSError, ValueError):
        lines = io.BytesIO(read_small_file(path, _LARGEST_IMPORTED) if path else b"")
        for line in itertools.islice(lines, MOST_IMPORTED):
            address, end, start, jail, sites = line.decode("ascii").rstrip("\n").split(" ")
            until, since = _read_time(end), _read_time(start)
            if until > now:
                yield Imported(address, until, since, jail, tuple(sites.split(",")))


def is_spelled(ban: Imported) -> bool:
    """Return whether a ban has the address and the jail of one, as a rule of ours spells them."""
    try:
        return spell_ban(ban.address) == ban.address and bool(_JAIL.match(ban.jail))
    except ValueError:
        return False


def select_touching(denied: Iterable[Imported], wanted: Network) -> list[Imported]:
    """Return those that have addresses in common with a network."""
    found, text = [], spell_network(wanted)
    for each in denied:
        # of 60,000 others, most are passed over without a look at their bits
        if "/" in text or "/" in each.address or each.address == text:
            with contextlib.suppress(ValueError):
                if do_overlap(parse_network(each.address), wanted):
                    found.append(each)
    return found
