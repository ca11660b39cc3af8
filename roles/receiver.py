"""The receiver on the ban host: a Flask app behind gunicorn, its unit, tokens, log and log rotation."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated, Any

from pydantic import Field, field_validator

from provision.linux.resources import Directory, File, Package, Resource, Service, Tokens
from provision.rendering import render
from provision.roles import (
    ETC,
    EVENTS_LOG,
    LOG_DIRECTORY,
    SPOOL,
    TOKENS,
    USER,
    Context,
    host_part,
    is_address,
)
from provision.setting_types import Address, Networks
from provision.settings import RoleSettings
from roles.detection import CATALOGUE, enabled, ignored
from roles.detection import Settings as DetectionSettings

PREFIX = "receiver_"
_APP_DIRECTORY = "/opt/banstitch"
_APP = f"{_APP_DIRECTORY}/receiver.py"
_SERVICE = "banstitch-receiver.service"
_UNIT = f"/etc/systemd/system/{_SERVICE}"
_LOGROTATE = "/etc/logrotate.d/banstitch"
_BODY_LIMIT = 65536
# RFC 5737: nobody has it, so banning it for a second harms nobody.
DRILL_ADDRESS = "192.0.2.66"
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")


class Settings(RoleSettings):
    """Where the receiver listens, how FortiGates reach it, and whom it never writes down."""

    receiver_listen: Annotated[
        Address, Field(description="address to listen on, 0.0.0.0 or :: for all")
    ] = ipaddress.IPv4Address("0.0.0.0")  # noqa: S104 - FortiGates must reach it
    receiver_port: Annotated[
        int, Field(ge=1024, le=65535, description="TCP port; lower ones need root, 1024 to 65535")
    ] = 5000
    receiver_address: Annotated[
        str, Field(description="address or name by which FortiGates reach it; the ansible_host")
    ] = ""
    receiver_workers: Annotated[
        int, Field(ge=1, le=32, description="worker processes of the web server, 1 to 32")
    ] = 2
    receiver_ignore: Annotated[
        Networks, Field(description="addresses and networks whose events are not written down")
    ] = ()
    receiver_log_size: Annotated[
        str,
        Field(pattern=r"^[1-9][0-9]{0,5}[kM]$", description="rotate the event log from here on"),
    ] = "50M"
    receiver_log_keep: Annotated[
        int, Field(ge=1, le=520, description="how many rotated event logs are kept, 1 to 520")
    ] = 4

    @field_validator("receiver_address")
    @classmethod
    def _host(cls, value: str) -> str:
        if value and not is_address(value) and not _HOST.fullmatch(value):
            raise ValueError("is neither an address nor a host name")
        return value


def address(context: Context) -> str:
    """By which address or name the site's FortiGates reach the receiver."""
    settings = context.of_ban_host("receiver", Settings)
    return settings.receiver_address or context.site.ban_host.login.address


def port(context: Context) -> int:
    """The TCP port at :func:`address`."""
    return context.of_ban_host("receiver", Settings).receiver_port


def token_names(context: Context) -> tuple[str, ...]:
    """The secrets of a site: two for each FortiGate, and one for root on the ban host."""
    units = [unit.name for unit in context.site.fortigates]
    kinds = [f"{kind}:{unit}" for kind in ("webhook", "feed") for unit in units]
    return (*kinds, "verify")


def health_url(settings: Settings) -> str:
    """Where the host itself asks whether the receiver works."""
    listen = settings.receiver_listen
    loopback = "127.0.0.1" if listen.version == 4 else "::1"
    asked = loopback if listen.is_unspecified else str(listen)
    return f"http://{host_part(asked)}:{settings.receiver_port}/healthz"


def _config(context: Context, settings: Settings) -> dict[str, Any]:
    own = [address(context)] if is_address(address(context)) else []
    ignore = [*ignored(context), *own, *map(str, settings.receiver_ignore)]
    detections = enabled(context.own("detection", DetectionSettings))
    return {
        "fortigates": [unit.name for unit in context.site.fortigates],
        "detections": [
            {
                "name": detection.name,
                "jail": detection.jail,
                "log_ids": list(detection.log_ids),
                "address_field": detection.address_field,
                "ignore": list(dict.fromkeys(ignore)),
            }
            for detection in detections
        ],
        "tokens": TOKENS,
        "events_log": EVENTS_LOG,
        "spool": SPOOL,
        "body_limit": _BODY_LIMIT,
    }


def resources(context: Context) -> tuple[Resource, ...]:
    """The receiver, running and answering."""
    settings = context.own("receiver", Settings)
    unit = render(
        "receiver/receiver.service.j2",
        user=USER,
        group=USER,
        app_directory=_APP_DIRECTORY,
        log_directory=LOG_DIRECTORY,
        bind=f"{host_part(str(settings.receiver_listen))}:{settings.receiver_port}",
        workers=settings.receiver_workers,
    )
    rotation = render(
        "receiver/logrotate.conf.j2",
        events_log=EVENTS_LOG,
        user=USER,
        log_size=settings.receiver_log_size,
        log_keep=settings.receiver_log_keep,
    )
    app = render("receiver/receiver.py.j2", config=_config(context, settings))
    return (
        Package("gunicorn"),
        Package("python3-flask"),
        Package("logrotate"),
        Directory(ETC, 0o750, "root", USER),
        Directory(_APP_DIRECTORY, 0o755),
        Directory(LOG_DIRECTORY, 0o750, USER, USER, data=True),
        Tokens(TOKENS, token_names(context), 0o640, "root", USER),
        File(EVENTS_LOG, None, 0o640, USER, USER),
        File(_APP, app, check="python"),
        File(_UNIT, unit, check="systemd-unit"),
        File(_LOGROTATE, rotation, check="logrotate"),
        Service(
            _SERVICE,
            restart_on=(f"file:{_APP}", f"file:{_UNIT}"),
            answers=health_url(settings),
        ),
    )


def drill(context: Context) -> dict[str, Any] | None:
    """The synthetic event of `verify`: as many as ban, for an address of TEST-NET-1."""
    detections = enabled(context.own("detection", DetectionSettings))
    if not detections:
        return None
    detection, sample = detections[0], CATALOGUE[detections[0].name].matches[0]
    base = health_url(context.own("receiver", Settings)).removesuffix("/healthz")
    return {
        "url": f"{base}/receive-logs",
        "feed_url": f"{base}/blocked-ips",
        "header": "X-Banstitch-Token",
        "tokens": TOKENS,
        "token": "verify",
        "jail": detection.jail,
        "address": DRILL_ADDRESS,
        "line": sample.line.replace(sample.address, DRILL_ADDRESS),
        "count": detection.max_retry,
        "patience": 10,
    }
