"""Enforcement on a FortiGate: the place where the feed takes effect."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from provision.desired.context import Context
from provision.desired.templates import render
from provision.errors import InputError, Problem
from provision.fortios.config.desired import CliBlock
from provision.fortios.config.facts import find_capability
from provision.fortios.config.tables.table import MARKER
from roles import dialup, feed, shield
from roles.enforcement_settings import ALL, METHODS, Settings

__all__ = [
    "NAME",
    "PREFIX",
    "Settings",
    "blocks",
    "check_shield",
    "list_own_settings",
    "vdom",
]

NAME = "enforcement"
PREFIX = "enforcement"
POLICY = "banstitch_deny"
# The number of a new policy, if it is free. An existing policy is found by name.
NUMBER = 9001

# Predefined services that hold more than a VPN.
_WIDE = ("ALL", "ALL_TCP", "ALL_UDP")
_NARROW = (
    "set enforcement to ssl_vpn, or to local_in with only the services of the VPN in"
    " enforcement_local_in_services; or set shield: alarm"
)
_PEERS = (
    "the shield also denies IPsec peers, which then cannot renew their tunnels; list those with a fixed"
    " address in shield_networks"
)


def vdom(context: Context) -> str:
    """Return the VDOM of everything that is not global."""
    return context.get_settings("enforcement", Settings).enforcement_vdom


def list_own_settings(context: Context) -> tuple[str, ...]:
    """Return the settings of the FortiGate that say where its IPsec VPN listens, if `auto` may need them."""
    settings = context.get_settings("enforcement", Settings)
    is_optional = context.facts.has("ssl_vpn_optional")
    if settings.enforcement != ("auto",) or _has_interfaces(settings) or not is_optional:
        return ()
    tables = ("firewall local-in-policy", "firewall local-in-policy6")
    made = tables if settings.enforcement_ipv6 else tables[:1]
    return (*dialup.PATHS, f"firewall service custom:{dialup.SERVICE}", *made)


def _has_interfaces(settings: Settings) -> bool:
    return bool(settings.enforcement_local_in_interfaces)


def blocks(context: Context) -> tuple[CliBlock, ...]:
    """Return the blocks of each method, which refer to the feed.

    Raises:
        InputError: a chosen method needs another version, or lacks a setting.
    """
    settings = context.get_settings("enforcement", Settings)
    problems = check_shield(context) if shield.find_mode(context) == "auto" else []
    if problems:
        raise InputError(problems)
    if settings.enforcement == ("none",):
        return ()
    if settings.enforcement == ("auto",):
        chosen = [block for method in METHODS for block in _offer(context, settings, method)]
    else:
        _check_methods(context, settings)
        chosen = [
            block for method in settings.enforcement for block in _render(context, settings, method)
        ]
    return (*chosen, *_render_sessions(settings))


def check_shield(context: Context) -> list[Problem]:
    """Return why a shield in the feed would deny more than the VPNs of this FortiGate.

    With `auto`, each method counts for which the settings suffice.
    """
    settings = context.get_settings("enforcement", Settings)
    chosen = METHODS if settings.enforcement == ("auto",) else settings.enforcement
    found = {method: _find_excess(settings, method) for method in chosen}
    return [
        context.build_problem(
            "enforcement", f"the shield must deny only VPNs: enforcement {method} {excess}", _NARROW
        )
        for method, excess in found.items()
        if excess
    ]


def _find_excess(settings: Settings, method: str) -> str:
    """Return what a method denies besides VPNs, or an empty string."""
    is_auto = settings.enforcement == ("auto",)
    if method == "none":
        return "leaves the use of the feed open"
    services = settings.enforcement_local_in_services
    if method == "local_in" and (_has_interfaces(settings) or not is_auto or services != ALL):
        wide = [name for name in services if name in _WIDE]
        return f"denies {wide[0]}, not only services of the VPN" if wide else ""
    interfaces = (
        settings.enforcement_policy_source_interfaces
        and settings.enforcement_policy_destination_interfaces
    )
    if method == "policy" and (interfaces or not is_auto):
        return "denies all traffic of the policy"
    return ""


def _offer(context: Context, settings: Settings, method: str) -> Iterator[CliBlock]:
    """Yield the blocks of a method that `auto` may choose, or one block with the reason why it cannot."""
    problem, remedy = _find_gap(context, settings, method)
    vpn = _find_dialup(context)
    if vpn and method == "local_in":
        yield from _render_dialup(context, settings, vpn)
    elif problem:
        reason = f"{problem} ({remedy})"
        yield CliBlock(f"enforcement/{method}", "", "vdom", choice=method, unsuited=reason)
    elif vpn and method == "ssl_vpn" and dialup.SSL_VPN in (context.own or {}):
        reason = f"'{dialup.SSL_VPN}' listens nowhere"
        yield CliBlock(f"enforcement/{method}", "", "vdom", choice=method, unsuited=reason)
    else:
        yield from _render(context, settings, method, choice=method)


def _find_dialup(context: Context) -> dialup.Dialup | None:
    """Return where IPsec clients of a FortiGate without SSL VPN dial in; None if `auto` is not to use it."""
    if context.own is None or not list_own_settings(context):
        return None
    return dialup.find_dialup(context.facts, context.own)


def _render_dialup(context: Context, settings: Settings, vpn: dialup.Dialup) -> Iterator[CliBlock]:
    """Yield the service with the ports of the VPN, and the local-in policies that deny it."""
    use = f"IPsec clients dial in on {', '.join(vpn.interfaces)}"
    services = settings.enforcement_local_in_services
    if services == ALL:
        services = (dialup.SERVICE,)
        ports = {"tcp": vpn.tcp, "udp": vpn.udp}
        text = render("enforcement/vpn_service.j2", name=dialup.SERVICE, marker=MARKER, **ports)
        yield CliBlock("enforcement/vpn_service", text, "vdom", "local_in", use=use)
    found = {
        "enforcement_local_in_interfaces": vpn.interfaces,
        "enforcement_local_in_services": services,
    }
    for block in _render(context, settings.model_copy(update=found), "local_in", "local_in"):
        yield replace(block, use=use)


def _check_methods(context: Context, settings: Settings) -> None:
    gaps = [(method, *_find_gap(context, settings, method)) for method in settings.enforcement]
    problems = [
        context.build_problem("enforcement", f"enforcement {method}: {problem}", remedy)
        for method, problem, remedy in gaps
        if problem
    ]
    if problems:
        raise InputError(problems)


def _find_gap(context: Context, settings: Settings, method: str) -> tuple[str, str]:
    """Return what a method lacks here, and the remedy; ("", "") if nothing."""
    if method == "local_in" and not context.facts.has("local_in_feed"):
        capability = find_capability("local_in_feed")
        first = capability.versions.rstrip("-")
        version = context.facts.version_text
        message = f"FortiOS {version} cannot do this: {capability.what} only from {first} on"
        return message, capability.without
    if method == "local_in" and not _has_interfaces(settings):
        return _explain_no_interface(context), "set enforcement_local_in_interfaces"
    has_interfaces = (
        settings.enforcement_policy_source_interfaces
        and settings.enforcement_policy_destination_interfaces
    )
    if method == "policy" and not has_interfaces:
        return (
            "no interfaces are set",
            "set enforcement_policy_source_interfaces and _destination_interfaces",
        )
    return "", ""


def _explain_no_interface(context: Context) -> str:
    own = context.own
    if own is None or not list_own_settings(context) or dialup.has_ssl_vpn(context.facts, own):
        return "no interface is set"
    return "no interface is set, and IPsec clients dial in on none (no tunnel has type dynamic)"


def _render(
    context: Context, settings: Settings, method: str, choice: str = ""
) -> Iterator[CliBlock]:
    shared = {
        "feed": feed.name_feed(context),
        "fortigate": context.facts,
        "ipv6": settings.enforcement_ipv6,
        "marker": MARKER,
        "number": NUMBER,
    }
    if method == "local_in":
        yield from _render_local_in(context, settings, shared, choice)
        return
    text = render(
        f"enforcement/{method}.j2",
        name=POLICY,
        source=settings.enforcement_policy_source_interfaces,
        destination=settings.enforcement_policy_destination_interfaces,
        **shared,
    )
    note = _note_missing_tunnel(context) if method == "ssl_vpn" else ""
    yield CliBlock(f"enforcement/{method}", text, "vdom", choice, note=note)


def _note_missing_tunnel(context: Context) -> str:
    tunnel = find_capability("ssl_vpn_tunnel")
    if context.facts.has(tunnel.name):
        return ""
    return f"FortiOS {context.facts.version_text}: {tunnel.without}"


def _render_local_in(
    context: Context, settings: Settings, shared: dict[str, object], choice: str
) -> Iterator[CliBlock]:
    """Yield one policy for all interfaces, or one for each where a policy takes only one."""
    interfaces = settings.enforcement_local_in_interfaces
    is_split = len(interfaces) > 1 and not context.facts.has("local_in_interfaces")
    for family in ("", "6") if settings.enforcement_ipv6 else ("",):
        for number, interface in enumerate(interfaces if is_split else (None,)):
            text = render(
                "enforcement/local_in.j2",
                **{**shared, "number": NUMBER + number},
                family=family,
                interfaces=(interface,) if interface else interfaces,
                comments=f"{MARKER}: {interface}" if interface else MARKER,
                services=settings.enforcement_local_in_services,
            )
            name = f"enforcement/local_in{family}" + (f"_{interface}" if interface else "")
            note = _PEERS if shield.find_mode(context) == "auto" else ""
            yield CliBlock(name, text, "vdom", choice, note=note)


def _render_sessions(settings: Settings) -> Iterator[CliBlock]:
    if settings.enforcement_existing_sessions == "clear":
        yield CliBlock("enforcement/sessions", render("enforcement/sessions.j2"), "vdom")
