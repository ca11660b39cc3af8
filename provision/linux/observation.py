"""The request to observe, and the observation of a host on which the agent cannot run yet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from provision.linux.certificates import sealed
from provision.linux.resources import (
    Digests,
    Directory,
    File,
    Jail,
    Package,
    Resource,
    Service,
    Tokens,
    User,
)


def request(desired: Sequence[Resource]) -> dict[str, Any]:
    """Return the request that observes all of ``desired``."""

    def of(*kinds: type) -> list[Any]:
        return [resource for resource in desired if isinstance(resource, kinds)]

    return {
        "do": "observe",
        "paths": [resource.path for resource in of(File, Directory, Tokens, Digests)],
        "logs": [resource.path for resource in of(File) if resource.content is None],
        "packages": [resource.name for resource in of(Package)],
        "users": [resource.name for resource in of(User)],
        "services": [
            {
                "name": s.name,
                "answers": s.answers,
                "certificate": s.certificate,
                "listens": s.listens,
            }
            for s in of(Service)
        ],
        "sealed": sealed(desired),
        "jails": [resource.name for resource in of(Jail)],
        # what root alone writes there can be believed
        "spools": [d.path for d in of(Directory) if d.data and d.owner == "root"],
        "tokens": next((resource.path for resource in of(Tokens)), ""),
    }


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
