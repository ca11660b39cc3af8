"""Enforcement on a FortiGate: where the feed takes effect."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, field_validator

from provision.desired.context import Context
from provision.desired.templates import render
from provision.errors import InputError
from provision.fortios.config.desired import CliBlock
from provision.fortios.config.owned import MARKER
from provision.fortios.config.versions import find_capability
from provision.sites.setting_types import InterfaceName, ServiceName, VdomName
from roles import enforcement_families, feed

PREFIX = "enforcement"
POLICY = "banstitch_deny"
# The number of a policy that is to be made, if it is free; an existing one is found by name.
NUMBER = 9001
# In the order in which `auto` tries them.
PLACES = ("ssl_vpn", "local_in", "policy")

Place = Literal["auto", "ssl_vpn", "local_in", "policy", "none"]
Interfaces = tuple[InterfaceName, ...]


def _one_is_a_list(value: object) -> object:
    return (value,) if isinstance(value, str) else value


class Settings(enforcement_families.Settings):
    """Where the feed takes effect."""

    enforcement: Annotated[
        tuple[Place, ...],
        BeforeValidator(_one_is_a_list),
        Field(
            min_length=1,
            description=(
                "ssl_vpn: denied in the SSL VPN settings; local_in: by a local-in policy; "
                "policy: by a firewall policy; none: only fetched; "
                "auto: the first of these that suits the unit"
            ),
        ),
    ] = ("auto",)
    enforcement_vdom: Annotated[
        VdomName, Field(description="on a unit with VDOMs: the one in which the feed takes effect")
    ] = "root"
    enforcement_local_in_interfaces: Annotated[
        Interfaces, Field(description="where local_in denies: interfaces or zones, or any")
    ] = ()
    enforcement_local_in_services: Annotated[
        tuple[ServiceName, ...],
        Field(
            min_length=1,
            description="what local_in denies; ALL also covers a VPN on a port of its own",
        ),
    ] = ("ALL",)
    enforcement_policy_source_interfaces: Annotated[
        Interfaces, Field(description="where policy denies: traffic from these, or any")
    ] = ()
    enforcement_policy_destination_interfaces: Annotated[
        Interfaces, Field(description="where policy denies: traffic to these, or any")
    ] = ()
    enforcement_existing_sessions: Annotated[
        Literal["keep", "clear"],
        Field(
            description=(
                "sessions that a newly denied address has open: keep them, or have the unit check "
                "them again (firewall-session-dirty check-all)"
            )
        ),
    ] = "keep"

    @field_validator("enforcement")
    @classmethod
    def _alone(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for word in ("auto", "none"):
            if word in value and len(set(value)) > 1:
                raise ValueError(f"{word} stands alone")
        return tuple(dict.fromkeys(value))


def vdom(context: Context) -> str:
    """The VDOM for what does not belong to a unit as a whole."""
    return context.own("enforcement", Settings).enforcement_vdom


def blocks(context: Context) -> tuple[CliBlock, ...]:
    """One block or more for each place, after the feed that they refer to.

    Raises:
        InputError: a place is named that this version does not have, or whose settings are missing.
    """
    settings = context.own("enforcement", Settings)
    if settings.enforcement == ("none",):
        return ()
    if settings.enforcement == ("auto",):
        places = [block for place in PLACES for block in _candidate(context, settings, place)]
    else:
        _need(context, settings)
        places = [
            block for place in settings.enforcement for block in _place(context, settings, place)
        ]
    return (*places, *_sessions(settings))


def _candidate(context: Context, settings: Settings, place: str) -> Iterator[CliBlock]:
    what, instead = _gap(context, settings, place)
    if what:
        reason = f"{what} ({instead})"
        yield CliBlock(f"enforcement/{place}", "", "vdom", choice=place, unsuited=reason)
    else:
        yield from _place(context, settings, place, choice=place)


def _need(context: Context, settings: Settings) -> None:
    gaps = [(place, *_gap(context, settings, place)) for place in settings.enforcement]
    problems = [
        context.problem("enforcement", f"enforcement {place}: {what}", instead)
        for place, what, instead in gaps
        if what
    ]
    if problems:
        raise InputError(problems)


def _gap(context: Context, settings: Settings, place: str) -> tuple[str, str]:
    """What is missing for a place and what to do about it; nothing if all is there."""
    if place == "local_in" and not context.unit.has("local_in_feed"):
        since = find_capability("local_in_feed")
        first = since.versions.rstrip("-")
        what = f"FortiOS {context.unit.version_text} cannot: {since.what} only from {first} on"
        return what, since.without
    if place == "local_in" and not settings.enforcement_local_in_interfaces:
        return "no interface is named for it", "set enforcement_local_in_interfaces"
    both = (
        settings.enforcement_policy_source_interfaces
        and settings.enforcement_policy_destination_interfaces
    )
    if place == "policy" and not both:
        return (
            "its interfaces are not named",
            "set enforcement_policy_source_interfaces and _destination_interfaces",
        )
    return "", ""


def _place(
    context: Context, settings: Settings, place: str, choice: str = ""
) -> Iterator[CliBlock]:
    shared = {
        "feed": feed.name(context),
        "fortigate": context.unit,
        "ipv6": settings.enforcement_ipv6,
        "marker": MARKER,
        "number": NUMBER,
    }
    if place == "local_in":
        yield from _local_in(context, settings, shared, choice)
        return
    text = render(
        f"enforcement/{place}.j2",
        name=POLICY,
        source=settings.enforcement_policy_source_interfaces,
        destination=settings.enforcement_policy_destination_interfaces,
        **shared,
    )
    note = _without_tunnel(context) if place == "ssl_vpn" else ""
    yield CliBlock(f"enforcement/{place}", text, "vdom", choice, note=note)


def _without_tunnel(context: Context) -> str:
    gone = find_capability("ssl_vpn_tunnel")
    if context.unit.has(gone.feature):
        return ""
    return f"FortiOS {context.unit.version_text}: {gone.without}"


def _local_in(
    context: Context, settings: Settings, shared: dict[str, object], choice: str
) -> Iterator[CliBlock]:
    """A policy for all interfaces, or one for each where a policy takes only one."""
    interfaces = settings.enforcement_local_in_interfaces
    several = len(interfaces) > 1 and not context.unit.has("local_in_interfaces")
    for family in ("", "6") if settings.enforcement_ipv6 else ("",):
        for number, each in enumerate(interfaces if several else (None,)):
            text = render(
                "enforcement/local_in.j2",
                **{**shared, "number": NUMBER + number},
                family=family,
                interfaces=(each,) if each else interfaces,
                comments=f"{MARKER}: {each}" if each else MARKER,
                services=settings.enforcement_local_in_services,
            )
            name = f"enforcement/local_in{family}" + (f"_{each}" if each else "")
            yield CliBlock(name, text, "vdom", choice)


def _sessions(settings: Settings) -> Iterator[CliBlock]:
    if settings.enforcement_existing_sessions == "clear":
        yield CliBlock("enforcement/sessions", render("enforcement/sessions.j2"), "vdom")
