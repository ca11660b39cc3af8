"""What an operator asks of the bans: who is banned, ban this one, free that one, what happened.

The bans are fail2ban's; the file that its action keeps (one a jail) tells them with what fail2ban does
not: since when, after how many events, for the how-manieth time. See templates/detection.
"""

from __future__ import annotations

import glob
import ipaddress
import itertools
import json
import os
import re
import stat
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any, Optional, Union

from provision.linux.agent import manifest
from provision.linux.agent.host import HostError, read, run, tail

Request = dict[str, Any]
Network = Union[ipaddress.IPv4Network, ipaddress.IPv6Network]  # noqa: UP007 - Python 3.9
Which = tuple[str, str]  # jail, address
HEAD = "# banstitch 1"
# Bytes of the audit that one answer holds at most: some 30,000 entries.
MOST_HISTORY = 32 << 20
# Bytes of it that are searched for why somebody is banned: some 8,000 entries.
LOOKED_BACK = 8 << 20
# Seconds that fail2ban has to answer in; somebody waits at a terminal.
PATIENCE = 15
# So many bans within a network are named.
MOST_NAMED = 5


class NoJail(HostError):
    """fail2ban runs and has no such jail."""


def bans(request: Request) -> dict[str, Any]:
    """Every live ban of ``request["jails"]``, by jail, then in the order of the file.

    Answer: ``bans``: [{address, jail, until, since, failures, count, why}], times in epoch seconds,
    ``until`` -1 for ever; ``why``: in words, as far as the audit is looked back into.

    Raises:
        HostError: the bans of a jail are not known; or nothing is deployed, whatever data is left.
    """
    _must_be_deployed()
    found = [ban for jail in request["jails"] for ban in _live_of(request["spool"], jail)]
    begun = _begun(request["audit"], {(ban["jail"], ban["address"]) for ban in found})
    return {"bans": [{**ban, "why": _why(ban, begun)} for ban in found]}


def _begun(audit: str, wanted: set[Which]) -> dict[Which, dict[str, Any]]:
    """The entries of the audit that the bans of ``wanted`` began with, the newest of each."""
    found: dict[Which, dict[str, Any]] = {}
    room = LOOKED_BACK
    with suppress(HostError, OSError):  # who is banned is known without it
        for line in newest_first(audit):
            room -= len(line) + 1
            if room < 0 or len(found) == len(wanted):
                break
            for entry in _entry(line):
                which = (str(entry.get("jail")), str(entry.get("address")))
                if which in wanted and entry.get("what") == "ban":
                    found.setdefault(which, entry)
    return found


def _why(ban: dict[str, Any], begun: dict[Which, dict[str, Any]]) -> str:
    entry = begun.get((ban["jail"], ban["address"]), {})
    if ban["failures"]:
        return "reported by {}".format(entry.get("fortigate") or "a FortiGate")
    return "{} ({})".format(entry["why"], entry["by"]) if {"why", "by"} <= set(entry) else "by hand"


def _must_be_deployed() -> None:
    if manifest.load() is None:
        raise HostError("not deployed: run apply")


def _live_of(spool: str, jail: str) -> list[dict[str, Any]]:
    """The file holds what has expired until fail2ban takes it out, and that may be down."""
    now = time.time()
    return [ban for ban in of_jail(spool, jail) if ban["until"] == -1 or ban["until"] > now]


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
    return {_jail(path): _count(path) for path in sorted(paths)}


def _count(path: str) -> Optional[int]:  # noqa: UP045 - Python 3.9
    try:
        return len(_live_of(os.path.dirname(path), _jail(path)))
    except (HostError, ValueError):
        return None


def _jail(path: str) -> str:
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


def ban(request: Request) -> dict[str, Any]:
    """Ban ``address`` in ``jail`` for ``seconds`` (-1 for ever, None as the jail says).

    Answer: ``changed``: false where it is banned for as long already; ``until``: epoch seconds or -1;
    ``said``: the action's own words.

    Raises:
        HostError: fail2ban does not run, does not answer or refuses, or has no such jail.
    """
    _must_be_deployed()
    details = {key: request[key] for key in ("address", "seconds", "by", "why")}
    return _tell_action(request["jail"], "ban_by_hand", details)


