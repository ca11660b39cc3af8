"""Settings of events: accepted senders, rates, and addresses that are never recorded.

Part of the role `receiver`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated

from banstitch_shared.addresses import is_address
from pydantic import Field

from provision.desired.context import Context
from provision.sites.setting_types import Networks
from provision.sites.settings import RoleSettings
from roles.detection.catalogue import Condition
from roles.detection.role import Enabled, list_enabled, list_ignored, list_own_addresses
from roles.detection.role import Settings as DetectionSettings


class Settings(RoleSettings):
    """Senders, rates and ignored addresses of events."""

    receiver_allow: Annotated[
        Networks,
        Field(
            description="more addresses that may post events, besides the FortiGates' ansible_host"
        ),
    ] = ()
    receiver_allow_any: Annotated[
        bool, Field(description="accept events from any address; a token is still required")
    ] = False
    receiver_rate: Annotated[
        int,
        Field(
            ge=1, le=100000, description="posts per second that one FortiGate may send continuously"
        ),
    ] = 2000
    receiver_burst: Annotated[
        int, Field(ge=1, le=1000000, description="posts that one FortiGate may send at once")
    ] = 20000
    receiver_accept_documentation: Annotated[
        bool,
        Field(description="for labs only: also ban documentation addresses such as 203.0.113.0/24"),
    ] = False
    receiver_ignore: Annotated[
        Networks, Field(description="addresses and networks whose events are not recorded")
    ] = ()


def build_config(
    context: Context, settings: Settings, address: str, own: Sequence[str]
) -> dict[str, object]:
    """Return the part of the configuration file that concerns events.

    ``address``: the address or name at which FortiGates reach the receiver; ``own``: addresses and
    networks from which the ban host connects to its own receiver.
    """
    return {
        "fortigates": [fortigate.name for fortigate in context.site.fortigates],
        "detections": _describe_detections(context, settings, address),
        "allow": list_senders(context, settings),
        "own": list(own),
        "hosts": list_host_names(context, address),
        "ipv6_prefix": context.get_settings("detection", DetectionSettings).detection_ipv6_prefix,
        "accept_documentation": settings.receiver_accept_documentation,
        "rate": settings.receiver_rate,
        "burst": settings.receiver_burst,
    }


def list_senders(context: Context, settings: Settings) -> list[str] | None:
    """Return the addresses and names that may post, or None for any. The receiver resolves the names."""
    if settings.receiver_allow_any:
        return None
    fortigates = [fortigate.login.address for fortigate in context.site.fortigates]
    return list(dict.fromkeys([*fortigates, *map(str, settings.receiver_allow)]))


def list_host_names(context: Context, address: str) -> list[str]:
    """Return the host names among the site's own addresses; what they resolve to is never banned."""
    fortigates = (fortigate.login.address for fortigate in context.site.fortigates)
    addresses = (context.site.ban_host.login.address, address, *fortigates)
    return [name for name in dict.fromkeys(addresses) if not is_address(name)]


def _describe_detections(
    context: Context, settings: Settings, address: str
) -> list[dict[str, object]]:
    receiver = [address] if is_address(address) else []
    own = [*list_own_addresses(context), *receiver]
    ignore = [*list_ignored(context), *receiver, *map(str, settings.receiver_ignore)]
    return [
        describe_detection(detection, own, [*ignore, *detection.ignore])
        for detection in list_enabled(context.get_settings("detection", DetectionSettings))
    ]


def describe_detection(
    detection: Enabled, own: Sequence[str], ignore: Sequence[str]
) -> dict[str, object]:
    """Return a detection for the receiver.

    ``own``: the site's own addresses, whose logins say nothing; ``ignore``: those that are never banned.
    """
    events = detection.events
    return {
        "name": events.name,
        "jail": detection.jail,
        "log_ids": list(events.log_ids),
        "success_ids": list(events.success_ids),
        "lockout_ids": list(events.lockout_ids),
        "address_field": events.address_field,
        "address_inside": events.address_inside or "",
        "user_fields": list(events.user_fields),
        "where": _list_conditions(events.where),
        "success_where": _list_conditions(events.success_where),
        "own": list(dict.fromkeys(own)),
        "ignore": list(dict.fromkeys(ignore)),
    }


def _list_conditions(where: Mapping[str, Condition]) -> dict[str, list[str] | str]:
    return {
        names: wanted if isinstance(wanted, str) else list(wanted)
        for names, wanted in where.items()
    }
