"""Requests to running sites (bans, rotation, status): one exec at each ban host."""

from __future__ import annotations

import platform
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from banstitch_shared.jails import name_detection, name_jail

from provision.desired import collect, running_site
from provision.desired.host_paths import (
    AUDIT,
    DRIFT,
    EVIDENCE,
    RULES_MEMORY,
    SHARED_DENIED,
    SPOOL,
    TOKENS,
    USER,
    WATCH_MEMORY,
)
from provision.engine.ban_host import BanHostRun
from provision.engine.progress import capture_errors
from provision.engine.run import Run
from provision.engine.site import SiteRun
from provision.errors import Failed, InputError, Problem, TargetError, Unreachable
from provision.linux import answers
from provision.linux.agent.protocol.observe import Request
from provision.linux.agent.protocol.requests import (
    AllowNetwork,
    BanAddress,
    ListAlarms,
    ListBans,
    NoteDrift,
    ReadEvidence,
    ReadHistory,
    Rotate,
    SetShield,
    TryChannels,
    UnallowNetwork,
    UnbanAddress,
)
from provision.linux.session.session import BanHostSession, NoPython
from provision.masking import mask_plan, mask_result
from provision.plan import State
from provision.results import SiteResult, TargetResult, format_timestamp
from provision.sites.site import Selected, Site
from provision.ssh.login import find_own_name


def build_requests(
    sites: Sequence[Site], request: Callable[[Site], Request[Any]]
) -> dict[str, Request[Any]]:
    """Return the request to each ban host, by site name.

    Raises:
        InputError: all problems of all sites, before any of them is contacted.
    """
    requests: dict[str, Request[Any]] = {}
    problems: list[Problem] = []
    for site in sites:
        try:
            requests[site.name] = request(site)
        except InputError as error:
            problems += error.problems
    if problems:
        raise InputError(problems)
    return requests


def ask(run: Run, selected: Selected, request: Request[Any]) -> SiteResult:
    """Send ``request`` to the ban host of a site, and return a result with its answer and notes."""
    host = selected.site.ban_host
    run.listener.report_activity(selected.site.name, host.name, "asking")
    result = _ask_agent(run, selected, request)
    run.listener.report_result(selected.site.name, result)
    return SiteResult(selected.site.name, (result,))


def _ask_agent(run: Run, selected: Selected, request: Request[Any]) -> TargetResult:
    host = selected.site.ban_host
    try:
        with BanHostSession(host.login, run.access) as session:
            answer = session.ask(request)
    except NoPython:
        return TargetResult(host.name, "linux", "failed", 1, error="not deployed: run apply")
    except Unreachable as error:
        return TargetResult(host.name, "linux", "unreachable", error=str(error))
    except TargetError as error:
        return TargetResult(host.name, "linux", "failed", 1, error=str(error))
    state: State = "changed" if getattr(answer, "changed", False) else "ok"
    notes = tuple(getattr(answer, "notes", ()))
    shown = answers.to_details(answer)
    details = {name: value for name, value in shown.items() if name not in ("changed", "notes")}
    return TargetResult(host.name, "linux", state, 1, details=details, notes=notes)


def rotate(run: Run, selected: Selected) -> SiteResult:
    """Create new secrets on the ban host, then set them on each FortiGate; until then the old ones count."""
    return mask_result(_rotate(run, selected), run.secrets)


def _rotate(run: Run, selected: Selected) -> SiteResult:
    names = [
        name for fortigate in selected.fortigates for name in collect.list_secret_names(fortigate)
    ]
    alone = replace(selected, linux=False)
    host = BanHostRun(run, alone)
    with capture_errors(host.target):
        host.plan()
        if host.is_outdated:
            message = f"the receiver on {host.target.host} differs from the inventory"
            raise Failed(f"{message}; no secret was changed", "run apply first")
    if host.target.error is not None:  # new secrets could not be set anywhere
        return SiteResult(selected.site.name, (host.target.to_result(run.verb),))
    begun = ask(run, selected, Rotate(TOKENS, tuple(names)))
    if any(target.error for target in begun.targets):
        return begun
    planned = mask_plan(SiteRun(run, alone).plan(), run.secrets)
    applied = SiteRun(run, alone).apply(planned)
    return SiteResult(begun.name, (*begun.targets, *applied.targets))


def ask_bans(run: Run) -> Callable[[Site], ListBans]:
    """Return the request that lists the live bans of a site."""
    return lambda site: ListBans(
        SPOOL, AUDIT, running_site.list_jails(site, run.plays), SHARED_DENIED if site.peers else ""
    )


def ask_history(last: int) -> Callable[[Site], ReadHistory]:
    """Return the request that lists the ``last`` entries of the audit."""
    return lambda _: ReadHistory(AUDIT, last)


def ask_evidence() -> Callable[[Site], ReadEvidence]:
    """Return the request that reads the events of a site for a replay."""
    return lambda _: ReadEvidence(EVIDENCE)


