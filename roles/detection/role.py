"""Detections on the ban host: fail2ban with one jail for each, and our action that keeps the bans.

detections.yml describes each detection; its head shows how to add one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Self

from banstitch_shared.tokens import VERIFY
from pydantic import BeforeValidator, Field, field_validator, model_validator

from provision.desired.context import Context
from provision.desired.host_paths import AUDIT, EVENTS_LOG, EVIDENCE, REJECTED, SPOOL, USER
from provision.desired.templates import read_file, render
from provision.errors import spell_count
from provision.linux.agent.protocol.ids import ResourceId
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
from roles.detection.catalogue import CATALOGUE, Detection, MaxRetry, Thresholds
from roles.receiver import limits, units

NAME = "detection"
PREFIX = "detection_"
_SHORTEST_GROWING = 60
_ACTIONS = "/etc/fail2ban/action.d"
_FILTER = "/etc/fail2ban/filter.d/banstitch.conf"
_JAIL = "/etc/fail2ban/jail.d/banstitch.conf"
_SSHD = "/etc/fail2ban/jail.d/banstitch-sshd.conf"
# Put in place in this order: the action is the last one, so that all that it loads is there before it.
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


class Overrides(Strict):
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
        dict[str, Overrides],
        Field(
            default_factory=dict,
            description="max_retry, find_time, ban_time, ignore for single detections, by name",
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
        BeforeValidator(lambda value: (value,) if isinstance(value, str) else value),
        Field(
            description=(
                "on FortiGates with VDOMs: only events of these count; a FortiGate takes those that "
                "it has; empty: events of all"
            )
        ),
    ] = ()
    detection_increment: Annotated[
        bool,
        Field(description="ban repeat offenders for longer each time, and after fewer events"),
    ] = False
    detection_increment_factor: Annotated[
        int, Field(ge=2, le=100, description="so many times as long as the ban before, 2 to 100")
    ] = 2
    detection_increment_max: Annotated[
        Duration, Field(description="the longest that a ban becomes in this way")
    ] = 4 * 7 * 86400

    @field_validator("detection_enabled", "detection_settings")
    @classmethod
    def _known(cls, value: tuple[str, ...] | dict[str, Overrides]) -> object:
        unknown = [name for name in value if name not in CATALOGUE]
        if unknown:
            there_are = ", ".join(CATALOGUE)
            raise ValueError(f"{', '.join(unknown)} is no detection; there are {there_are}")
        return dict(value) if isinstance(value, dict) else tuple(dict.fromkeys(value))

    @model_validator(mode="after")
    def _increment_has_time(self) -> Self:
        """fail2ban lengthens a ban up to 10 s after it began; a shorter one would be over by then."""
        short = [d.name for d in enabled(self) if 0 < d.ban_time < _SHORTEST_GROWING]
        if self.detection_increment and short:
            needs = f"detection_increment needs ban times of {_SHORTEST_GROWING} seconds or more"
            raise ValueError(f"{needs}, which {', '.join(short)} does not have")
        long = [d.name for d in enabled(self) if d.ban_time > self.detection_increment_max]
        if self.detection_increment and long:
            what = "detection_increment_max is shorter than the first ban of"
            raise ValueError(f"{what} {', '.join(long)}: the second would be shorter than that")
        return self


def enabled(settings: Settings) -> tuple[Detection, ...]:
    """Return the detections that are on.

    The thresholds of one detection win over those for all, and these over the catalogue's.
    """
    return tuple(_enabled(CATALOGUE[name], settings) for name in settings.detection_enabled)


def _enabled(detection: Detection, settings: Settings) -> Detection:
    own = settings.detection_settings.get(detection.name, Overrides())
    chosen: dict[str, object] = {"ignore": tuple(map(str, own.ignore))}
    for name in Thresholds.model_fields:
        for value in (getattr(settings, f"detection_{name}"), getattr(own, name)):
            if value is not None:
                chosen[name] = value
    return detection.model_copy(update=chosen)


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


def _module(template: str, shared: Mapping[str, str]) -> File:
    """Return a module of the action: rendered, or as it stands where it needs no values."""
    name = Path(template).name.removesuffix(".j2")
    plain = name == Path(template).name
    text = read_file(template) if plain else render(template, **shared)
    return File(f"{_ACTIONS}/{name}", text, check="python")


def resources(context: Context) -> tuple[Resource, ...]:
    """fail2ban with our filter, jails and action, running and holding the jails."""
    settings = context.own("detection", Settings)
    detections = enabled(settings)
    logs = units.log_limit(context.of_ban_host("receiver", units.Settings))
    shared: dict[str, Any] = {
        "events_log": EVENTS_LOG,
        "spool": SPOOL,
        "audit": AUDIT,
        "evidence": EVIDENCE,
        "group": USER,
        "largest": units.most_bytes_of_a_file(logs),
        "limits": {
            EVENTS_LOG: logs,
            EVIDENCE: units.EVIDENCE_SIZE,
            REJECTED: units.REJECTED_SIZE,
        },
    }
    jails = render(
        "detection/jail.conf.j2",
        detections=detections,
        ignore=ignored(context),
        settings=settings,
        ban_limit=context.own("receiver", limits.Settings).receiver_ban_limit,
        posters=[*(unit.name for unit in context.site.fortigates), VERIFY],
        **shared,
    )
    action = [
        *shared_modules.deploy_modules(_ACTIONS),
        *(_module(name, shared) for name in _ACTION),
    ]
    files = (
        File(_FILTER, render("detection/filter.conf.j2", **shared), check="fail2ban"),
        *action,
        File(_JAIL, jails, check="fail2ban"),
        File(
            _SSHD,
            render("detection/sshd.conf.j2"),
            check="fail2ban",
            when="sshd_jail_without_log",
        ),
    )
    return (
        Package("fail2ban"),
        Package("python3-systemd"),
        User(USER),
        Directory(SPOOL, 0o750, "root", USER, data=True),
        shared_modules.deploy_package(_ACTIONS),
        *files,
        Service(
            "fail2ban.service",
            restart_on=tuple(file.id for file in action),
            reload_on=tuple(ResourceId("file", path) for path in (_FILTER, _JAIL, _SSHD)),
            reload_command=("fail2ban-client", "reload"),
        ),
        *(Jail(d.jail, d.max_retry, d.find_time, d.ban_time) for d in detections),
    )
