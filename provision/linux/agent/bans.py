"""Requests of an operator about bans: list them, ban an address, unban one.

fail2ban holds the bans. Its action keeps one ban file per jail, which adds what fail2ban does not
report: the start, the number of events, and how many times so far. See templates/detection.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress

from banstitch_shared import ban_file
from banstitch_shared.addresses import Network, parse_network
from banstitch_shared.allowances import find_allowances, read_allowances
from banstitch_shared.audit_file import NewestLines
from banstitch_shared.ban_file import FOREVER, find_ban_file, list_jails
from banstitch_shared.shared_bans import is_spelled, read_imported, select_touching
from banstitch_shared.unbans import describe_remaining, describe_shared, is_meant

from provision.linux.agent import memory
from provision.linux.agent.audit import parse_entries
from provision.linux.agent.fail2ban import UNREACHED, client
from provision.linux.agent.host import HostError, tail
from provision.linux.agent.protocol.answers import (
    AllowanceState,
    Ban,
    Banned,
    Bans,
    Entry,
    Unbanned,
)
from provision.linux.agent.protocol.bounds import LONGEST_TEXT
from provision.linux.agent.protocol.requests import BanAddress, ListBans, UnbanAddress
from provision.linux.agent.spool import read_live_bans

JailBan = tuple[str, ban_file.Ban]  # jail, ban
Which = tuple[str, str]  # jail, address
# Bytes of the audit that are searched for the reason of a ban: some 8,000 entries.
LOOKED_BACK = 8 << 20
# Seconds to wait for fail2ban; somebody waits at a terminal.
PATIENCE = 15


class NoJail(HostError):
    """fail2ban runs and has no such jail."""


def list_bans(request: ListBans) -> Bans:
    """Return every live ban of the jails, by jail, then in the order of the file.

    ``why``: the reason as text, if the searched part of the audit has it.

    Raises:
        HostError: the bans of a jail are unknown; or nothing is deployed, even if data is left.
    """
    must_be_deployed()
    found = _read_jails(request.spool, request.jails)
    begun = _find_first_entries(request.audit, {(jail, ban.address) for jail, ban in found})
    return Bans(
        [
            Ban(
                address=ban.address,
                jail=jail,
                until=-1 if ban.until == FOREVER else ban.until,
                since=ban.since,
                failures=ban.failures,
                count=ban.times,
                why=_describe_reason(ban, begun.get((jail, ban.address), {}))[:LONGEST_TEXT],
            )
            for jail, ban in found
        ],
        allowances=_list_allowances(request.spool),
        shared=_list_shared(request.shared) if request.shared else [],
    )


def _list_shared(path: str) -> list[Ban]:
    """Return the bans of other sites that the receiver denies; none if it has left no such file."""
    return [
        Ban(
            each.address,
            each.jail,
            each.until,
            each.since,
            0,
            0,
            ("shared by " + ", ".join(each.sites))[:LONGEST_TEXT],
        )
        for each in read_imported(path, time.time())
        if is_spelled(each)
    ]


def _list_allowances(spool: str) -> list[AllowanceState]:
    """Return the allowances in force; none where the file cannot be read, since bans are asked for."""
    with suppress(OSError, ValueError):
        path = find_allowances(spool)
        return [AllowanceState(*allowance) for allowance in read_allowances(path, time.time())]
    return []


def _read_jails(spool: str, jails: Sequence[str]) -> list[JailBan]:
    return [(jail, ban) for jail in jails for ban in read_live_bans(spool, jail)]


def _find_first_entries(audit: str, wanted: set[Which]) -> dict[Which, Entry]:
    """Return the newest entry of the audit that began each ban of ``wanted``."""
    found: dict[Which, Entry] = {}
    for line in NewestLines(audit, LOOKED_BACK):
        if len(found) == len(wanted):
            break
        for entry in parse_entries(line):
            which = (str(entry.get("jail")), str(entry.get("address")))
            if which in wanted and entry.get("what") == "ban":
                found.setdefault(which, entry)
    return found


def _describe_reason(ban: ban_file.Ban, entry: Entry) -> str:
    if ban.failures:
        return "reported by {}".format(entry.get("fortigate") or "a FortiGate")
    return "{} ({})".format(entry["why"], entry["by"]) if {"why", "by"} <= set(entry) else "by hand"


def must_be_deployed() -> None:
    if memory.load() is None:
        raise HostError("not deployed: run apply")


def ban_address(request: BanAddress) -> Banned:
    """Ban an address; change nothing if it is already banned for as long.

    Raises:
        HostError: fail2ban does not run, does not answer or refuses, or has no such jail.
    """
    must_be_deployed()
    details = {key: getattr(request, key) for key in ("address", "seconds", "by", "why")}
    return call_action(request.jail, "ban_by_hand", details)


def unban_address(request: UnbanAddress) -> Unbanned:
    """Unban an address in every jail of ``jails`` and of the spool.

    An IPv6 attacker is banned with the network around the address, so that network is unbanned, too.
    The notes name that network, other bans that still deny the address, and disabled jails that have it.

    Raises:
        HostError: as :func:`ban_address`, or the bans of a jail of ``jails`` are unknown.
    """
    must_be_deployed()
    wanted = parse_network(request.address)
    found, notes = _read_all_bans(request.spool, request.jails)
    networks = _parse_addresses(found, request.spool)
    meant = [
        (network, jail, ban)
        for network, (jail, ban) in zip(networks, found)
        if is_meant(jail, ban, network, wanted)
    ]
    freed, off = _free([(jail, ban.address) for _, jail, ban in meant], request)
    around = {network for network, jail, _ in meant if jail not in off} - {wanted}
    notes += [
        f"{network} was freed: attackers are banned by network"
        for network in sorted(around, key=str)
    ]
    notes += [
        f"banned in {jail}, which is off; the ban returns if it is turned on"
        for jail in sorted(off)
    ]
    if not freed and not off:
        notes.append("was not banned")
    running = {network for network, (jail, _) in zip(networks, found) if jail in request.jails}
    still = describe_remaining(running - around - {wanted}, wanted)
    shared = select_touching(read_imported(request.shared, time.time()), wanted)
    return Unbanned(freed, notes + still + describe_shared(shared, wanted))


def _parse_addresses(found: Sequence[JailBan], spool: str) -> list[Network]:
    try:
        return [parse_network(ban.address) for _, ban in found]
    except ValueError as error:
        remedy = "`fail2ban-client reload` writes the bans anew"
        raise HostError(f"{spool}: {error}; {remedy}") from None


def _read_all_bans(spool: str, jails: Sequence[str]) -> tuple[list[JailBan], list[str]]:
    """Return the live bans of ``jails`` and of others in ``spool``, and notes about unreadable files."""
    found, notes = _read_jails(spool, jails), []
    for jail in list_jails(spool):
        if jail not in jails:
            try:
                found += _read_jails(spool, [jail])
            except HostError:
                path = find_ban_file(spool, jail)
                notes.append(
                    f"{path} is damaged, so the bans of that jail, which is off, are not known"
                )
    return found, notes


def _free(meant: Iterable[Which], request: UnbanAddress) -> tuple[bool, set[str]]:
    """Unban addresses in fail2ban; return whether one was banned, and the jails that do not run."""
    freed, off = False, set()
    for jail, address in meant:
        details = {"address": address, "by": request.by, "why": request.why}
        try:
            freed |= call_action(jail, "unban_by_hand", details).changed
        except NoJail:
            off.add(jail)
    return freed, off


def call_action(jail: str, method: str, details: Mapping[str, object]) -> Banned:
    """Call a method of our action in the running server: `set JAIL action ACTION METHOD JSON`.

    Its answer, a JSON object, is the last line. A server that was not restarted since an upgrade may still
    run an older action, which answers with a sentence: its answer counts as success.
    """
    said = _run_client(["set", jail, "action", "banstitch", method, json.dumps(details)])
    last = tail(said, 1)
    try:
        answer = json.loads(last)
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        return Banned(changed=True, said=last[:LONGEST_TEXT])
    return Banned(**{key: answer[key] for key in ("changed", "said", "until") if key in answer})


def _run_client(words: Sequence[str]) -> str:
    """Return what fail2ban-client prints.

    Raises:
        NoJail: fail2ban has no jail of that name.
        HostError: fail2ban does not run, does not answer within :data:`PATIENCE`, or refuses.
    """
    done = client(words, PATIENCE)
    if done.status == 0:
        return done.output
    if done.status == 124:
        raise HostError("fail2ban does not answer; the request may still take effect")
    if done.status == 127:
        raise HostError("not deployed: fail2ban is not installed; run apply")
    if UNREACHED.search(done.output):
        raise HostError("fail2ban is not running; `systemctl start fail2ban`, or run apply")
    if "UnknownJail" in done.output or "does not exist" in done.output:
        raise NoJail(f"jail {words[1]} does not run: run apply")
    raise HostError(f"fail2ban refuses: {tail(done.output, 1)}")
