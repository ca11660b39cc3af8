"""What the roles of the playbook ask for, put together for one target: the only caller of roles."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from provision.desired.context import UNKNOWN, Context, stands_for_more
from provision.errors import Failed, InputError, Problem
from provision.fortios.config.desired import CliBlock, Desired
from provision.fortios.config.desired import read_blocks as parsed
from provision.fortios.config.diff import collect_values
from provision.fortios.config.versions import NEWEST, Facts, Version, assume_facts
from provision.fortios.planning.secret_names import attach_secret_names
from provision.linux.resources import Resource
from provision.sites.builder import BAN_HOSTS, FORTIGATES, FortiGate, Play, Selected, Site
from provision.sites.settings import Role, load_roles


def linux(site: Site, plays: Sequence[Play]) -> tuple[Resource, ...]:
    """The resources of a site's ban host, in the order of the roles, each once."""
    return tuple(linux_by_role(site, plays))


def linux_by_role(site: Site, plays: Sequence[Play]) -> dict[Resource, str]:
    """Return the resources of a site's ban host, in the order of the roles, with the role of each."""
    context, found = Context(site, site.ban_host), dict[Resource, str]()
    for role in _roles(plays, BAN_HOSTS):
        for resource in role.module.resources(context):
            found.setdefault(resource, role.name)
    return found


def blocks(context: Context, plays: Sequence[Play]) -> tuple[CliBlock, ...]:
    """The CLI blocks of a FortiGate, in dependency order.

    Raises:
        InputError: a template or a setting is at fault, or asks for what the version cannot do.
    """
    return tuple(
        block for role in _roles(plays, FORTIGATES) for block in role.module.blocks(context)
    )


def fortios(
    site: Site,
    unit: FortiGate,
    plays: Sequence[Play],
    tokens: Mapping[str, str],
    facts: Facts = UNKNOWN,
    ca: str = "",
    ca_by_name: bool = False,
) -> Desired:
    """The objects of a FortiGate of which ``facts`` are known; ``tokens`` and ``ca`` come from its
    ban host. Each token has its name beside it, and so has the CA if ``ca_by_name``.

    Raises:
        InputError: as :func:`blocks`; or a template renders to something that is no FortiOS CLI.
        Failed: it has no VDOM of the name that is set; or a secret has a form that no secret has.
    """
    context = Context(site, unit, tokens, facts, ca)
    vdom = vdom_of(context, plays)
    if not facts.vdoms and vdom != "root":
        raise Failed(
            f"{unit.name} runs without VDOMs, so there is no '{vdom}'",
            "take enforcement_vdom out, or switch VDOMs on first",
        )
    if facts.vdoms and vdom not in facts.vdom_names:
        raise Failed(
            f"{unit.name} has no VDOM '{vdom}'; it has {', '.join(facts.vdom_names) or 'none'}",
            "correct enforcement_vdom: a VDOM is never created",
        )
    named = replace(context, tokens={}, ca="" if ca_by_name else ca)
    scope = vdom if facts.vdoms else ""
    sent, shown = (parsed(blocks(each, plays), scope) for each in (context, named))
    try:
        return attach_secret_names(sent, shown)
    except ValueError:
        raise Failed(
            f"a secret of {unit.name} must be one plain word",
            "look at the secrets on its ban host",
        ) from None


def is_incomplete(read_blocks: Desired) -> bool:
    """Whether a secret or a certificate of it has still to be made on the ban host."""
    return any(
        map(stands_for_more, (x for each in read_blocks.objects for x in collect_values(each.body)))
    )


def vdom_of(context: Context, plays: Sequence[Play]) -> str:
    """The VDOM for what does not belong to a unit as a whole."""
    names = (
        str(role.module.vdom(context))
        for role in _roles(plays, FORTIGATES)
        if hasattr(role.module, "vdom")
    )
    return next(names, "root")


def offline(
    site: Site, unit: FortiGate, plays: Sequence[Play], version: Version = NEWEST
) -> Context:
    """A FortiGate that is not asked: of this ``version``, with VDOMs if the inventory names one."""
    plain = Context(site, unit, {}, assume_facts(version))
    if "enforcement_vdom" not in unit.where:
        return plain
    return Context(
        site, unit, {}, assume_facts(version, vdom_of(plain, plays), *_named(plain, plays))
    )


def _named(context: Context, plays: Sequence[Play]) -> tuple[str, ...]:
    """Return the other VDOMs that settings name: they are taken to be there."""
    roles = (role.module for role in _roles(plays, FORTIGATES))
    return tuple(name for role in roles if hasattr(role, "vdoms") for name in role.vdoms(context))


def everything(
    chosen: Sequence[Selected], plays: Sequence[Play], version: Version = NEWEST
) -> None:
    """Render all of the sites, so that a problem of a template shows before anything is contacted.

    Raises:
        InputError: every problem, with the template's file and line or those of a setting.
    """
    problems: list[Problem] = []
    for selected in chosen:
        site = selected.site
        linux(site, plays)
        for unit in selected.fortigates:
            try:
                fortios(site, unit, plays, {}, offline(site, unit, plays, version).unit)
            except InputError as error:
                problems.extend(error.problems)
    if problems:
        raise InputError(problems)


def offered(site: Site, plays: Sequence[Play], what: str) -> dict[str, Any] | None:
    """What a role of the ban host offers beside its resources, None where no role does.

    ``what`` is ``drill``, the synthetic event that proves the loop, or ``status``, where the numbers are.
    """
    context = Context(site, site.ban_host)
    for role in _roles(plays, BAN_HOSTS):
        if hasattr(role.module, what):
            found: dict[str, Any] | None = getattr(role.module, what)(context)
            return found
    return None


def token_names(unit: FortiGate) -> tuple[str, ...]:
    """The secrets that a FortiGate holds: one to post events with, one to fetch the feed with."""
    return (f"webhook:{unit.name}", f"feed:{unit.name}")


def _roles(plays: Sequence[Play], group: str) -> Iterator[Role]:
    for play in plays:
        if play.group == group:
            yield from load_roles(play.roles).values()
