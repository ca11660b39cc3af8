"""The receiver on the ban host: a Flask app behind gunicorn, its units, tokens, log and log rotation.

gunicorn runs gevent workers, because a slow client then costs a greenlet instead of a thread or a process.
systemd owns the socket, so no connection is refused during a restart.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any

from banstitch_shared.addresses import SELF_TEST, is_address
from banstitch_shared.receiver_api import (
    EVENTS_PATH,
    FEED_PATH,
    HEALTH_PATH,
    LIVE_PATH,
    METRICS_PATH,
    STATUS_PATH,
    TOKEN_HEADER,
)
from banstitch_shared.tokens import STATUS, VERIFY, name_feed_token, name_webhook_token
from pydantic import Field, field_validator

from provision.desired.context import Context, StatusSource, format_url_host
from provision.desired.host_paths import (
    DIGESTS,
    ETC,
    EVENTS_LOG,
    EVIDENCE,
    LOG_DIRECTORY,
    LOOKED_UP,
    REJECTED,
    RULES_MEMORY,
    TOKENS,
    USER,
)
from provision.desired.templates import TEMPLATES, read_file, render
from provision.linux.agent.protocol.ids import ResourceId
from provision.linux.kinds.directory import Directory
from provision.linux.kinds.file import File
from provision.linux.kinds.package import Package
from provision.linux.kinds.resource import Resource
from provision.linux.kinds.service import Service
from provision.linux.kinds.tokens import Digests, Tokens
from provision.sites.setting_types import Address
from roles import shared_modules, sharing_settings
from roles.detection.catalogue import CATALOGUE
from roles.detection.role import Settings as DetectionSettings
from roles.detection.role import list_enabled, list_looked_up
from roles.receiver import config, events, limits, tls, units
from roles.receiver.units import APP_DIRECTORY, FILTER, SERVICE, SOCKET

if TYPE_CHECKING:  # `check` does without it
    from provision.linux.agent.protocol.requests import SelfTest

NAME = "receiver"
PREFIX = "receiver_"
_APP = f"{APP_DIRECTORY}/receiver"


class Settings(tls.Settings, events.Settings, limits.Settings, units.Settings):
    """Address, workers and pages of the receiver."""

    receiver_listen: Annotated[
        Address, Field(description="address to listen on, 0.0.0.0 or :: for all")
    ] = ipaddress.IPv4Address("0.0.0.0")  # noqa: S104 - FortiGates must reach it
    receiver_port: Annotated[
        int,
        Field(ge=1024, le=65535, description="TCP port; lower ports would need root"),
    ] = 5000
    receiver_address: Annotated[
        str,
        Field(
            description="address or name at which FortiGates reach the receiver; empty: the ansible_host"
        ),
    ] = ""
    receiver_workers: Annotated[
        int, Field(ge=1, le=32, description="worker processes of the web server")
    ] = 2
    receiver_status_page: Annotated[
        bool,
        Field(description="serve the page /status; user status, password in tokens.json"),
    ] = False

    @field_validator("receiver_address")
    @classmethod
    def _check_address(cls, value: str) -> str:
        return tls.check_host(value)


def find_receiver_address(context: Context) -> str:
    """Return the address or name at which the site's FortiGates reach the receiver."""
    settings = context.get_ban_host_settings("receiver", Settings)
    return settings.receiver_address or context.site.ban_host.login.address


def find_receiver_port(context: Context) -> int:
    """Return the TCP port at :func:`find_receiver_address`."""
    return context.get_ban_host_settings("receiver", Settings).receiver_port


def build_base_url(context: Context) -> str:
    """Return the URL at which FortiGates reach the receiver."""
    scheme = tls.choose_scheme(context.get_ban_host_settings("receiver", Settings))
    return f"{scheme}://{format_url_host(find_receiver_address(context))}:{find_receiver_port(context)}"


