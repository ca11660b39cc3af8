"""The feed on a FortiGate: the external resource that fetches the addresses to deny."""

from __future__ import annotations

from typing import Annotated, Literal

from banstitch_shared.receiver_api import FEED_PATH
from banstitch_shared.tokens import name_feed_token
from pydantic import Field

from provision.desired.context import Context
from provision.desired.templates import render
from provision.errors import InputError
from provision.fortios.config.desired import CliBlock
from provision.fortios.config.facts import find_capability
from provision.fortios.config.feed import describe_feed_limit, find_feed_limit
from provision.fortios.config.tables.table import MARKER
from provision.sites.setting_types import InterfaceOrEmpty, Ipv4OrEmpty
from provision.sites.settings import RoleSettings
from provision.sites.site import FortiGate
from roles.address_families import choose_feed_list
from roles.receiver.role import Settings as ReceiverSettings
from roles.receiver.role import build_base_url, is_receiver_secure

NAME = "feed"
PREFIX = "feed_"
FEED = "banstitch_feed"
# Prefix of the name of a feed that all VDOMs can use (FortiOS administration guide, threat feeds).
GLOBAL = "g-"
# Methods to choose the interface that need no interface name.
_METHODS = ("auto", "sdwan")


class Settings(RoleSettings):
    """Frequency, scope and route of the fetches.

    The FortiGate keeps its own value for each part of the route that is not set.
    """

    feed_refresh_rate: Annotated[
        int, Field(ge=1, le=43200, description="minutes between two fetches")
    ] = 1
    feed_refresh: Annotated[
        Literal["auto", "poll", "stitch"],
        Field(
            description=(
                "stitch: an event also makes the FortiGate fetch the feed some seconds later; poll: "
                "it only polls; auto: stitch if FortiOS documents the command (7.6.5 and later), the "
                "FortiGate has no VDOMs, and the administrator has super_admin"
            )
        ),
    ] = "auto"
    feed_refresh_interval: Annotated[
        int,
        Field(
            ge=5,
            le=3600,
            description="minimum number of seconds between two fetches that events cause",
        ),
    ] = 10
    feed_scope: Annotated[
        Literal["global", "vdom"],
        Field(
            description="with VDOMs: whether all of them can use the feed, or only enforcement_vdom"
        ),
    ] = "global"
    feed_source_ip: Annotated[
        Ipv4OrEmpty,
        Field(
            description=(
                "source address of the fetches; 0.0.0.0: that of the interface; empty: leave it as it is"
            )
        ),
    ] = ""
    feed_interface: Annotated[
        InterfaceOrEmpty,
        Field(
            description=(
                "interface of the fetches, or auto (by routing), or sdwan (by its rules); "
                "empty: leave it as it is"
            )
        ),
    ] = ""
    feed_vrf: Annotated[
        int,
        Field(ge=-1, le=511, description="VRF of the fetches; -1: leave it as it is"),
    ] = -1


def name_feed(context: Context) -> str:
    """Return the name of the feed on this FortiGate."""
    is_global = context.get_settings("feed", Settings).feed_scope == "global"
    return f"{GLOBAL}{FEED}" if context.facts.vdoms and is_global else FEED


def replay(context: Context) -> dict[str, float]:
    """Return the seconds until this FortiGate has fetched a ban, and the entries of a full feed."""
    poll = 60.0 * context.get_settings("feed", Settings).feed_refresh_rate
    return {"poll": poll, "feed_limit": _find_limit(context)}


def blocks(context: Context) -> tuple[CliBlock, ...]:
    """Return the external resource, with this FortiGate's own user name and password.

    Raises:
        InputError: a setting needs a capability that this version lacks.
    """
    settings = context.get_settings("feed", Settings)
    _check_capabilities(context, settings)
    text = render(
        "feed/resource.j2",
        name=name_feed(context),
        marker=MARKER,
        username=context.host.name,
        password=context.get_token(name_feed_token(context.host.name)),
        url=_build_url(context),
        secure=is_receiver_secure(context),
        fortigate=context.facts,
        refresh_rate=settings.feed_refresh_rate,
        source_ip=settings.feed_source_ip,
        method=_choose_method(settings.feed_interface),
        interface=settings.feed_interface,
        vrf=settings.feed_vrf,
    )
    note = "; ".join(filter(None, (_note_unchecked(context), _note_limit(context))))
    return (CliBlock(f"feed/{FEED}", text, scope=settings.feed_scope, note=note),)


def _choose_method(interface: str) -> str:
    """Return how FortiOS is to choose the interface; empty if the inventory does not set it."""
    return interface if interface in ("", *_METHODS) else "specify"


def _check_capabilities(context: Context, settings: Settings) -> None:
    values = {"feed_interface": settings.feed_interface, "feed_vrf": settings.feed_vrf}
    problems = []
    for name, value in values.items():
        if value not in ("", -1) and not context.facts.has(name):
            capability = find_capability(name)
            message = (
                f"FortiOS {context.facts.version_text} has no {name}: "
                f"{capability.what} in {capability.versions}"
            )
            problems.append(context.build_problem(name, message, capability.without))
    if problems:
        raise InputError(problems)


def _build_url(context: Context) -> str:
    fortigate = context.host
    name = choose_feed_list(fortigate) if isinstance(fortigate, FortiGate) else ""
    return f"{build_base_url(context)}{FEED_PATH}" + (f"/{name}" if name else "")


def _note_unchecked(context: Context) -> str:
    """Return a note if nothing checks the receiver's certificate."""
    if not is_receiver_secure(context) or context.facts.has("server_identity_check"):
        return ""
    without = find_capability("server_identity_check").without
    return f"FortiOS {context.facts.version_text}: the feed is fetched encrypted, but {without}"


def _find_limit(context: Context) -> int:
    return context.get_ban_host_settings("receiver", ReceiverSettings).receiver_feed_limit


def _note_limit(context: Context) -> str:
    """Return a note if the feed may have more entries than this FortiGate takes."""
    facts = context.facts
    limit = _find_limit(context)
    most = find_feed_limit(facts.model, facts.version)
    if limit <= most:
        return ""
    return (
        f"receiver_feed_limit is {limit}, and the limit of a {facts.model} with FortiOS "
        f"{facts.version_text} {describe_feed_limit(facts.model, facts.version)} {most}: it drops the "
        f"entries over its limit, and those attackers are not denied; lower receiver_feed_limit"
    )
