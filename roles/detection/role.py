"""Detections on the ban host: fail2ban with one jail for each, and our action that stores the bans.

detections.yml describes each detection. The comment at its top explains how to add one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Self

from banstitch_shared.jails import name_jail
from banstitch_shared.tokens import VERIFY
from pydantic import BeforeValidator, Field, field_validator, model_validator

from provision.desired.context import Context
from provision.desired.host_paths import AUDIT, EVENTS_LOG, EVIDENCE, REJECTED, SPOOL, USER
from provision.desired.templates import read_file, render
from provision.errors import spell_count
from provision.linux.kinds.directory import Directory
from provision.linux.kinds.file import File
from provision.linux.kinds.jail import Jail
from provision.linux.kinds.package import Package
from provision.linux.kinds.resource import Resource
from provision.linux.kinds.service import Service
from provision.linux.kinds.user import User
from provision.sites.setting_types import (
    AllowList,
    Duration,
    DurationOrForever,
    VdomName,
    spell_duration,
)
from provision.sites.settings import RoleSettings, Strict
from roles import shared_modules
from roles.detection.catalogue import CATALOGUE, Detection, MaxRetry
from roles.receiver import limits, units

NAME = "detection"
PREFIX = "detection_"
_SHORTEST_GROWING = 60
_ACTIONS = "/etc/fail2ban/action.d"
_FILTER = "/etc/fail2ban/filter.d/banstitch.conf"
_JAIL = "/etc/fail2ban/jail.d/banstitch.conf"
_SSHD = "/etc/fail2ban/jail.d/banstitch-sshd.conf"
# In the order of installation: the action comes last, so that every module that it loads already exists.
_ACTION = (
    "detection/banstitch_spool.py",
    "detection/banstitch_evidence.py",
    "detection/banstitch_audit.py",
    "detection/banstitch_held.py",
    "detection/banstitch_memory.py",
    "detection/banstitch_keeper.py",
    "detection/banstitch_by_hand.py",
    "detection/banstitch_bounds.py",
    "detection/banstitch_limit.py",
    "detection/banstitch_ignore.py",
    "detection/banstitch_log_sizes.py.j2",
    "detection/banstitch_logs.py",
    "detection/banstitch.py",
)


class Thresholds(Strict):
    """Settings of one detection that differ from those of all detections."""

    max_retry: Annotated[
        MaxRetry | None, Field(description="number of events within find_time that ban an address")
    ] = None
    find_time: Annotated[
        Duration | None, Field(description="period in which events are counted, 1s or more")
    ] = None
    ban_time: Annotated[
        DurationOrForever | None, Field(description="duration of a ban; -1: permanent")
    ] = None
    ignore: Annotated[
        AllowList, Field(description="addresses, networks and file:PATH that it never bans")
    ] = ()


class Settings(RoleSettings):
    """Settings of the detections that are enabled at a ban host."""

    detection_enabled: Annotated[
        tuple[str, ...], Field(description="names of the enabled detections")
    ] = ("sslvpn_login_failed",)
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
        dict[str, Thresholds],
        Field(
            default_factory=dict,
            description="max_retry, find_time, ban_time and ignore of single detections, by name",
        ),
    ]
    detection_ignore: Annotated[
        AllowList, Field(description="addresses, networks and file:PATH that are never banned")
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
        BeforeValidator(lambda value: (value,) if isinstance(value, str) else value),
        Field(
            description=(
                "on FortiGates with VDOMs: count only events of these VDOMs, as far as a FortiGate has "
                "them; empty: count events of all VDOMs"
            )
        ),
    ] = ()
    detection_increment: Annotated[
        bool,
        Field(description="ban repeat offenders longer each time, and after fewer events"),
    ] = False
    detection_increment_factor: Annotated[
        int,
        Field(ge=2, le=100, description="factor by which each ban is longer than the one before"),
    ] = 2
    detection_increment_max: Annotated[
        Duration, Field(description="longest ban that detection_increment gives")
    ] = 4 * 7 * 86400

    @field_validator("detection_enabled", "detection_settings")
    @classmethod
    def _check_names(cls, value: tuple[str, ...] | dict[str, Thresholds]) -> object:
        unknown = [name for name in value if name not in CATALOGUE]
        if unknown:
            known = ", ".join(CATALOGUE)
            raise ValueError(f"unknown detection {', '.join(unknown)}; choose from {known}")
        return dict(value) if isinstance(value, dict) else tuple(dict.fromkeys(value))

    @model_validator(mode="after")
    def _check_increment(self) -> Self:
        """Refuse short bans: fail2ban lengthens a ban up to 10 s after its start, which may be too late."""
        short = [d.name for d in list_enabled(self) if 0 < d.ban_time < _SHORTEST_GROWING]
        if self.detection_increment and short:
            rule = (
                f"with detection_increment, ban times must be {_SHORTEST_GROWING} seconds or more"
            )
            raise ValueError(f"{rule}: lengthen that of {', '.join(short)}")
        long = [d.name for d in list_enabled(self) if d.ban_time > self.detection_increment_max]
        if self.detection_increment and long:
            rule = "detection_increment_max must not be shorter than the first ban of"
            raise ValueError(f"{rule} {', '.join(long)}")
        return self


@dataclass(frozen=True)
class Enabled:
    """A detection with the settings of one site. Times are in seconds; ``ban_time`` -1 is permanent.

    ``address_inside``: a field such as ``ui=ssh(1.2.3.4)`` for lines without ``address_field``.
    ``where``: for each field, patterns of which its value must match one (``*``: anything).
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

    @property
    def jail(self) -> str:
        return name_jail(self.name)


