"""The request to observe, and the observation of a host on which the agent cannot run yet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from provision.linux.kinds.resource import Resource


def request(desired: Sequence[Resource]) -> dict[str, Any]:
    """Return the request that observes all of ``desired``."""
    asked: dict[str, Any] = {
        "do": "observe",
        "paths": [],
        "logs": [],
        "packages": [],
        "users": [],
        "services": [],
        # files of key and certificate, each with that of the CA that should have signed it
        "sealed": {},
        "jails": [],
        "spools": [],
        "tokens": "",
    }
    for resource in desired:
        resource.add_to_request(asked)
    return asked


def untouched(
    desired: Sequence[Resource],
    sshd_jail_without_log: bool = True,
    clock: float | None = None,
) -> dict[str, Any]:
    """Return what is known of a host on which the agent cannot run yet: nothing of ours is there."""
    asked = request(desired)
    states = ("exists", "enabled", "active", "stale", "answers")
    nothing = {**dict.fromkeys(states, False), "taken_by": ""}
    return {
        "facts": {"sshd_jail_without_log": sshd_jail_without_log},
        "paths": dict.fromkeys([*asked["paths"], *asked["sealed"]]),
        "packages": dict.fromkeys(asked["packages"], False),
        "users": dict.fromkeys(asked["users"], False),
        "services": {service["name"]: nothing for service in asked["services"]},
        "jails": dict.fromkeys(asked["jails"]),
        "bans": {},
        "tokens": None,
        "certificates": dict.fromkeys(asked["sealed"]),
        "foreign": {},
        "manifest": None,
        "package_lock": "",
        "clock": clock,
        "digest": "",
    }
