"""Detections on the ban host: fail2ban with one jail for each, and our action that keeps the bans.

detections.yml describes each detection; its head shows how to add one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator

from provision.desired.context import Context
from provision.errors import spell_count
from provision.linux.kinds.resource import Resource
from provision.sites.setting_types import (
    AllowList,
    Duration,
    DurationOrForever,
    VdomName,
    spell_duration,
)
from provision.sites.settings import RoleSettings, Strict
from roles.detection import jails
from roles.detection.catalogue import CATALOGUE, Detection, MaxRetry
from roles.detection.rules import (
    PLAIN,
    SHORTEST_GROWING,
    Growth,
    Limits,
    Rule,
    RuleSettings,
    RuleThresholds,
    choose_rules,
)

NAME = "detection"
PREFIX = "detection_"

# What somebody may type as a name; the rules fold upper and lower case, domain and realm.
UserName = Annotated[str, Field(min_length=1, max_length=128)]


def list_one(value: object) -> object:
    """Return a single text as a list of one."""
    return (value,) if isinstance(value, str) else value


class Thresholds(Strict):
    """Thresholds of one detection that differ from the others'."""

    max_retry: Annotated[
        MaxRetry | None, Field(description="so many events within find_time ban an address")
    ] = None
    find_time: Annotated[
        Duration | None, Field(description="how far back events count, 1s or more")
    ] = None
    ban_time: Annotated[
        DurationOrForever | None, Field(description="how long a ban lasts, -1 for ever")
    ] = None
    ignore: Annotated[
        AllowList, Field(description="addresses, networks, file:PATH that it never bans")
    ] = ()
    rules: Annotated[
        RuleSettings,
        Field(description="max_retry, find_time, ban_time of single rules by name, or off, or on"),
    ] = Field(default_factory=dict)


class Settings(RoleSettings):
    """Settings of the detections that are on at a ban host."""

    detection_enabled: Annotated[
        tuple[str, ...], Field(description="names of the detections that are on")
    ] = ("sslvpn_login_failed",)
    detection_max_retry: Annotated[
        MaxRetry | None,
        Field(description="so many events within detection_find_time ban an address, 1 to 10000"),
    ] = None
    detection_find_time: Annotated[
        Duration | None, Field(description="how far back events count, 1s or more")
    ] = None
    detection_ban_time: Annotated[
        DurationOrForever | None, Field(description="how long a ban lasts, -1 for ever")
    ] = None
    detection_settings: Annotated[
        dict[str, Thresholds],
        Field(
            default_factory=dict,
            description="max_retry, find_time, ban_time, ignore, rules for single detections, by name",
        ),
    ]
    detection_ignore: Annotated[
        AllowList, Field(description="addresses, networks, file:PATH that are never banned")
    ] = ()
    detection_ipv6_prefix: Annotated[
        int,
        Field(
            ge=48,
            le=128,
            description="bits of the IPv6 network that counts as one attacker, 48 to 128",
        ),
    ] = 64
    detection_vdoms: Annotated[
        tuple[VdomName, ...],
        BeforeValidator(list_one),
        Field(
            description=(
                "on FortiGates with VDOMs: only events of these count; a FortiGate takes those that "
                "it has; empty: events of all"
            )
        ),
    ] = ()
    detection_trap_users: Annotated[
        tuple[UserName, ...],
        BeforeValidator(list_one),
        Field(description="user names that nobody has, beside the shipped list: one attempt bans"),
    ] = ()
    detection_known_users: Annotated[
        tuple[UserName, ...],
        BeforeValidator(list_one),
        Field(description="user names that exist, although they have not logged in yet"),
    ] = ()
    detection_trust_days: Annotated[
        int, Field(ge=1, le=365, description="so many days a login speaks for its address")
    ] = 14
    detection_trust_sources: Annotated[
        int,
        Field(
            ge=1, le=64, description="a user who logs in from more addresses a day gives no trust"
        ),
    ] = 5
    detection_success_events: Annotated[
        bool, Field(description="FortiGates report logins that succeed, too")
    ] = True
    detection_increment: Annotated[
        bool,
        Field(
            description="rule plain bans repeat offenders for longer each time, and after fewer"
            " events; the other rules do so anyway"
        ),
    ] = False
    detection_increment_factor: Annotated[
        int,
        Field(
            ge=2,
            le=100,
            description="so many times as long as the ban before, in rule plain, 2 to 100",
        ),
    ] = 2
    detection_increment_max: Annotated[
        Duration, Field(description="the longest that a ban becomes in this way")
    ] = 4 * 7 * 86400

    @field_validator("detection_enabled", "detection_settings")
    @classmethod
    def _known(cls, value: tuple[str, ...] | dict[str, Thresholds]) -> object:
        unknown = [name for name in value if name not in CATALOGUE]
        if unknown:
            there_are = ", ".join(CATALOGUE)
            raise ValueError(f"{', '.join(unknown)} is no detection; there are {there_are}")
        return dict(value) if isinstance(value, dict) else tuple(dict.fromkeys(value))

    @model_validator(mode="after")
    def _increment_has_time(self) -> Self:
        """fail2ban lengthens a ban up to 10 s after it began; a shorter one would be over by then."""
        short = [d.name for d in enabled(self) if 0 < d.ban_time < SHORTEST_GROWING]
        if self.detection_increment and short:
            needs = f"detection_increment needs ban times of {SHORTEST_GROWING} seconds or more"
            raise ValueError(f"{needs}, which {', '.join(short)} does not have")
        long = [d.name for d in enabled(self) if d.ban_time > self.detection_increment_max]
        if self.detection_increment and long:
            what = "detection_increment_max is shorter than the first ban of"
            raise ValueError(f"{what} {', '.join(long)}: the second would be shorter than that")
        return self


