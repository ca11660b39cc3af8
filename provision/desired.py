"""What the roles of the playbook ask for, put together for one target: the only caller of roles."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from provision.fortios.desired import CliBlock, Desired
from provision.fortios.desired import desired as parsed
from provision.linux.resources import Resource
from provision.roles import Context
from provision.settings import Role, load_roles
from provision.sites import BAN_HOSTS, FORTIGATES, FortiGate, Play, Selected, Site


def linux(site: Site, plays: Sequence[Play]) -> tuple[Resource, ...]:
    """The resources of a site's ban host, in the order of the roles, each once."""
    context = Context(site, site.ban_host)
    found = [
        resource for role in _roles(plays, BAN_HOSTS) for resource in role.module.resources(context)
    ]
    return tuple(dict.fromkeys(found))


def blocks(
    site: Site, unit: FortiGate, plays: Sequence[Play], tokens: Mapping[str, str]
) -> tuple[CliBlock, ...]:
    """The CLI blocks of a FortiGate, in dependency order; ``tokens`` are read from its ban host."""
    context = Context(site, unit, tokens)
    return tuple(
        block for role in _roles(plays, FORTIGATES) for block in role.module.blocks(context)
    )


def fortios(
    site: Site, unit: FortiGate, plays: Sequence[Play], tokens: Mapping[str, str]
) -> Desired:
    """The objects of a FortiGate.

    Raises:
        InputError: a template renders to something that is no FortiOS CLI.
    """
    return parsed(blocks(site, unit, plays, tokens))


def everything(selected: Selected, plays: Sequence[Play]) -> None:
    """Render all of a site, so that a fault of a template shows before anything is contacted.

    Raises:
        InputError: with the template's file and line.
    """
    linux(selected.site, plays)
    for unit in selected.fortigates:
        fortios(selected.site, unit, plays, {})


def drill(site: Site, plays: Sequence[Play]) -> dict[str, Any] | None:
    """The synthetic event that proves a site's loop, or None where no role of the play has one."""
    context = Context(site, site.ban_host)
    for role in _roles(plays, BAN_HOSTS):
        if hasattr(role.module, "drill"):
            found: dict[str, Any] | None = role.module.drill(context)
            return found
    return None


def _roles(plays: Sequence[Play], group: str) -> Iterator[Role]:
    for play in plays:
        if play.group == group:
            yield from load_roles(play.roles).values()
