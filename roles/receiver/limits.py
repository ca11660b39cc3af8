"""Limits of the feed and of new bans. Part of the role `receiver`; the role `detection` reads them, too."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from provision.sites.settings import RoleSettings


class Settings(RoleSettings):
    """Limits of the feed and of new bans."""

    receiver_feed_limit: Annotated[
        int,
        Field(
            ge=1,
            le=5_000_000,
            description="entries that a list of the feed may have; IPv6 gets at most a"
            " quarter of the list for both families; FortiOS before 7.4.4 accepts 131072, and plan warns"
            " if a FortiGate accepts fewer",
        ),
    ] = 131072
    receiver_ban_limit: Annotated[
        int,
        Field(
            ge=1,
            le=1000000,
            description="new bans per hour, of IPv4 and of IPv6 each, that the events of one FortiGate"
            " may cause",
        ),
    ] = 50_000
