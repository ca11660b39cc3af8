"""The feed on a FortiGate: the external resource that fetches whom to deny."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from provision.fortios.desired import CliBlock
from provision.rendering import render
from provision.roles import MARKER, Context, host_part
from provision.settings import RoleSettings
from roles import receiver

PREFIX = "feed_"
FEED = "banstitch_feed"


class Settings(RoleSettings):
    """How often a FortiGate fetches."""

    feed_refresh_rate: Annotated[
        int, Field(ge=1, le=43200, description="minutes between two fetches, 1 to 43200")
    ] = 1


def blocks(context: Context) -> tuple[CliBlock, ...]:
    """The external resource, with this FortiGate's own user name and password."""
    text = render(
        "feed/resource.j2",
        name=FEED,
        marker=MARKER,
        username=context.host.name,
        password=context.token(f"feed:{context.host.name}"),
        url=f"http://{host_part(receiver.address(context))}:{receiver.port(context)}/blocked-ips",
        refresh_rate=context.own("feed", Settings).feed_refresh_rate,
    )
    return (CliBlock(f"feed/{FEED}", text),)
