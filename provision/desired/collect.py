"""Collect the desired state of one target from the roles of the playbook.

Only this module, `own_settings` and `running_site` call roles.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache

from banstitch_shared.tokens import name_feed_token, name_webhook_token

from provision.desired.context import (
    UNKNOWN,
    Context,
    FortiosRole,
    LinuxRole,
    ReviewHook,
    VdomHook,
    VdomsHook,
    has_placeholder,
)
from provision.desired.own_settings import find_bodies, list_ids_to_review, list_own_settings
from provision.errors import Failed, InputError, Problem
from provision.fortios.config.desired import CliBlock, Desired, read_blocks
from provision.fortios.config.diff import collect_values, get_values, read_attributes
from provision.fortios.config.facts import Facts, assume_facts
from provision.fortios.config.observed import Observed
from provision.fortios.config.secret_names import attach_secret_names
from provision.fortios.config.tables import find_table
from provision.fortios.config.versions import NEWEST, Version
from provision.linux.kinds.resource import Resource
from provision.sites.site import BAN_HOSTS, FORTIGATES, FortiGate, Play, Selected, Site, list_roles


def render_resources(site: Site, plays: Sequence[Play]) -> tuple[Resource, ...]:
    """Return the resources of a site's ban host, in the order of the roles, each once."""
    return tuple(render_resources_by_role(site, plays))


def render_resources_by_role(site: Site, plays: Sequence[Play]) -> dict[Resource, str]:
    """Return the resources of a site's ban host, in the order of the roles, with the role of each."""
    context, roles = Context(site, site.ban_host), dict[Resource, str]()
    for role in _list_linux_roles(tuple(plays)):
        for resource in role.resources(context):
            roles.setdefault(resource, role.NAME)
    return roles


# To compare a module with a protocol takes as long as to render a small template.
@cache
def _list_linux_roles(plays: tuple[Play, ...]) -> tuple[LinuxRole, ...]:
    found: list[LinuxRole] = []
    for role in list_roles(plays, BAN_HOSTS):
        if not isinstance(role, LinuxRole):
            raise TypeError(f"role {role.NAME} must have resources(context)")
        found.append(role)
    return tuple(found)


def render_blocks(context: Context, plays: Sequence[Play]) -> tuple[CliBlock, ...]:
    """Return the CLI blocks of a FortiGate, in dependency order.

    Raises:
        InputError: a template or a setting is wrong, or asks for what the version cannot do.
    """
    return tuple(
        block for role in _list_fortios_roles(tuple(plays)) for block in role.blocks(context)
    )


@cache
def _list_fortios_roles(plays: tuple[Play, ...]) -> tuple[FortiosRole, ...]:
    found: list[FortiosRole] = []
    for role in list_roles(plays, FORTIGATES):
        if not isinstance(role, FortiosRole):
            raise TypeError(f"role {role.NAME} must have blocks(context)")
        found.append(role)
    return tuple(found)


def render_desired(
    site: Site,
    fortigate: FortiGate,
    plays: Sequence[Play],
    tokens: Mapping[str, str],
    facts: Facts = UNKNOWN,
    ca: str = "",
    ca_by_name: bool = False,
    observed: Observed | None = None,
) -> Desired:
    """Return the desired objects of a FortiGate, with each token's name beside its value.

    ``tokens`` and ``ca`` come from its ban host. The CA has its name beside it if ``ca_by_name``. Without
    ``observed``, the objects may be provisional.

    Raises:
        InputError: as :func:`render_blocks`; or a template renders to something that is not FortiOS CLI.
        Failed: the FortiGate lacks the VDOM that is set, or a secret is not one plain word.
    """
    context = Context(site, fortigate, tokens, facts, ca)
    vdom = find_vdom(context, plays)
    _check_vdom(fortigate, facts, vdom)
    scope = vdom if facts.vdoms else ""
    own = tuple(list_own_settings(context, plays, scope))
    if observed is not None:
        context = replace(context, own=find_bodies(own, observed))
    by_name = replace(context, tokens={}, ca="" if ca_by_name else ca)
    shown = read_blocks(render_blocks(by_name, plays), scope)
    sent = shown if by_name == context else read_blocks(render_blocks(context, plays), scope)
    reads = tuple(map(str, (*list_ids_to_review(context, plays, scope), *own)))
    try:
        sent = attach_secret_names(sent, shown)
        return replace(sent, reads=reads, provisional=bool(own) and observed is None)
    except ValueError:
        raise Failed(
            f"a secret of {fortigate.name} must be one plain word",
            "check /etc/banstitch/tokens.json on its ban host",
        ) from None


