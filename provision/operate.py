"""What an operator does with a running site: one question to each ban host, one exec each."""

from __future__ import annotations

import getpass
import ipaddress
import platform
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from provision import desired
from provision.engine import Run, SiteRun
from provision.errors import Fault, InputError, TargetError, Unreachable
from provision.linux.resources import Jail
from provision.linux.target import BanHost, NoPython
from provision.results import SiteResult, State, TargetResult
from provision.roles import AUDIT, SPOOL, TOKENS
from provision.sites import Selected, Site

Request = Mapping[str, Any]


def ask(run: Run, selected: Selected, request: Callable[[Site], Request]) -> SiteResult:
    """Put ``request(site)`` to the ban host of one site; its answer is in the result's details."""
    host = selected.site.ban_host
    run.listener.doing(selected.site.name, host.name, "asking")
    result = _asked(run, selected, request)
    run.listener.done(selected.site.name, result)
    return SiteResult(selected.site.name, (result,))


def _asked(run: Run, selected: Selected, request: Callable[[Site], Request]) -> TargetResult:
    host = selected.site.ban_host
    try:
        with BanHost(host.login, run.policy) as session:
            answer = session.ask(request(selected.site))
    except NoPython:
        return TargetResult(host.name, "linux", "failed", 1, error="not deployed: run apply first")
    except Unreachable as error:
        return TargetResult(host.name, "linux", "unreachable", error=str(error))
    except TargetError as error:
        return TargetResult(host.name, "linux", "failed", 1, error=str(error))
    state: State = "changed" if answer.pop("changed", False) else "ok"
    return TargetResult(host.name, "linux", state, 1, details=answer)


def rotate(run: Run, selected: Selected) -> SiteResult:
    """New secrets on the ban host, then on each FortiGate; what fails keeps its old ones and says so."""
    names = [name for unit in selected.fortigates for name in desired.token_names(unit)]
    begun = ask(run, selected, lambda _: {"do": "rotate", "tokens": TOKENS, "names": names})
    if any(target.error for target in begun.targets):
        return begun
    units = SiteRun(run, replace(selected, linux=False))
    units.plan()
    return SiteResult(begun.name, (*begun.targets, *units.carry_out().targets))


def jails(run: Run, site: Site) -> list[str]:
    """The names of a site's jails, in the order of the roles."""
    return [r.name for r in desired.linux(site, run.plays) if isinstance(r, Jail)]


def bans(run: Run) -> Callable[[Site], Request]:
    """Who is banned?"""
    return lambda site: {"do": "bans", "spool": SPOOL, "jails": jails(run, site)}


def history(last: int) -> Callable[[Site], Request]:
    """What happened?"""
    return lambda _: {"do": "history", "audit": AUDIT, "last": last}


def ban(
    run: Run, address: str, seconds: int | None, detection: str, why: str
) -> Callable[[Site], Request]:
    """Ban an address, in the jail of ``detection`` or the first that a site has.

    Raises:
        InputError: a site has no such jail, or the address is one of its own.
    """

    def request(site: Site) -> Request:
        return {
            "do": "ban",
            "jail": _jail(run, site, detection),
            "address": address,
            "seconds": seconds,
            "by": operator(),
            "why": why,
        }

    return request


def unban(run: Run, address: str, why: str) -> Callable[[Site], Request]:
    """Free an address wherever it is banned."""
    return lambda site: {
        "do": "unban",
        "spool": SPOOL,
        "jails": jails(run, site),
        "address": address,
        "by": operator(),
        "why": why,
    }


def _jail(run: Run, site: Site, detection: str) -> str:
    found = jails(run, site)
    wanted = f"banstitch-{detection}" if detection else next(iter(found), "")
    if wanted not in found:
        there_are = ", ".join(name.removeprefix("banstitch-") for name in found) or "none"
        what = f"site {site.name} has no detection {detection or 'on'}"
        raise InputError([Fault("", 0, what, f"there are {there_are}")])
    return wanted


def operator() -> str:
    """Who is asking, as the audit names them: user@controller."""
    return f"{getpass.getuser()}@{platform.node()}"


def checked_address(text: str) -> str:
    """The one spelling of an address or network.

    Raises:
        InputError: it is none, it is everybody, or perhaps a slip that means far more than was meant.
    """
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        what = f"{text} is neither an address nor a network"
        raise InputError(
            [Fault("", 0, what, "write it as 203.0.113.7 or 203.0.113.0/24")]
        ) from None
    if network.prefixlen == 0:
        raise InputError([Fault("", 0, f"{text} is everybody", "name a smaller network")])
    if ipaddress.ip_interface(text).ip != network.network_address:
        what = f"{text} is an address within {network}"
        raise InputError([Fault("", 0, what, f"write {network} to mean all of it")])
    return str(network.network_address) if network.num_addresses == 1 else str(network)