def ask_ban(
    run: Run, address: str, seconds: int | None, detection: str, why: str
) -> Callable[[Site], BanAddress]:
    """Return the request that bans an address in the jail of ``detection``, or in the site's first jail.

    Raises:
        InputError: a site has no such jail.
    """

    def request(site: Site) -> BanAddress:
        jail = _find_jail(run, site, detection)
        return BanAddress(jail, address, seconds, name_operator(), why)

    return request


def add_end(site: SiteResult) -> SiteResult:
    """Return the result of a ban with a note about its end at each ban host."""
    return replace(site, targets=tuple(map(_add_end, site.targets)))


def _add_end(result: TargetResult) -> TargetResult:
    until = result.details.get("until")
    if until is None:
        return result
    note = f"banned until {format_timestamp(until)}" if until >= 0 else "banned permanently"
    if result.state != "changed":
        note += " already, nothing was changed; to shorten the ban, unban the address first"
    return replace(result, notes=(*result.notes, note))


def add_allowed_end(site: SiteResult) -> SiteResult:
    """Return the result of an allowance with a note about its end at each ban host."""
    return _add_limit(site, "allowed")


def add_shield_end(site: SiteResult, up: bool) -> SiteResult:
    """Return the result of an order to the shield with a note about its end at each ban host."""
    return _add_limit(site, "shield on" if up else "shield off")


def _add_limit(site: SiteResult, what: str) -> SiteResult:
    return replace(
        site,
        targets=tuple(
            replace(t, notes=(f"{what} until {format_timestamp(t.details['until'])}", *t.notes))
            if "until" in t.details
            else t
            for t in site.targets
        ),
    )


def ask_unban(run: Run, address: str, why: str) -> Callable[[Site], UnbanAddress]:
    """Return the request that unbans an address in all jails of a site."""
    return lambda site: UnbanAddress(
        SPOOL,
        running_site.list_jails(site, run.plays),
        address,
        name_operator(),
        why,
        SHARED_DENIED if site.peers else "",
    )


def ask_allow(network: str, seconds: int, why: str) -> Callable[[Site], AllowNetwork]:
    """Return the request that allows an address or a network for some time."""
    return lambda _: AllowNetwork(SPOOL, USER, network, seconds, name_operator(), why)


def ask_unallow(network: str, why: str) -> Callable[[Site], UnallowNetwork]:
    """Return the request that ends an allowance."""
    return lambda _: UnallowNetwork(SPOOL, USER, network, name_operator(), why)


def ask_shield(run: Run, up: bool, seconds: int, why: str) -> Callable[[Site], SetShield]:
    """Return the request that keeps the shield of a site up, or down, for some time.

    Raises:
        InputError: it would deny more than VPNs at a FortiGate of the site.
    """

    def request(site: Site) -> SetShield:
        if up:
            running_site.check_shield(site, run.plays)
        return SetShield(SPOOL, USER, RULES_MEMORY, up, seconds, name_operator(), why)

    return request


def ask_alarms(run: Run) -> Callable[[Site], ListAlarms]:
    """Return the request that lists the active alarms of a site."""
    return lambda site: ListAlarms(WATCH_MEMORY, running_site.find_alarms_unit(site, run.plays))


def ask_channels(run: Run) -> Callable[[Site], TryChannels]:
    """Return the request that sends a test through every channel of a site."""
    return lambda site: TryChannels(WATCH_MEMORY, running_site.find_alarms_unit(site, run.plays))


def note_drift(run: Run, selected: Selected, planned: SiteResult) -> SiteResult:
    """Note on the ban host what `plan` found, unless a target could not be planned.

    Returns:
        ``planned``, with the error of the ban host if it could not take the note.
    """
    whole = selected.linux and len(selected.fortigates) == len(selected.site.fortigates)
    if not whole or any(target.error for target in planned.targets):
        why = "drift was not noted, because the plan is not one of the whole site"
        return _add_to_host(planned, notes=(why,))
    changes = sum(len(target.changes) for target in planned.targets)
    answer = _ask_agent(run, selected, NoteDrift(DRIFT, USER, changes, name_operator()))
    if not answer.error:
        return _add_to_host(planned, execs=1)
    return _add_to_host(planned, execs=1, state=answer.state, error=answer.error)


def _add_to_host(
    site: SiteResult,
    notes: tuple[str, ...] = (),
    execs: int = 0,
    **more: Any,
) -> SiteResult:
    host, *others = site.targets
    host = replace(host, notes=(*host.notes, *notes), execs=host.execs + execs, **more)
    return SiteResult(site.name, (host, *others))


def _find_jail(run: Run, site: Site, detection: str) -> str:
    jails = running_site.list_jails(site, run.plays)
    jail = name_jail(detection) if detection else next(iter(jails), "")
    if jail not in jails:
        enabled = ", ".join(dict.fromkeys(map(name_detection, jails))) or "none"
        message = (
            f"detection {detection} is not enabled" if detection else "no detection is enabled"
        )
        remedy = f"choose from: {enabled}" if jails else "enable one in detection_enabled"
        raise InputError([Problem("", 0, f"site {site.name}: {message}", remedy)])
    return jail


def name_operator() -> str:
    """Return the operator's name for the audit: user@controller."""
    return f"{find_own_name()}@{platform.node()}"