def review(
    site: Site, fortigate: FortiGate, plays: Sequence[Play], facts: Facts, observed: Observed
) -> Iterator[str]:
    """Yield the warnings of the roles about settings of a FortiGate that nobody changes here."""
    context = Context(site, fortigate, {}, facts)
    vdom = find_vdom(context, plays) if facts.vdoms else ""
    shown = {}
    for path, body in find_bodies(list_ids_to_review(context, plays, vdom), observed).items():
        attributes = {n: " ".join(get_values(w)) for n, w in read_attributes(body).items()}
        shown[path] = {**find_table(path).defaults, **attributes}
    for role in list_roles(plays, FORTIGATES):
        if isinstance(role, ReviewHook):
            yield from role.review(context, shown)


def _check_vdom(fortigate: FortiGate, facts: Facts, vdom: str) -> None:
    if not facts.vdoms and vdom != "root":
        raise Failed(
            f"{fortigate.name} runs without VDOMs, so it has no VDOM '{vdom}'",
            "remove enforcement_vdom, or enable VDOMs first",
        )
    if facts.vdoms and vdom not in facts.vdom_names:
        raise Failed(
            f"{fortigate.name} has no VDOM '{vdom}'; it has {', '.join(facts.vdom_names) or 'none'}",
            "correct enforcement_vdom: Banstitch creates no VDOMs",
        )


def is_incomplete(desired: Desired) -> bool:
    """Return whether the ban host has not created a secret or a certificate yet."""
    return any(
        map(has_placeholder, (x for item in desired.objects for x in collect_values(item.body)))
    )


def find_vdom(context: Context, plays: Sequence[Play]) -> str:
    """Return the VDOM for what does not belong to the FortiGate as a whole."""
    return next((role.vdom(context) for role in _list_vdom_hooks(tuple(plays))), "root")


@cache
def _list_vdom_hooks(plays: tuple[Play, ...]) -> tuple[VdomHook, ...]:
    return tuple(role for role in list_roles(plays, FORTIGATES) if isinstance(role, VdomHook))


def build_offline_context(
    site: Site, fortigate: FortiGate, plays: Sequence[Play], version: Version = NEWEST
) -> Context:
    """Return the context of a FortiGate that is not contacted.

    It is assumed to run ``version``, with VDOMs if its inventory names one.
    """
    context = Context(site, fortigate, {}, assume_facts(version))
    if "enforcement_vdom" not in fortigate.where:
        return context
    roles = list_roles(plays, FORTIGATES)
    others = (name for role in roles if isinstance(role, VdomsHook) for name in role.vdoms(context))
    return replace(context, facts=assume_facts(version, find_vdom(context, plays), *others))


def render_all(
    chosen: Sequence[Selected], plays: Sequence[Play], version: Version = NEWEST
) -> None:
    """Render everything of the sites, so that all errors appear before any host is contacted.

    Raises:
        InputError: every problem, with the template's file and line or those of a setting.
    """
    problems: list[Problem] = []
    for selected in chosen:
        site = selected.site
        render_resources(site, plays)
        for fortigate in selected.fortigates:
            try:
                facts = build_offline_context(site, fortigate, plays, version).facts
                render_desired(site, fortigate, plays, {}, facts)
            except InputError as error:
                problems.extend(error.problems)
    if problems:
        raise InputError(problems)


def list_secret_names(fortigate: FortiGate) -> tuple[str, ...]:
    """Return the names of a FortiGate's secrets: one to post events, one to fetch the feed."""
    return (name_webhook_token(fortigate.name), name_feed_token(fortigate.name))
