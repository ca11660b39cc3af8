"""The shield: while many strange sources fail at once, deny all but the networks of recent logins.

It is off by default, because it also denies people who log in from an unknown network. The service
banstitch-rules raises it, and the receiver serves its networks in the feed.
"""

from __future__ import annotations

from banstitch_shared.addresses import is_network

from provision.desired.context import Context
from provision.linux.kinds.resource import Resource
from roles.detection.role import Settings as DetectionSettings
from roles.detection.role import list_enabled, list_ignored
from roles.receiver.role import Settings as ReceiverSettings
from roles.receiver.role import find_receiver_address
from roles.shield_settings import Settings, find_mode

__all__ = ["NAME", "PREFIX", "Settings", "find_mode", "list_spared", "replay", "resources"]

NAME = "shield"
PREFIX = "shield"


def list_spared(context: Context) -> list[str]:
    """Return the networks that the shield never denies, besides those of logins.

    They are those that no detection bans, ``shield_networks`` and, unless the shield is off, all hosts of
    the inventory, because a FortiGate of another site may be an IPsec peer.
    """
    others = context.site.inventory_addresses if find_mode(context) != "off" else ()
    detections = list_enabled(context.get_ban_host_settings("detection", DetectionSettings))
    found = [
        *list_ignored(context),
        find_receiver_address(context),
        *map(str, context.get_ban_host_settings("receiver", ReceiverSettings).receiver_ignore),
        *(each for detection in detections for each in detection.ignore),
        *map(str, context.get_ban_host_settings("shield", Settings).shield_networks),
        *others,
    ]
    return [text for text in dict.fromkeys(found) if is_network(text)]


def resources(_: Context) -> tuple[Resource, ...]:
    """Return nothing: the roles `rules` and `receiver` deploy what the shield needs."""
    return ()


def replay(context: Context) -> dict[str, object]:
    """Return the mode of the shield, and whom it spares."""
    return {"shield": find_mode(context), "spared": list_spared(context)}