def list_enabled(settings: Settings) -> tuple[Enabled, ...]:
    """Return the enabled detections with their thresholds.

    Settings of one detection take precedence over those for all, and these over the catalogue's.
    """
    return tuple(_apply_settings(CATALOGUE[name], settings) for name in settings.detection_enabled)


def _apply_settings(detection: Detection, settings: Settings) -> Enabled:
    own = settings.detection_settings.get(detection.name, Thresholds())

    def threshold(name: str) -> int:
        candidates = (getattr(own, name), getattr(settings, f"detection_{name}"))
        return int(next((v for v in candidates if v is not None), getattr(detection, name)))

    return Enabled(
        detection.name,
        detection.description,
        detection.log_ids,
        detection.address_field,
        threshold("max_retry"),
        threshold("find_time"),
        threshold("ban_time"),
        detection.address_inside or "",
        detection.where,
        tuple(map(str, own.ignore)),
    )


def summary(context: Context) -> Iterator[str]:
    """Return one line for each set of thresholds, with the detections that have them."""
    names: dict[tuple[int, int, int], list[str]] = {}
    for detection in list_enabled(context.own("detection", Settings)):
        thresholds = (detection.max_retry, detection.find_time, detection.ban_time)
        names.setdefault(thresholds, []).append(detection.name)
    for (events, within, banned), same in names.items():
        yield (
            f"{', '.join(same)}: {spell_count(events, 'event')} within {spell_duration(within)}"
            f" ban for {spell_duration(banned)}"
        )


def list_ignored(context: Context) -> list[str]:
    """Return the addresses that no jail of the site bans: its own hosts and ``detection_ignore``."""
    configured = context.of_ban_host("detection", Settings).detection_ignore
    return ["127.0.0.0/8", "::1", *context.site_addresses(), *map(str, configured)]


def _build_module(template: str, shared: Mapping[str, object]) -> File:
    """Return a module of the action: rendered if it is a template, otherwise unchanged."""
    name = template.rpartition("/")[2].removesuffix(".j2")
    text = render(template, **shared) if template.endswith(".j2") else read_file(template)
    return File(f"{_ACTIONS}/{name}", text, check="python")


def _collect_shared_values(context: Context) -> dict[str, object]:
    """Return the values that several templates need."""
    logs = units.compute_log_limit(context.of_ban_host("receiver", units.Settings))
    limit_of = {EVENTS_LOG: logs, EVIDENCE: units.EVIDENCE_SIZE, REJECTED: units.REJECTED_SIZE}
    return {
        "events_log": EVENTS_LOG,
        "spool": SPOOL,
        "audit": AUDIT,
        "evidence": EVIDENCE,
        "group": USER,
        "largest": units.compute_file_limit(logs),
        "limits": limit_of,
    }


def _render_jails(context: Context, shared: Mapping[str, object]) -> str:
    settings = context.own("detection", Settings)
    return render(
        "detection/jail.conf.j2",
        detections=list_enabled(settings),
        ignore=list_ignored(context),
        settings=settings,
        ban_limit=context.own("receiver", limits.Settings).receiver_ban_limit,
        posters=[*(fortigate.name for fortigate in context.site.fortigates), VERIFY],
        **shared,
    )


def resources(context: Context) -> tuple[Resource, ...]:
    """Return the resources of a fail2ban that runs our filter, action and jails."""
    shared = _collect_shared_values(context)
    action = [
        *shared_modules.deploy_modules(_ACTIONS),
        *(_build_module(name, shared) for name in _ACTION),
    ]
    sshd = render("detection/sshd.conf.j2")
    return (
        Package("fail2ban"),
        Package("python3-systemd"),
        User(USER),
        Directory(SPOOL, 0o750, "root", USER, data=True),
        shared_modules.deploy_package(_ACTIONS),
        File(_FILTER, render("detection/filter.conf.j2", **shared), check="fail2ban"),
        *action,
        File(_JAIL, _render_jails(context, shared), check="fail2ban"),
        File(_SSHD, sshd, check="fail2ban", when="sshd_jail_without_log"),
        Service(
            "fail2ban.service",
            restart_on=tuple(file.id for file in action),
            reload_on=(f"file:{_FILTER}", f"file:{_JAIL}", f"file:{_SSHD}"),
            reload_command=("fail2ban-client", "reload"),
        ),
        *(
            Jail(detection.jail, detection.max_retry, detection.find_time, detection.ban_time)
            for detection in list_enabled(context.own("detection", Settings))
        ),
    )
