"""Orders of an operator to the shield, and its state: see templates/rules/shielding.py.

The service banstitch-rules looks at the order once a second, and raises or lowers the shield.
"""

from __future__ import annotations

import time

from banstitch_shared.ban_file import list_jails
from banstitch_shared.shield_file import (
    NAME,
    UP,
    Order,
    Shield,
    describe_shield,
    format_order,
    read_shield,
)

from provision.linux.agent import host, memory
from provision.linux.agent.bans import call_action, must_be_deployed
from provision.linux.agent.protocol.answers import ShieldSet
from provision.linux.agent.protocol.requests import SetShield

# Seconds that banstitch-rules has to apply an order.
PATIENCE = 10.0
LATE = "banstitch-rules has not applied it yet; see `systemctl status banstitch-rules`"
NOBODY = (
    "this host knows of no recent login, so everybody is denied except detection_ignore and"
    " shield_networks; shield off ends that"
)


def set_shield(request: SetShield) -> ShieldSet:
    """Write the order, and wait until the service obeys.

    Raises:
        HostError: nothing is deployed, or fail2ban does not answer.
    """
    must_be_deployed()
    now = time.time()
    until = now + request.seconds
    order = Order(request.up, until, now, request.by, request.why)
    with memory.Lock(exclusive=True):
        path = f"{request.spool}/{NAME}"
        host.write(path, format_order(order).encode(), 0o640, "root", request.group)
    for jail in list_jails(request.spool)[:1]:
        word = "on" if request.up else "off"
        why = f"shield {word} for {request.seconds} s: {request.why}"
        details = {"what": "shield", "address": "", "by": request.by, "why": why}
        call_action(jail, "note", details)
    return ShieldSet(True, until, _await_service(request.rules, order))


def _await_service(folder: str, order: Order) -> list[str]:
    deadline = time.monotonic() + PATIENCE
    while not _is_obeyed(shield := read_shield(folder, time.time()), order):
        if time.monotonic() > deadline:
            return [LATE]
        time.sleep(0.2)
    if shield is None:
        return []
    return [describe_shield(shield), *([] if shield.homes else [NOBODY])]


def _is_obeyed(shield: Shield | None, order: Order) -> bool:
    if shield is None:
        return not order.up
    return order.up and (shield.mode, shield.since) == (UP, order.since)
