"""Enforcement on a FortiGate: where the feed takes effect."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from provision.fortios.desired import CliBlock
from provision.rendering import render
from provision.roles import Context
from provision.settings import RoleSettings
from roles.feed import FEED

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


def blocks(context: Context) -> tuple[CliBlock, ...]:
    """One block for each place, after the feed that they refer to."""
    places = dict.fromkeys(context.own("enforcement", Settings).enforcement)
    return tuple(
        CliBlock(f"enforcement/{place}", render(f"enforcement/{place}.j2", feed=FEED))
        for place in places
        if place != "none"
    )
