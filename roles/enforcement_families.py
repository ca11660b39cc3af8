"""The address families that a FortiGate denies: a part of the role `enforcement` that `feed` follows."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from provision.sites.builder import FortiGate
from provision.sites.settings import RoleSettings


class Settings(RoleSettings):
    """IPv6 beside IPv4."""

    enforcement_ipv6: Annotated[
        bool, Field(description="also fetch and deny the IPv6 addresses of the feed")
    ] = False


def feed_list(fortigate: FortiGate) -> str:
    """Return which list of the feed a FortiGate fetches: "v4", or "" for both families.

    What it does not deny must not take the room of what it does.
    """
    settings = fortigate.settings.get("enforcement")
    both = isinstance(settings, Settings) and settings.enforcement_ipv6
    return "" if both else "v4"