def unban(request: Request) -> dict[str, Any]:
    """Free ``address`` in every jail of ``jails`` and of the spool.

    Answer: ``changed``: whether any held it; ``notes``: that none did, where it is still denied, and
    which jails that are off hold it.

    Raises:
        HostError: as :func:`ban`, or the bans of a jail of ``jails`` are not known.
    """
    _must_be_deployed()
    found, notes = _everywhere(request["spool"], request["jails"])
    wanted = _network(request["address"])
    freed, off = False, set()
    by_network = [(_network(each["address"]), each) for each in found]
    for network, each in by_network:
        if network == wanted:
            details = {"address": each["address"], "by": request["by"], "why": request["why"]}
            try:
                freed |= _tell_action(each["jail"], "unban_by_hand", details)["changed"]
            except NoJail:
                off.add(each["jail"])
    notes += [f"banned in {jail}, which is off; comes back when it is on" for jail in sorted(off)]
    if not freed and not off:
        notes.append("was not banned")
    running = {network for network, each in by_network if each["jail"] in request["jails"]}
    return {"changed": freed, "notes": notes + _still_denied(running - {wanted}, wanted)}


def _everywhere(spool: str, jails: Sequence[str]) -> tuple[list[dict[str, Any]], list[str]]:
    """Every live ban of ``jails`` and of what lies in ``spool`` beside; and what cannot be read there."""
    found = [ban for jail in jails for ban in _live_of(spool, jail)]
    notes = []
    for path in sorted(glob.glob(os.path.join(glob.escape(spool), "*.bans"))):
        jail = _jail(path)
        if jail not in jails:
            try:
                found += _live_of(spool, jail)
            except (HostError, ValueError):
                notes.append(f"{path} is damaged: what that jail, which is off, holds is not known")
    return found, notes


def _still_denied(others: set[Network], wanted: Network) -> list[str]:
    """What else denies ``wanted`` or a part of it."""
    near = [n for n in others if n.version == wanted.version and n.overlaps(wanted)]
    near.sort(key=lambda network: (int(network.network_address), network.prefixlen))
    notes = [f"still denied: within {n}" for n in near if n.prefixlen < wanted.prefixlen]
    held = [_spelt(network) for network in near if network.prefixlen > wanted.prefixlen]
    if held:
        more = f" and {len(held) - MOST_NAMED} more" if len(held) > MOST_NAMED else ""
        notes.append(f"still denied within it: {', '.join(held[:MOST_NAMED])}{more}")
    return notes


def _spelt(network: Network) -> str:
    return str(network.network_address) if network.num_addresses == 1 else str(network)


def _network(text: str) -> Network:
    """IPv4 also where it was banned in its IPv6 spelling, ::ffff:192.0.2.1."""
    network = ipaddress.ip_network(text, strict=False)
    mapped = getattr(network.network_address, "ipv4_mapped", None)
    if mapped is None or network.prefixlen < 96:
        return network
    return ipaddress.ip_network((mapped, network.prefixlen - 96))


def _tell_action(jail: str, method: str, details: dict[str, Any]) -> dict[str, Any]:
    """Call a method of our action in the running server: `set JAIL action ACTION METHOD JSON`.

    Its answer, an object in JSON, is the last line. An action of before, which a server that nobody
    restarted may still run, answers in words: it is taken to have done what it was told.
    """
    said = _client(["set", jail, "action", "banstitch", method, json.dumps(details)])
    last = tail(said, 1)
    try:
        answer = json.loads(last)
    except ValueError:
        answer = None
    return answer if isinstance(answer, dict) else {"changed": True, "said": last}


def _client(words: Sequence[str]) -> str:
    """What fail2ban-client prints.

    Raises:
        NoJail: fail2ban has no jail of that name.
        HostError: fail2ban does not run, does not answer within :data:`PATIENCE`, or refuses.
    """
    done = run(["fail2ban-client", *words], timeout=PATIENCE)
    if done.status == 0:
        return done.output
    if done.status == 124:
        raise HostError("fail2ban does not answer; what was asked may still take effect")
    if done.status == 127:
        raise HostError("not deployed: fail2ban is not installed; run apply")
    if re.search("Is fail2ban running|Unable to contact server", done.output):
        raise HostError("fail2ban is not running; `systemctl start fail2ban`, or run apply")
    if "UnknownJail" in done.output or "does not exist" in done.output:
        raise NoJail(f"jail {words[1]} does not run: run apply")
    raise HostError(f"fail2ban refuses: {tail(done.output, 1)}")


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
