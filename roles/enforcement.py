"""Enforcement on a FortiGate: where the feed takes effect."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from provision.fortios.desired import CliBlock
from provision.rendering import render
from provision.roles import Context
from provision.setting_types import VdomName
from provision.settings import RoleSettings
from roles import feed

PREFIX = "enforcement"


class Settings(RoleSettings):
    """Where the feed takes effect."""

    enforcement: Annotated[
        tuple[Literal["ssl_vpn", "none"], ...],
        Field(
            min_length=1,
            description="ssl_vpn: denied in the SSL VPN settings; none: only fetched",
        ),
    ] = ("ssl_vpn",)
    enforcement_vdom: Annotated[
        VdomName, Field(description="on a unit with VDOMs: the one in which the feed takes effect")
    ] = "root"


def vdom(context: Context) -> str:
    """The VDOM for what does not belong to a unit as a whole."""
    return context.own("enforcement", Settings).enforcement_vdom


def blocks(context: Context) -> tuple[CliBlock, ...]:
    """One block for each place, after the feed that they refer to."""
    places = dict.fromkeys(context.own("enforcement", Settings).enforcement)
    return tuple(
        CliBlock(
            f"enforcement/{place}",
            render(f"enforcement/{place}.j2", feed=feed.name(context)),
            scope="vdom",
        )
        for place in places
        if place != "none"
    )