def summary(context: Context) -> tuple[str, ...]:
    """Return one line with the receiver's URL and the origin of its certificate."""
    certificates = {
        "self_signed": "with a certificate of a CA that is created on the host",
        "files": "with the certificate of receiver_tls_certificate",
        "off": "not encrypted",
    }
    kind = context.get_settings("receiver", Settings).receiver_tls
    return (f"receiver: {build_base_url(context)} for FortiGates, {certificates[kind]}",)


def replay(context: Context) -> dict[str, Any]:
    """Return the detections, as the receiver judges events by them."""
    settings, address = context.get_settings("receiver", Settings), find_receiver_address(context)
    values = events.build_config(context, settings, address, ())
    return {"detections": values["detections"], "ipv6_prefix": values["ipv6_prefix"]}


def is_receiver_secure(context: Context) -> bool:
    """Return whether the receiver uses HTTPS."""
    return context.get_ban_host_settings("receiver", Settings).receiver_tls != "off"


def read_authority(context: Context) -> str:
    """Return the CA certificate (PEM) that FortiGates have to import; empty if there is none."""
    return tls.read_authority(context, context.get_ban_host_settings("receiver", Settings))


def _list_certificate_names(context: Context, settings: Settings) -> tuple[str, ...]:
    """Return the names and addresses at which FortiGates and the ban host itself reach the receiver."""
    listen = settings.receiver_listen
    listening = () if listen.is_unspecified else (str(listen),)
    address = find_receiver_address(context)
    return (address, *settings.receiver_tls_names, *listening, "127.0.0.1", "::1", "localhost")


def list_token_names(context: Context) -> tuple[str, ...]:
    """Return the names of a site's secrets: two for each FortiGate, one for /status, one for `verify`."""
    names = [fortigate.name for fortigate in context.site.fortigates]
    return (*map(name_webhook_token, names), *map(name_feed_token, names), STATUS, VERIFY)


def build_local_url(settings: Settings) -> str:
    """Return the URL at which the ban host itself reaches the receiver."""
    listen = settings.receiver_listen
    loopback = "127.0.0.1" if listen.version == 4 else "::1"
    address = loopback if listen.is_unspecified else str(listen)
    return f"{tls.choose_scheme(settings)}://{format_url_host(address)}:{settings.receiver_port}"


def _list_app_files(context: Context, settings: Settings) -> tuple[File, ...]:
    """Return the files of the receiver. Only its configuration is rendered."""
    values = config.build_config(context, settings, find_receiver_address(context))
    rendered = _deploy(f"{_APP}/config.py", render("receiver/config.py.j2", config=values))
    return tuple(sorted((*_list_unchanged_files(), rendered), key=lambda file: file.path))


@cache
def _list_unchanged_files() -> tuple[File, ...]:
    """Return the files of the receiver that are the same at every site."""
    folder = TEMPLATES / "receiver"
    own = tuple(
        _deploy(f"{_APP}/{path.name}", read_file(f"receiver/{path.name}"))
        for path in (*folder.glob("*.py"), folder / "status.html")
    )
    return (*shared_modules.deploy_modules(APP_DIRECTORY), *own)


def _deploy(path: str, text: str) -> File:
    return File(path, text, check="python" if path.endswith(".py") else "")


def list_allowed_sources(context: Context, settings: Settings) -> tuple[str, ...]:
    """Return the addresses that systemd lets through to the receiver; empty if it does not filter."""
    address = find_receiver_address(context)
    local = config.list_local_addresses(context, settings)
    own = [*local, *([address] if is_address(address) else [])]
    senders = events.list_senders(context, settings)
    names = events.list_host_names(context, address)
    readers, page = settings.receiver_readers, settings.receiver_status_page
    return units.list_allowed_sources(senders, own, names, readers, page)