@dataclass(frozen=True)
class Enabled:
    """A detection as it is on at one site. Times in seconds, ``ban_time`` -1 for ever.

    ``address_inside``: a field such as ``ui=ssh(1.2.3.4)`` for lines without ``address_field``.
    ``where``: fields that must have a value which fits one of these patterns (``*``: anything).
    """

    name: str
    description: str
    log_ids: tuple[int, ...]
    address_field: str
    max_retry: int
    find_time: int
    ban_time: int
    address_inside: str = ""
    where: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    ignore: tuple[str, ...] = ()
    rules: tuple[Rule, ...] = ()

    @property
    def jail(self) -> str:
        """The jail of rule `plain`."""
        return f"banstitch-{self.name}"


def enabled(settings: Settings) -> tuple[Enabled, ...]:
    """Return the detections that are on.

    The thresholds of one detection win over those for all, and these over the catalogue's.
    """
    return tuple(_enabled(CATALOGUE[name], settings) for name in settings.detection_enabled)


def _enabled(detection: Detection, settings: Settings) -> Enabled:
    own = settings.detection_settings.get(detection.name, Thresholds())
    given: dict[str, RuleThresholds | bool] = {str(name): r for name, r in own.rules.items()}

    def threshold(name: str) -> int:
        plain = given.get(PLAIN)
        candidates = (
            getattr(plain, name, None),
            getattr(own, name),
            getattr(settings, f"detection_{name}"),
        )
        return int(next((v for v in candidates if v is not None), getattr(detection, name)))

    limits = Limits(threshold("max_retry"), threshold("find_time"), threshold("ban_time"))
    ignore = tuple(map(str, own.ignore))
    growth = Growth(
        settings.detection_increment,
        settings.detection_increment_factor,
        settings.detection_increment_max,
    )
    return Enabled(
        detection.name,
        detection.description,
        detection.log_ids,
        detection.address_field,
        *limits,
        detection.address_inside or "",
        detection.where,
        ignore,
        choose_rules(detection.name, detection.rules, limits, given, growth, ignore),
    )


def list_rules(settings: Settings) -> list[Rule]:
    """Return the rules of all detections that are on. Each is one jail."""
    return [rule for detection in enabled(settings) for rule in detection.rules]


def summary(context: Context) -> Iterator[str]:
    """Return one line for all detections that have the same thresholds."""
    names: dict[tuple[int, int, int], list[str]] = {}
    for each in enabled(context.own("detection", Settings)):
        names.setdefault((each.max_retry, each.find_time, each.ban_time), []).append(each.name)
    for (events, within, banned), same in names.items():
        yield (
            f"{', '.join(same)}: {spell_count(events, 'event')} within {spell_duration(within)}"
            f" ban for {spell_duration(banned)}"
        )


def ignored(context: Context) -> list[str]:
    """Return what no jail of the site bans: its own hosts and the operator's ``detection_ignore``."""
    named = context.of_ban_host("detection", Settings).detection_ignore
    return ["127.0.0.0/8", "::1", *context.site_addresses(), *map(str, named)]


def resources(context: Context) -> tuple[Resource, ...]:
    """fail2ban with our filter, jails and action, running and holding the jails."""
    settings = context.own("detection", Settings)
    longest = settings.detection_increment_max
    return jails.list_resources(context, list_rules(settings), ignored(context), longest)
