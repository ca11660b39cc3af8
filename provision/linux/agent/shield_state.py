"""Read the state of the shield, and the order that keeps it down: see banstitch_shared/shield_file.py."""

from __future__ import annotations

import os
import time

from provision.linux.agent.protocol.state import ShieldState

# The file in the folder of banstitch-rules, and in that of orders.
NAME = "shield.json"
ORDERS = "/var/spool/banstitch"


def read_shield_state(folder: str, orders: str = ORDERS) -> ShieldState | None:
    """Return the shield that is up, would be, or is kept down by an order; None for none of these."""
    if not any(os.path.exists(os.path.join(each, NAME)) for each in (folder, orders)):
        return None
    # this takes long to import, and there is hardly ever a shield or an order
    from banstitch_shared.shield_file import DOWN, Shield, read_order, read_shield

    now = time.time()
    shield, order = read_shield(folder, now), read_order(orders, now)
    if shield is None and order is not None and not order.up:
        shield = Shield(DOWN, order.since, order.until, order.by, order.why)
    if shield is None:
        return None
    fields = shield._asdict()
    return ShieldState(**{name: fields[name] for name in ShieldState.__dataclass_fields__})