# What the other resources need to exist first.
_BASE = (
    *map(Package, ("gunicorn", "python3-gevent", "python3-flask", "logrotate")),
    Directory(ETC, 0o750, "root", USER),
    *(Directory(path, 0o755) for path in (APP_DIRECTORY, _APP)),
    shared_modules.deploy_package(APP_DIRECTORY),
    Directory(LOG_DIRECTORY, 0o750, "root", USER, data=True),
)


def resources(context: Context) -> tuple[Resource, ...]:
    """Return the resources of a receiver that runs and answers."""
    settings = context.get_settings("receiver", Settings)
    app, allowed = _list_app_files(context, settings), list_allowed_sources(context, settings)
    # bans of peers need room, too
    entries = (
        settings.receiver_feed_limit * (3 if sharing_settings.list_groups(context) else 2) // 2
    )
    socket, service = units.render_units(
        str(settings.receiver_listen),
        settings.receiver_port,
        settings.receiver_workers,
        entries,
        units.compute_log_limit(settings),
        allowed,
    )
    return (
        *_BASE,
        *tls.list_resources(context, settings, _list_certificate_names(context, settings)),
        Tokens(TOKENS, list_token_names(context), 0o600),
        Digests(DIGESTS, TOKENS, list_token_names(context), 0o640, "root", USER),
        *(File(log, None, 0o660, "root", USER) for log in (EVENTS_LOG, EVIDENCE, REJECTED)),
        *app,
        service,
        socket,  # after its service, because both are checked together
        units.render_rotation(settings),
        *units.filter_files(allowed),
        *_list_services(settings, (*app, service), socket),
    )


def _list_services(settings: Settings, files: Sequence[File], socket: File) -> tuple[Service, ...]:
    """Return the socket and the service; a change of ``socket`` or of ``files`` restarts it."""
    return (
        Service(
            SOCKET,
            restart_on=(socket.id,),
            restart_on_update=(ResourceId("file", FILTER),),
            listens=f"{format_url_host(str(settings.receiver_listen))}:{settings.receiver_port}",
        ),
        Service(
            SERVICE,
            restart_on=tuple(file.id for file in files),
            answers=build_local_url(settings) + LIVE_PATH,
            certificate=tls.find_certificate(settings),
        ),
    )


def self_test(context: Context) -> SelfTest | None:
    """Return the self-test of `verify`: enough events to ban an address of TEST-NET-1."""
    from provision.linux.agent.protocol.requests import SelfTest

    detections = [
        detection
        for detection in list_enabled(context.get_settings("detection", DetectionSettings))
        if any(rule.jail == detection.jail for rule in detection.rules)
    ]
    if not detections:
        return None
    detection, sample = detections[0], CATALOGUE[detections[0].name].matches[0]
    settings = context.get_settings("receiver", Settings)
    base = build_local_url(settings)
    return SelfTest(
        url=base + EVENTS_PATH,
        feed_url=base + FEED_PATH,
        health_url=base + HEALTH_PATH,
        certificate=tls.find_certificate(settings),
        header=TOKEN_HEADER,
        tokens=TOKENS,
        token=VERIFY,
        jail=detection.jail,
        address=SELF_TEST,
        line=sample.line.replace(sample.address, SELF_TEST),
        count=detection.max_retry,
        patience=10,
    )


def status(context: Context) -> StatusSource:
    """Return how the ban host reads the receiver's metrics: URL, certificate, secret and filter."""
    from provision.linux.agent.protocol.requests import ReadStatus

    settings = context.get_settings("receiver", Settings)
    request = ReadStatus(
        url=build_local_url(settings) + METRICS_PATH,
        certificate=tls.find_certificate(settings),
        tokens=TOKENS,
        user=STATUS,
        filters=SOCKET if list_allowed_sources(context, settings) else "",
        rules=RULES_MEMORY,
        names=list_looked_up(context),
        looked_up=LOOKED_UP,
    )
    page = build_base_url(context) + STATUS_PATH if settings.receiver_status_page else ""
    peers = tuple((group, peer.name) for group, peer in sharing_settings.list_peers(context))
    return StatusSource(request, page, peers)
