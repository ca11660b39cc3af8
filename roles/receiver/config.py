"""The configuration file of the receiver.

Part of the role `receiver`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from banstitch_shared.addresses import is_address

from provision.desired.context import Context
from provision.desired.host_paths import (
    AUDIT,
    DIGESTS,
    EVENTS_LOG,
    EVIDENCE,
    FACTS,
    LOOKED_UP,
    REJECTED,
    RULES_MEMORY,
    SPOOL,
)
from roles import sharing_settings
from roles.address_families import choose_feed_list
from roles.detection.role import Settings as DetectionSettings
from roles.detection.role import list_looked_up, list_rules
from roles.receiver import events, tls, units
from roles.receiver.units import RUNTIME_DIRECTORY
from roles.shield_settings import find_mode

if TYPE_CHECKING:
    from roles.receiver.role import Settings

_BODY_LIMIT = 65536


def build_config(context: Context, settings: Settings, address: str) -> dict[str, object]:
    """Return the values of the file; FortiGates reach the receiver at ``address``."""
    local = list_local_addresses(context, settings)
    lists = {choose_feed_list(fortigate) for fortigate in context.site.fortigates}
    return {
        **events.build_config(context, settings, address, local),
        "body_limit": _BODY_LIMIT,
        "feed_limit": settings.receiver_feed_limit,
        "feed_lists": sorted(lists) or [""],
        "shield": find_mode(context),
        "status_page": settings.receiver_status_page,
        "certificate": tls.find_certificate(settings),
        "readers": list(map(str, settings.receiver_readers)),
        "digests": DIGESTS,
        "events_log": EVENTS_LOG,
        "evidence_log": EVIDENCE,
        "rejected_log": REJECTED,
        # twice the size at which root rotates them: the receiver writes no further, whatever root does
        "evidence_most": 2 * units.EVIDENCE_SIZE,
        "rejected_most": 2 * units.REJECTED_SIZE,
        "audit_log": AUDIT,
        "rules_memory": RULES_MEMORY,
        "jails": [
            rule.jail for rule in list_rules(context.get_settings("detection", DetectionSettings))
        ],
        "spool": SPOOL,
        "counts": f"/run/{RUNTIME_DIRECTORY}/counts",
        "facts": FACTS,
        **({"looked_up": LOOKED_UP} if list_looked_up(context) else {}),
        **sharing_settings.describe_receiver(context),
    }


def list_local_addresses(context: Context, settings: Settings) -> list[str]:
    """Return the addresses from which the ban host connects to its own receiver."""
    listen = [] if settings.receiver_listen.is_unspecified else [str(settings.receiver_listen)]
    login = context.site.ban_host.login.address
    return ["127.0.0.0/8", "::1", *listen, *([login] if is_address(login) else [])]
