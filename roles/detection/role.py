"""Detections on the ban host: fail2ban with one jail for each, and our action that stores the bans.

detections.yml describes each detection. The comment at its top explains how to add one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Self

from banstitch_shared.jails import name_jail
from pydantic import BeforeValidator, Field, field_validator, model_validator

from provision.desired.context import Context
from provision.desired.host_paths import LOOKED_UP
from provision.errors import spell_count
from provision.linux.kinds.resource import Resource
from provision.sites.setting_types import (
    Duration,
    DurationOrForever,
    IgnoreList,
    VdomName,
    spell_duration,
)
from provision.sites.settings import Doubt, RoleSettings
from roles.detection import jails
from roles.detection.catalogue import CATALOGUE, RENAMED, Detection, MaxRetry, Thresholds
from roles.detection.overrides import DatabasePath, Overrides, UserName, list_one
from roles.detection.rules import (
    ASN,
    NETWORK,
    PLAIN,
    SHORTEST_GROWING,
    Growth,
    Limits,
    Rule,
    RuleThresholds,
    choose_rules,
)

NAME = "detection"
PREFIX = "detection_"


class Settings(RoleSettings):
    """Settings of the detections that are enabled at a ban host."""

    detection_enabled: Annotated[
        tuple[str, ...], Field(description="names of the enabled detections")
    ] = ("sslvpn_login_failed", "ipsec_login_failed", "admin_login_failed")
    detection_max_retry: Annotated[
        MaxRetry | None,
        Field(description="number of events within detection_find_time that ban an address"),
    ] = None
    detection_find_time: Annotated[
        Duration | None, Field(description="period in which events are counted, 1s or more")
    ] = None
    detection_ban_time: Annotated[
        DurationOrForever | None, Field(description="duration of a ban; -1: permanent")
    ] = None
    detection_settings: Annotated[
        dict[str, Overrides],
        Field(
            default_factory=dict,
            description="max_retry, find_time, ban_time, ignore and rules of single detections, by name",
        ),
    ]
    detection_ignore: Annotated[
        IgnoreList,
        Field(
            description="addresses, networks, host names, URLs of lists and file:PATH that are never banned"
        ),
    ] = ()
    detection_ipv6_prefix: Annotated[
        int,
        Field(
            ge=48,
            le=128,
            description="prefix length of the IPv6 network that counts as one attacker",
        ),
    ] = 64
    detection_vdoms: Annotated[
        tuple[VdomName, ...],
        BeforeValidator(list_one),
        Field(
            description=(
                "on FortiGates with VDOMs: count only events of these VDOMs, as far as a FortiGate has "
                "them; empty: count events of all VDOMs"
            )
        ),
    ] = ()
    detection_trap_users: Annotated[
        tuple[UserName, ...],
        BeforeValidator(list_one),
        Field(description="user names that nobody has, besides the shipped list; one attempt bans"),
    ] = ()
    detection_known_users: Annotated[
        tuple[UserName, ...],
        BeforeValidator(list_one),
        Field(description="user names that exist although they have not logged in yet"),
    ] = ()
    detection_trust_days: Annotated[
        int,
        Field(ge=1, le=365, description="days for which a login spares its address"),
    ] = 14
    detection_trust_sources: Annotated[
        int,
        Field(
            ge=1,
            le=64,
            description="addresses that the logins of one user can spare within a day",
        ),
    ] = 5
    detection_asn_database: Annotated[
        DatabasePath,
        Field(
            description="path, on the ban host, of a database of autonomous systems in MaxMind's format, for"
            " the rule asn; you keep it up to date; empty: the rule is off"
        ),
    ] = ""
    detection_success_events: Annotated[
        bool, Field(description="have FortiGates also report successful logins")
    ] = True
    detection_increment: Annotated[
        bool,
        Field(
            description="rule plain bans repeat offenders longer each time, and after fewer events"
        ),
    ] = False
    detection_increment_factor: Annotated[
        int,
        Field(
            ge=2,
            le=100,
            description="factor by which rule plain extends each further ban",
        ),
    ] = 2
    detection_increment_max: Annotated[
        Duration, Field(description="longest ban that a repeat offender gets")
    ] = 4 * 7 * 86400

    @field_validator("detection_enabled", "detection_settings")
    @classmethod
    def _check_names(cls, value: tuple[str, ...] | dict[str, Overrides]) -> object:
        unknown = [name for name in value if name not in CATALOGUE and name not in RENAMED]
        if unknown:
            known = ", ".join(CATALOGUE)
            raise ValueError(f"unknown detection {', '.join(unknown)}; choose from {known}")
        return dict(value) if isinstance(value, dict) else tuple(dict.fromkeys(value))

    def list_doubts(self) -> Iterator[Doubt]:
        """Yield the settings that use a name of an earlier release, or a rule that never counts."""
        for setting in ("detection_enabled", "detection_settings"):
            for old in filter(RENAMED.__contains__, getattr(self, setting)):
                yield Doubt(setting, f"{old} is called {RENAMED[old]} now", f"write {RENAMED[old]}")
        for name, own in self.detection_settings.items():
            if own.rules.get("lockout") and not CATALOGUE[RENAMED.get(name, name)].lockout_ids:
                what = f"the rule lockout of {name} counts nothing: FortiOS reports no lock-outs for it"
                yield Doubt("detection_settings", what, "remove the rule")

    @model_validator(mode="after")
    def _check_asn(self) -> Self:
        """Refuse thresholds of the rule asn where nothing would count."""
        own = self.detection_settings.values()
        if not self.detection_asn_database and any(each.rules.get(ASN, False) for each in own):
            what = "the rule asn in detection_settings needs a database"
            raise ValueError(f"{what}: set detection_asn_database")
        return self

    @model_validator(mode="after")
    def _check_increment(self) -> Self:
        """Refuse short bans: fail2ban lengthens a ban up to 10 s after its start, which may be too late."""
        short = [d.name for d in list_enabled(self) if 0 < d.ban_time < SHORTEST_GROWING]
        if self.detection_increment and short:
            rule = f"with detection_increment, ban times must be {SHORTEST_GROWING} seconds or more"
            raise ValueError(f"{rule}: lengthen that of {', '.join(short)}")
        long = [d.name for d in list_enabled(self) if d.ban_time > self.detection_increment_max]
        if self.detection_increment and long:
            rule = "detection_increment_max must not be shorter than the first ban of"
            raise ValueError(f"{rule} {', '.join(long)}")
        return self


@dataclass(frozen=True)
class Enabled:
    """A detection with the settings of one site. Times are in seconds; ``ban_time`` -1 is permanent.

    ``events``: its block of the catalogue.
    """

    events: Detection
    max_retry: int
    find_time: int
    ban_time: int
    ignore: tuple[str, ...] = ()
    rules: tuple[Rule, ...] = ()

    @property
    def name(self) -> str:
        return self.events.name

    @property
    def jail(self) -> str:
        """The jail of rule `plain`."""
        return name_jail(self.name)


def list_enabled(settings: Settings) -> tuple[Enabled, ...]:
    """Return the enabled detections with their thresholds.

    Settings of one detection take precedence over those for all, and these over the catalogue's.
    """
    names = dict.fromkeys(RENAMED.get(name, name) for name in settings.detection_enabled)
    return tuple(_apply_settings(CATALOGUE[name], settings) for name in names)


def _apply_settings(detection: Detection, settings: Settings) -> Enabled:
    named = settings.detection_settings
    own = named.get(detection.name) or named.get(detection.formerly or "") or Overrides()
    given: dict[str, RuleThresholds | bool] = {str(name): r for name, r in own.rules.items()}

    def choose(name: str) -> int:
        candidates = (
            getattr(given.get(PLAIN), name, None),
            getattr(own, name),
            getattr(settings, f"detection_{name}"),
        )
        return int(next((v for v in candidates if v is not None), getattr(detection, name)))

    limits = Limits(*map(choose, Thresholds.model_fields))
    ignore = tuple(map(str, own.ignore))
    growth = Growth(
        settings.detection_increment,
        settings.detection_increment_factor,
        settings.detection_increment_max,
    )
    names = detection.rules
    if settings.detection_asn_database and NETWORK in names:
        names = (*names, ASN)
    rules = choose_rules(detection.name, names, limits, given, growth, ignore)
    return Enabled(detection, *limits, ignore, rules)


def list_rules(settings: Settings) -> list[Rule]:
    """Return the rules of all detections that are on. Each is one jail."""
    return [rule for detection in list_enabled(settings) for rule in detection.rules]


def summary(context: Context) -> Iterator[str]:
    """Return one line for each set of thresholds, with the detections that have them."""
    names: dict[tuple[int, int, int], list[str]] = {}
    for detection in list_enabled(context.get_settings("detection", Settings)):
        thresholds = (detection.max_retry, detection.find_time, detection.ban_time)
        names.setdefault(thresholds, []).append(detection.name)
    for (events, within, banned), same in names.items():
        yield (
            f"{', '.join(same)}: {spell_count(events, 'event')} within {spell_duration(within)}"
            f" ban for {spell_duration(banned)}"
        )


def list_own_addresses(context: Context) -> list[str]:
    """Return the addresses of the site's own hosts, as far as the inventory has them."""
    return ["127.0.0.0/8", "::1", *context.list_site_addresses()]


def list_ignored(context: Context) -> list[str]:
    """Return the addresses that no jail of the site bans: its own hosts and ``detection_ignore``.

    What :func:`list_looked_up` returns comes on top of that on the ban host.
    """
    configured = context.get_ban_host_settings("detection", Settings).detection_ignore
    networks = [str(entry) for entry in configured if not isinstance(entry, str)]
    return [*list_own_addresses(context), *networks]


def list_looked_up(context: Context) -> list[str]:
    """Return the host names and URLs of ``detection_ignore``, which banstitch-watch looks up."""
    configured = context.get_ban_host_settings("detection", Settings).detection_ignore
    return [entry for entry in configured if isinstance(entry, str)]


def resources(context: Context) -> tuple[Resource, ...]:
    """Return the resources of a fail2ban that runs our filter, action and jails."""
    settings = context.get_settings("detection", Settings)
    longest = settings.detection_increment_max
    ignored = jails.Ignored(list_ignored(context), LOOKED_UP if list_looked_up(context) else "")
    return jails.list_resources(context, list_rules(settings), ignored, longest)
