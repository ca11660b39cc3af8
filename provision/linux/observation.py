"""The request to observe, and the observation of a host on which the agent cannot run yet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from provision.linux.agent.digest import compute_bare_digest
from provision.linux.agent.protocol.observe import Observe
from provision.linux.agent.protocol.state import Facts, Observed, ServiceState
from provision.linux.kinds.file import File, encode_content
from provision.linux.kinds.resource import Resource
from provision.linux.kinds.tokens import Tokens


def build_request(desired: Sequence[Resource]) -> Observe:
    """Return the request that observes all of ``desired``."""
    files = (resource.path for resource in desired if isinstance(resource, Tokens))
    request = Observe(tokens=next(files, ""))
    for resource in desired:
        resource.add_to_request(request)
    return request


def fill_contents(observed: Observed, desired: Sequence[Resource]) -> Observed:
    """Return the observation with the contents that the agent left out because they are as desired.

    The request has the digest of each desired content; an answer does not repeat a content with that digest.
    ``desired``: the resources of :func:`build_request`.
    """
    left_out = set(observed.as_desired)
    contents = {
        each.path: encode_content(each.content)
        for each in desired
        if isinstance(each, File) and each.content is not None and each.path in left_out
    }
    states = observed.paths
    filled = {
        path: replace(state, content=contents[path])
        for path in left_out
        if (state := states[path]) is not None
    }
    return replace(observed, paths={**states, **filled}, as_desired=[])


def assume_untouched(
    desired: Sequence[Resource], sshd_jail_without_log: bool = True, clock: float = 0
) -> Observed:
    """Return the assumed observation of a host on which the agent cannot run yet: nothing of ours exists.

    ``clock``: the time there; 0 if it is unknown.
    """
    asked = build_request(desired)
    assumed = Observed(
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
        clock=clock,
        digest="",
    )
    return replace(assumed, digest=compute_bare_digest(assumed))
