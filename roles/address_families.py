"""The address families that a FortiGate denies.

The setting belongs to the role `enforcement`, and `feed` and `receiver` read it. It has a module of its
own because `enforcement` imports `feed`, which imports `receiver`.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from provision.sites.settings import RoleSettings
from provision.sites.site import FortiGate


class FamilySettings(RoleSettings):
    """IPv6 in addition to IPv4."""

    enforcement_ipv6: Annotated[
        bool, Field(description="also fetch and deny the IPv6 addresses of the feed")
    ] = False


def choose_feed_list(fortigate: FortiGate) -> str:
    """Return the list of the feed that a FortiGate fetches: "v4", or "" for both families.

    A FortiGate that denies only IPv4 fetches only IPv4, because its lists are limited in size.
    """
    settings = fortigate.settings.get("enforcement")
    has_both = isinstance(settings, FamilySettings) and settings.enforcement_ipv6
    return "" if has_both else "v4"
