"""Ask the roles about a site that runs: what can be asked of it, and which jails and limits it has."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from provision.desired.collect import render_resources
from provision.desired.context import (
    AlarmsHook,
    Context,
    ReplayHook,
    SelfTestHook,
    ShieldHook,
    StatusHook,
    StatusSource,
)
from provision.desired.host_paths import WATCH_MEMORY
from provision.errors import InputError
from provision.linux.agent.protocol.requests import ReadStatus, SelfTest
from provision.linux.kinds.jail import Jail
from provision.sites.site import BAN_HOSTS, FORTIGATES, BanHost, FortiGate, Play, Site, list_roles


def request_self_test(site: Site, plays: Sequence[Play]) -> SelfTest | None:
    """Return the request for the synthetic event of `verify`; None if there is nothing to test."""
    for role in list_roles(plays, BAN_HOSTS):
        if isinstance(role, SelfTestHook):
            return role.self_test(Context(site, site.ban_host))
    return None


def check_shield(site: Site, plays: Sequence[Play]) -> None:
    """Check that a shield in the feed of a site would deny nothing but VPNs.

    Raises:
        InputError: every FortiGate where it would.
    """
    problems = [
        problem
        for fortigate in site.fortigates
        for role in list_roles(plays, FORTIGATES)
        if isinstance(role, ShieldHook)
        for problem in role.check_shield(Context(site, fortigate))
    ]
    if problems:
        raise InputError(problems)


def list_jails(site: Site, plays: Sequence[Play]) -> tuple[str, ...]:
    """Return the names of a site's jails, in order."""
    return tuple(each.name for each in render_resources(site, plays) if isinstance(each, Jail))


def find_poll_seconds(site: Site, plays: Sequence[Play]) -> float:
    """Return the longest time between two fetches of the feed by a FortiGate of the site."""
    return max(_list_feed_values(site, plays, "poll"), default=0.0)


def find_feed_limit(site: Site, plays: Sequence[Play]) -> float:
    """Return the number of entries that the feed of the site has when it is full."""
    return min(_list_feed_values(site, plays, "feed_limit"), default=math.inf)


def _list_feed_values(site: Site, plays: Sequence[Play], name: str) -> list[float]:
    parts = (
        role.replay(Context(site, fortigate))
        for fortigate in site.fortigates
        for role in list_roles(plays, FORTIGATES)
        if isinstance(role, ReplayHook)
    )
    return [part[name] for part in parts if name in part]


def find_alarms_unit(site: Site, plays: Sequence[Play]) -> str:
    """Return the unit that raises alarms at a site; empty if they are off."""
    for role in list_roles(plays, BAN_HOSTS):
        if isinstance(role, AlarmsHook):
            return role.alarms_unit(Context(site, site.ban_host))
    return ""


def request_status(site: Site, plays: Sequence[Play]) -> StatusSource:
    """Return the request for the receiver's metrics; empty without a receiver."""
    for role in list_roles(plays, BAN_HOSTS):
        if isinstance(role, StatusHook):
            source = role.status(Context(site, site.ban_host))
            watch = WATCH_MEMORY if find_alarms_unit(site, plays) else ""
            return replace(source, request=replace(source.request, watch=watch))
    return StatusSource(ReadStatus())


def collect_replay_parts(site: Site, plays: Sequence[Play]) -> dict[str, object]:
    """Return the settings of a site for a replay, as the roles of its hosts give them."""
    hosts: list[tuple[BanHost | FortiGate, str]] = [(site.ban_host, BAN_HOSTS)]
    hosts += [(fortigate, FORTIGATES) for fortigate in site.fortigates]
    parts: dict[str, object] = {}
    for host, group in hosts:
        for role in list_roles(plays, group):
            if isinstance(role, ReplayHook):
                part = role.replay(Context(site, host))
                poll = max(parts.get("poll", 0.0), part.get("poll", 0.0))
                parts.update(part, poll=poll)
    return parts
