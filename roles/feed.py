"""The feed on a FortiGate: the external resource that fetches whom to deny."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from provision.fortios.config.owned import MARKER
from provision.fortios.desired import CliBlock
from provision.fortios.versions import rule
from provision.rendering import render
from provision.roles import Context
from provision.settings import RoleSettings
from provision.sites import FortiGate
from roles import receiver
from roles.enforcement_families import feed_list

PREFIX = "feed_"
FEED = "banstitch_feed"
# what the name of a feed has to begin with on a unit with VDOMs if all of them may use it
GLOBAL = "g-"


class Settings(RoleSettings):
    """How often a FortiGate fetches, and for whom."""

    feed_refresh_rate: Annotated[
        int, Field(ge=1, le=43200, description="minutes between two fetches, 1 to 43200")
    ] = 1
    feed_scope: Annotated[
        Literal["global", "vdom"],
        Field(description="on a unit with VDOMs: for all of them, or only for enforcement_vdom"),
    ] = "global"


def name(context: Context) -> str:
    """What the feed is called on this FortiGate (FortiOS administration guide, threat feeds)."""
    is_global = context.own("feed", Settings).feed_scope == "global"
    return f"{GLOBAL}{FEED}" if context.unit.vdoms and is_global else FEED


def blocks(context: Context) -> tuple[CliBlock, ...]:
    """The external resource, with this FortiGate's own user name and password."""
    settings = context.own("feed", Settings)
    text = render(
        "feed/resource.j2",
        name=name(context),
        marker=MARKER,
        username=context.host.name,
        password=context.token(f"feed:{context.host.name}"),
        url=_url(context),
        secure=receiver.is_secure(context),
        unit=context.unit,
        refresh_rate=settings.feed_refresh_rate,
    )
    return (CliBlock(f"feed/{FEED}", text, scope=settings.feed_scope, note=_unchecked(context)),)


def _url(context: Context) -> str:
    fortigate = context.host
    which = feed_list(fortigate) if isinstance(fortigate, FortiGate) else ""
    return f"{receiver.base_url(context)}/blocked-ips" + (f"/{which}" if which else "")


def _unchecked(context: Context) -> str:
    if not receiver.is_secure(context) or context.unit.has("server_identity_check"):
        return ""
    without = rule("server_identity_check").without
    return f"FortiOS {context.unit.spelt}: the feed is fetched encrypted, but {without}"
