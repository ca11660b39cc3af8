"""Requests of an operator about bans: list them, ban an address, unban one.

fail2ban holds the bans. Its action keeps one ban file per jail, which adds what fail2ban does not
report: the start, the number of events, and how many times so far. See templates/detection.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Union

from provision.linux.agent import memory
from provision.linux.agent.audit import entries, read_newest_first
from provision.linux.agent.fail2ban import UNREACHED, client
from provision.linux.agent.host import HostError, tail
from provision.linux.agent.protocol.answers import Ban, Banned, Bans, Unbanned
from provision.linux.agent.protocol.bounds import LONGEST_TEXT
from provision.linux.agent.protocol.requests import BanAddress, ListBans, UnbanAddress
from provision.linux.agent.spool import jail_of, list_ban_files, read_live_bans

Network = Union[ipaddress.IPv4Network, ipaddress.IPv6Network]
Which = tuple[str, str]  # jail, address
# Bytes of the audit that are searched for why somebody is banned: some 8,000 entries.
LOOKED_BACK = 8 << 20
# Seconds that fail2ban has to answer in; somebody waits at a terminal.
PATIENCE = 15
# So many bans within a network are named.
MOST_NAMED = 5


class NoJail(HostError):
    """fail2ban runs and has no such jail."""


def list_bans(request: ListBans) -> Bans:
    """Return every live ban of the jails, by jail, then in the order of the file.

    ``why``: in words, as far as the audit is looked back into.

    Raises:
        HostError: the bans of a jail are not known; or nothing is deployed, whatever data is left.
    """
    _must_be_deployed()
    found = [ban for jail in request.jails for ban in read_live_bans(request.spool, jail)]
    begun = _find_first_entries(request.audit, {(ban["jail"], ban["address"]) for ban in found})
    return Bans([Ban(**ban, why=_describe_reason(ban, begun)[:LONGEST_TEXT]) for ban in found])


def _find_first_entries(audit: str, wanted: set[Which]) -> dict[Which, dict[str, Any]]:
    """The entries of the audit that the bans of ``wanted`` began with, the newest of each."""
    found: dict[Which, dict[str, Any]] = {}
    room = LOOKED_BACK
    with suppress(HostError, OSError):  # who is banned is known without it
        for line in read_newest_first(audit):
            room -= len(line) + 1
            if room < 0 or len(found) == len(wanted):
                break
            for entry in entries(line):
                which = (str(entry.get("jail")), str(entry.get("address")))
                if which in wanted and entry.get("what") == "ban":
                    found.setdefault(which, entry)
    return found


def _describe_reason(ban: dict[str, Any], begun: dict[Which, dict[str, Any]]) -> str:
    entry = begun.get((ban["jail"], ban["address"]), {})
    if ban["failures"]:
        return "reported by {}".format(entry.get("fortigate") or "a FortiGate")
    return "{} ({})".format(entry["why"], entry["by"]) if {"why", "by"} <= set(entry) else "by hand"


def _must_be_deployed() -> None:
    if memory.load() is None:
        raise HostError("not deployed: run apply")


def ban_address(request: BanAddress) -> Banned:
    """Ban an address; nothing changes where it is banned for as long already.

    Raises:
        HostError: fail2ban does not run, does not answer or refuses, or has no such jail.
    """
    _must_be_deployed()
    details = {key: getattr(request, key) for key in ("address", "seconds", "by", "why")}
    return Banned(**_call_action(request.jail, "ban_by_hand", details))


def unban_address(request: UnbanAddress) -> Unbanned:
    """Free ``address`` in every jail of ``jails`` and of the spool.

    An IPv6 attacker is banned with the network around the address, so that network is freed with it.

    Answer: ``changed``: whether any held it; ``notes``: that none did, which network was freed, where it
    is still denied, and which jails that are off hold it.

    Raises:
        HostError: as :func:`ban_address`, or the bans of a jail of ``jails`` are not known.
    """
    _must_be_deployed()
    found, notes = _read_all_bans(request.spool, request.jails)
    wanted = _parse_network(request.address)
    freed, freed_around, off = False, set(), set()
    try:
        by_network = [(_parse_network(each["address"]), each) for each in found]
    except ValueError as error:
        where = request.spool
        raise HostError(
            f"{where}: {error}; `fail2ban-client reload` writes the bans anew"
        ) from None
    for network, each in by_network:
        around = network != wanted and _is_source_of(each, network, wanted)
        if network == wanted or around:
            details = {"address": each["address"], "by": request.by, "why": request.why}
            try:
                freed |= _call_action(each["jail"], "unban_by_hand", details)["changed"]
                freed_around |= {network} if around else set()
            except NoJail:
                off.add(each["jail"])
    notes += [
        f"{network} was freed: attackers are banned by network"
        for network in sorted(freed_around, key=str)
    ]
    notes += [f"banned in {jail}, which is off; comes back when it is on" for jail in sorted(off)]
    if not freed and not off:
        notes.append("was not banned")
    running = {network for network, each in by_network if each["jail"] in request.jails}
    still = _list_remaining_denials(running - freed_around - {wanted}, wanted)
    return Unbanned(bool(freed), notes + still)


def _is_source_of(ban: dict[str, Any], network: Network, wanted: Network) -> bool:
    """Return whether a ban of a network was made for events of addresses in it such as ``wanted``.

    An operator who bans a network means all of it, and frees it by its name.
    """
    if network.version != wanted.version or not ban["failures"]:
        return False
    return network.prefixlen < wanted.prefixlen and network.overlaps(wanted)


def _read_all_bans(spool: str, jails: Sequence[str]) -> tuple[list[dict[str, Any]], list[str]]:
    """Every live ban of ``jails`` and of what lies in ``spool`` beside; and what cannot be read there."""
    found = [ban for jail in jails for ban in read_live_bans(spool, jail)]
    notes = []
    for path in list_ban_files(spool):
        jail = jail_of(path)
        if jail not in jails:
            try:
                found += read_live_bans(spool, jail)
            except HostError:
                notes.append(f"{path} is damaged: what that jail, which is off, holds is not known")
    return found, notes


def _list_remaining_denials(others: set[Network], wanted: Network) -> list[str]:
    """Return a note for each ban that still denies ``wanted`` or a part of it."""
    near = [n for n in others if n.version == wanted.version and n.overlaps(wanted)]
    near.sort(key=lambda network: (int(network.network_address), network.prefixlen))
    notes = [f"still denied: within {n}" for n in near if n.prefixlen < wanted.prefixlen]
    held = [_format_network(network) for network in near if network.prefixlen > wanted.prefixlen]
    if held:
        more = f" and {len(held) - MOST_NAMED} more" if len(held) > MOST_NAMED else ""
        notes.append(f"still denied within it: {', '.join(held[:MOST_NAMED])}{more}")
    return notes


def _format_network(network: Network) -> str:
    return str(network.network_address) if network.num_addresses == 1 else str(network)


def _parse_network(text: str) -> Network:
    """IPv4 also where it was banned in its IPv6 spelling, ::ffff:192.0.2.1."""
    network = ipaddress.ip_network(text, strict=False)
    mapped = getattr(network.network_address, "ipv4_mapped", None)
    if mapped is None or network.prefixlen < 96:
        return network
    return ipaddress.ip_network((mapped, network.prefixlen - 96))


def _call_action(jail: str, method: str, details: dict[str, Any]) -> dict[str, Any]:
    """Call a method of our action in the running server: `set JAIL action ACTION METHOD JSON`.

    Its answer, an object in JSON, is the last line. An action of before, which a server that nobody
    restarted may still run, answers in words: it is taken to have done what it was told.
    """
    said = _run_client(["set", jail, "action", "banstitch", method, json.dumps(details)])
    last = tail(said, 1)
    try:
        answer = json.loads(last)
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        return {"changed": True, "said": last[:LONGEST_TEXT]}
    return {key: answer[key] for key in ("changed", "said", "until") if key in answer}


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
        raise HostError("fail2ban does not answer; what was asked may still take effect")
    if done.status == 127:
        raise HostError("not deployed: fail2ban is not installed; run apply")
    if UNREACHED.search(done.output):
        raise HostError("fail2ban is not running; `systemctl start fail2ban`, or run apply")
    if "UnknownJail" in done.output or "does not exist" in done.output:
        raise NoJail(f"jail {words[1]} does not run: run apply")
    raise HostError(f"fail2ban refuses: {tail(done.output, 1)}")
