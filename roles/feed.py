"""The feed on a FortiGate: the external resource that fetches whom to deny."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from provision.desired.context import Context
from provision.desired.templates import render
from provision.errors import InputError
from provision.fortios.config.desired import CliBlock
from provision.fortios.config.owned import MARKER
from provision.fortios.config.versions import find_capability
from provision.sites.builder import FortiGate
from provision.sites.setting_types import InterfaceOrEmpty, Ipv4OrEmpty
from provision.sites.settings import RoleSettings
from roles import receiver
from roles.enforcement_families import feed_list

PREFIX = "feed_"
FEED = "banstitch_feed"
# what the name of a feed has to begin with on a unit with VDOMs if all of them may use it
GLOBAL = "g-"
# Ways to choose the interface that name none.
_METHODS = ("auto", "sdwan")


class Settings(RoleSettings):
    """How often a FortiGate fetches, for whom, and by which way.

    What is not set of the way is left as it is on the FortiGate.
    """

    feed_refresh_rate: Annotated[
        int, Field(ge=1, le=43200, description="minutes between two fetches, 1 to 43200")
    ] = 1
    feed_scope: Annotated[
        Literal["global", "vdom"],
        Field(description="on a unit with VDOMs: for all of them, or only for enforcement_vdom"),
    ] = "global"
    feed_source_ip: Annotated[
        Ipv4OrEmpty,
        Field(
            description=(
                "address from which a FortiGate fetches, 0.0.0.0: that of the interface; empty: left "
                "as it is"
            )
        ),
    ] = ""
    feed_interface: Annotated[
        InterfaceOrEmpty,
        Field(
            description=(
                "interface through which it fetches, or auto (by routing), or sdwan (by its rules); "
                "empty: left as it is"
            )
        ),
    ] = ""
    feed_vrf: Annotated[
        int,
        Field(ge=-1, le=511, description="VRF in which it fetches, 0 to 511; -1: left as it is"),
    ] = -1


def name(context: Context) -> str:
    """What the feed is called on this FortiGate (FortiOS administration guide, threat feeds)."""
    is_global = context.own("feed", Settings).feed_scope == "global"
    return f"{GLOBAL}{FEED}" if context.unit.vdoms and is_global else FEED


def blocks(context: Context) -> tuple[CliBlock, ...]:
    """Return the external resource, with this FortiGate's own user name and password.

    Raises:
        InputError: a setting asks for what this version does not have.
    """
    settings = context.own("feed", Settings)
    _need(context, settings)
    text = render(
        "feed/resource.j2",
        name=name(context),
        marker=MARKER,
        username=context.host.name,
        password=context.token(f"feed:{context.host.name}"),
        url=_url(context),
        secure=receiver.is_secure(context),
        fortigate=context.unit,
        refresh_rate=settings.feed_refresh_rate,
        source_ip=settings.feed_source_ip,
        method=_method(settings.feed_interface),
        interface=settings.feed_interface,
        vrf=settings.feed_vrf,
    )
    return (CliBlock(f"feed/{FEED}", text, scope=settings.feed_scope, note=_unchecked(context)),)


def _method(interface: str) -> str:
    """Return how FortiOS chooses the interface; empty where the inventory does not say."""
    return interface if interface in ("", *_METHODS) else "specify"


def _need(context: Context, settings: Settings) -> None:
    asked = {"feed_interface": settings.feed_interface, "feed_vrf": settings.feed_vrf}
    gaps = [name for name, value in asked.items() if value not in ("", -1)]
    problems = [
        context.problem(
            name,
            f"FortiOS {context.unit.version_text} has no {name}: "
            f"{find_capability(name).what} in {find_capability(name).versions}",
            find_capability(name).without,
        )
        for name in gaps
        if not context.unit.has(name)
    ]
    if problems:
        raise InputError(problems)


def _url(context: Context) -> str:
    fortigate = context.host
    which = feed_list(fortigate) if isinstance(fortigate, FortiGate) else ""
    return f"{receiver.base_url(context)}/blocked-ips" + (f"/{which}" if which else "")


def _unchecked(context: Context) -> str:
    if not receiver.is_secure(context) or context.unit.has("server_identity_check"):
        return ""
    without = find_capability("server_identity_check").without
    return f"FortiOS {context.unit.version_text}: the feed is fetched encrypted, but {without}"
