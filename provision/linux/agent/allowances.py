"""Requests of an operator about allowances: whom no jail bans for some time, whatever the rules find.

fail2ban's action looks at the file once a second. It refuses bans of what is allowed and ends those that
are there; see templates/detection/banstitch_ignore.py.
"""

from __future__ import annotations

import time
from contextlib import suppress

from banstitch_shared.addresses import do_overlap, parse_network
from banstitch_shared.allowances import (
    MOST,
    Allowance,
    find_allowances,
    format_allowances,
    read_allowances,
)
from banstitch_shared.ban_file import list_jails

from provision.linux.agent import host, memory
from provision.linux.agent.bans import call_action, must_be_deployed
from provision.linux.agent.host import HostError
from provision.linux.agent.protocol.answers import Allowed, Unbanned
from provision.linux.agent.protocol.requests import AllowNetwork, UnallowNetwork
from provision.linux.agent.spool import read_live_bans

# Seconds that the action has to end the bans of what was allowed.
PATIENCE = 10.0


def allow_network(request: AllowNetwork) -> Allowed:
    """Allow an address or a network until its time is over; a longer allowance stays as it is.

    Raises:
        HostError: nothing is deployed, there are too many allowances, or fail2ban does not answer.
    """
    must_be_deployed()
    now = time.time()
    until = now + request.seconds
    with memory.Lock(exclusive=True):
        allowances = read_all(request.spool, now)
        known = next((a for a in allowances if a.network == request.network), None)
        if known is not None and known.until >= until:
            return Allowed(False, known.until, [])
        if known is None and len(allowances) >= MOST:
            raise HostError(f"there are {MOST} allowances already; end some with unallow")
        banned = _find_bans(request.spool, request.network)
        others = [a for a in allowances if a.network != request.network]
        new = Allowance(request.network, until, now, request.by, request.why)
        write_all(request.spool, request.group, [*others, new])
    _note(request.spool, "allow", request)
    return Allowed(True, until, _await_end_of_bans(request, banned))


def unallow_network(request: UnallowNetwork) -> Unbanned:
    """End an allowance; bans may begin again, except of what others still allow.

    Raises:
        HostError: nothing is deployed, or fail2ban does not answer.
    """
    must_be_deployed()
    now = time.time()
    with memory.Lock(exclusive=True):
        allowances = read_all(request.spool, now)
        left = [a for a in allowances if a.network != request.network]
        network = parse_network(request.network)
        near = [a.network for a in left if do_overlap(parse_network(a.network), network)]
        others = [f"still allowed: {each}" for each in near]
        if len(left) == len(allowances):
            return Unbanned(False, others or ["was not allowed"])
        write_all(request.spool, request.group, left)
    _note(request.spool, "unallow", request)
    return Unbanned(True, others)


def read_all(spool: str, now: float) -> list[Allowance]:
    """Return the allowances in force.

    Raises:
        HostError: the file is damaged.
    """
    path = find_allowances(spool)
    try:
        return read_allowances(path, now)
    except ValueError as error:
        raise HostError(
            f"{error}; remove {path}, then run allow again for the addresses that you need"
        ) from None


def write_all(spool: str, group: str, allowances: list[Allowance]) -> None:
    """Write the file, which the receiver's group may read."""
    text = format_allowances(allowances).encode()
    host.write(find_allowances(spool), text, 0o640, "root", group)


def _note(spool: str, what: str, request: AllowNetwork | UnallowNetwork) -> None:
    """Have fail2ban's action write it into the audit, which is its own."""
    for jail in list_jails(spool)[:1]:
        details = {"address": request.network, "by": request.by, "why": request.why}
        call_action(jail, "note", {"what": what, **details})


def _await_end_of_bans(request: AllowNetwork, banned: set[str]) -> list[str]:
    """Return notes on the bans that ended, and on those that the action did not end in time."""
    allowed = parse_network(request.network)
    deadline = time.monotonic() + PATIENCE
    while (left := _find_bans(request.spool, request.network)) and time.monotonic() < deadline:
        time.sleep(0.2)
    ended = sorted(banned - left)
    notes = [f"its ban ended: {address}" for address in ended if parse_network(address) == allowed]
    notes += [f"a ban ended: {address}" for address in ended if parse_network(address) != allowed]
    return notes + [f"still banned: {address}; look at fail2ban" for address in sorted(left)]


def _find_bans(spool: str, network: str) -> set[str]:
    allowed, found = parse_network(network), set()
    for jail in list_jails(spool):
        with suppress(HostError, OSError, ValueError):
            for ban in read_live_bans(spool, jail):
                if do_overlap(parse_network(ban.address), allowed):
                    found.add(ban.address)
    return found
