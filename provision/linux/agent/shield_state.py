"""Read the state of the shield, and the order that keeps it down: see banstitch_shared/shield_file.py."""

from __future__ import annotations

import json
import os
import time

from provision.linux.agent.protocol.state import ShieldState

# The file in the folder of banstitch-rules, and in that of orders.
NAME = "shield.json"
ORDERS = "/var/spool/banstitch"


def read_shield_state(folder: str, orders: str = ORDERS) -> ShieldState | None:
    """Return the shield that is up, would be, or is kept down by an order; None for none of these."""
    path, now = os.path.join(orders, NAME), time.time()
    if not os.path.exists(os.path.join(folder, NAME)) and not _is_kept_down(path, now):
        return None
    # this takes long to import, and there is hardly ever a shield
    from banstitch_shared.shield_file import DOWN, Shield, read_order, read_shield

    shield, order = read_shield(folder, now), read_order(orders, now)
    if shield is None and order is not None and not order.up:
        shield = Shield(DOWN, order.since, order.until, order.by, order.why)
    if shield is None:
        return None
    fields = shield._asdict()
    return ShieldState(**{name: fields[name] for name in ShieldState.__dataclass_fields__})


def _is_kept_down(path: str, now: float) -> bool:
    try:
        with open(path, encoding="utf-8") as stream:
            order = json.load(stream)
        return order["up"] is False and order["until"] > now
    except (OSError, ValueError, LookupError, TypeError):
        return False
