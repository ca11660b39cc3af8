"""The request to observe, and the observation of a host on which the agent cannot run yet."""

from __future__ import annotations

from collections.abc import Sequence

from provision.linux.agent.protocol.observe import Observe
from provision.linux.agent.protocol.state import Facts, Observed, ServiceState
from provision.linux.kinds.resource import Resource
from provision.linux.kinds.tokens import Tokens


def build_request(desired: Sequence[Resource]) -> Observe:
    """Return the request that observes all of ``desired``."""
    files = (resource.path for resource in desired if isinstance(resource, Tokens))
    request = Observe(tokens=next(files, ""))
    for resource in desired:
        resource.add_to_request(request)
    return request


def assume_untouched(desired: Sequence[Resource], sshd_jail_without_log: bool = True) -> Observed:
    """Return the assumed observation of a host on which the agent cannot run yet: nothing of ours exists."""
    asked = build_request(desired)
    return Observed(
        facts=Facts("", True, True, sshd_jail_without_log),
        paths=dict.fromkeys([*asked.paths, *asked.sealed]),
        packages=dict.fromkeys(asked.packages, False),
        users=dict.fromkeys(asked.users, False),
        services={
            service.name: ServiceState(False, False, False, False, False, "")
            for service in asked.services
        },
        jails=dict.fromkeys(asked.jails),
        bans={},
        tokens=None,
        certificates=dict.fromkeys(asked.sealed),
        foreign={},
        manifest=None,
        package_lock="",
        clock=0,
        digest="",
    )
