"""The receiver on the ban host: a Flask app behind gunicorn, its units, tokens, log and log rotation.

gunicorn with gevent workers, measured against the other servers of the distribution: a slow client costs
a greenlet instead of a thread or a process. systemd holds the socket, so that a restart refuses nobody.
"""

from __future__ import annotations

import ipaddress
from typing import Annotated, Any

from banstitch_shared.addresses import SELF_TEST
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

from provision.desired.context import Context, StatusSource, format_url_host, is_address
from provision.desired.host_paths import (
    AUDIT,
    DIGESTS,
    ETC,
    EVENTS_LOG,
    EVIDENCE,
    LOG_DIRECTORY,
    REJECTED,
    SPOOL,
    TOKENS,
    USER,
)
from provision.desired.templates import TEMPLATES, read_file, render
from provision.linux.agent.protocol.ids import ResourceId
from provision.linux.agent.protocol.requests import ReadStatus, SelfTest
from provision.linux.kinds.directory import Directory
from provision.linux.kinds.file import File
from provision.linux.kinds.package import Package
from provision.linux.kinds.resource import Resource
from provision.linux.kinds.service import Service
from provision.linux.kinds.tokens import Digests, Tokens
from provision.sites.setting_types import Address
from roles import shared_modules
from roles.address_families import choose_feed_list
from roles.detection.catalogue import CATALOGUE
from roles.detection.role import Settings as DetectionSettings
from roles.detection.role import enabled
from roles.receiver import events, limits, tls, units
from roles.receiver.units import APP_DIRECTORY, FILTER, RUNTIME_DIRECTORY, SERVICE, SOCKET

NAME = "receiver"
PREFIX = "receiver_"
_APP = f"{APP_DIRECTORY}/receiver"
_LOGROTATE = "/etc/logrotate.d/banstitch"
_BODY_LIMIT = 65536


class Settings(
    tls.Settings,
    events.Settings,
    limits.Settings,
    units.Settings,
):
    """Addresses, workers and pages of the receiver."""

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
    receiver_status_page: Annotated[
        bool,
        Field(description="serve /status, a page for people; user status, password in tokens.json"),
    ] = False

    @field_validator("receiver_address")
    @classmethod
    def _host(cls, value: str) -> str:
        return tls.checked_host(value)


def find_receiver_address(context: Context) -> str:
    """By which address or name the site's FortiGates reach the receiver."""
    settings = context.of_ban_host("receiver", Settings)
    return settings.receiver_address or context.site.ban_host.login.address


def find_receiver_port(context: Context) -> int:
    """The TCP port at :func:`find_receiver_address`."""
    return context.of_ban_host("receiver", Settings).receiver_port


def build_base_url(context: Context) -> str:
    """Return the URL at which FortiGates reach the receiver."""
    scheme = tls.scheme(context.of_ban_host("receiver", Settings))
    return f"{scheme}://{format_url_host(find_receiver_address(context))}:{find_receiver_port(context)}"


def summary(context: Context) -> tuple[str, ...]:
    """Return where FortiGates find the receiver, and with which certificate."""
    certificates = {
        "self_signed": "its certificate is signed by a CA that is made on the host",
        "files": "its certificate is the one that was given",
        "off": "not encrypted",
    }
    kind = context.own("receiver", Settings).receiver_tls
    return (f"receiver: {build_base_url(context)} for FortiGates, {certificates[kind]}",)


def is_receiver_secure(context: Context) -> bool:
    """Return whether the receiver speaks https."""
    return context.of_ban_host("receiver", Settings).receiver_tls != "off"


def read_authority(context: Context) -> str:
    """The certificate, in PEM form, of the CA that FortiGates must be told of; empty if there is none."""
    return tls.authority(context, context.of_ban_host("receiver", Settings))


def _names(context: Context, settings: Settings) -> tuple[str, ...]:
    """By which it may be looked for: what FortiGates are told, and what the host says to itself."""
    listen = settings.receiver_listen
    own = () if listen.is_unspecified else (str(listen),)
    reached = find_receiver_address(context)
    return (reached, *settings.receiver_tls_names, *own, "127.0.0.1", "::1", "localhost")


def token_names(context: Context) -> tuple[str, ...]:
    """The secrets of a site: two for each FortiGate, one for root on the ban host, one to look."""
    names = [fortigate.name for fortigate in context.site.fortigates]
    return (*map(name_webhook_token, names), *map(name_feed_token, names), STATUS, VERIFY)


def own_url(settings: Settings) -> str:
    """Return where the host itself reaches the receiver."""
    listen = settings.receiver_listen
    loopback = "127.0.0.1" if listen.version == 4 else "::1"
    asked = loopback if listen.is_unspecified else str(listen)
    return f"{tls.scheme(settings)}://{format_url_host(asked)}:{settings.receiver_port}"


def _own(context: Context, settings: Settings) -> list[str]:
    """The addresses from which the ban host talks to itself."""
    listen = [] if settings.receiver_listen.is_unspecified else [str(settings.receiver_listen)]
    login = context.site.ban_host.login.address
    return ["127.0.0.0/8", "::1", *listen, *([login] if is_address(login) else [])]


def _config(context: Context, settings: Settings) -> dict[str, Any]:
    return {
        **events.config(context, settings, find_receiver_address(context), _own(context, settings)),
        "body_limit": _BODY_LIMIT,
        "feed_limit": settings.receiver_feed_limit,
        "feed_lists": sorted({choose_feed_list(unit) for unit in context.site.fortigates}) or [""],
        "status_page": settings.receiver_status_page,
        "certificate": tls.certificate(settings),
        "readers": list(map(str, settings.receiver_readers)),
        "digests": DIGESTS,
        "events_log": EVENTS_LOG,
        "evidence_log": EVIDENCE,
        "rejected_log": REJECTED,
        # twice the size from which on root moves them aside: whatever root does, they end there
        "evidence_most": 2 * units.EVIDENCE_SIZE,
        "rejected_most": 2 * units.REJECTED_SIZE,
        "audit_log": AUDIT,
        "spool": SPOOL,
        "counts": f"/run/{RUNTIME_DIRECTORY}/counts",
    }


def _app(context: Context, settings: Settings) -> tuple[File, ...]:
    """Return the files of the receiver. Only its configuration is rendered."""
    folder = TEMPLATES / "receiver"
    texts = {
        path.name: read_file(f"receiver/{path.name}")
        for path in (*folder.glob("*.py"), folder / "status.html")
    }
    texts["config.py"] = render("receiver/config.py.j2", config=_config(context, settings))
    return (
        *shared_modules.deploy_modules(APP_DIRECTORY),
        *(_deploy(f"{_APP}/{name}", text) for name, text in sorted(texts.items())),
    )


def _deploy(path: str, text: str) -> File:
    return File(path, text, check="python" if path.endswith(".py") else "")


def heard(context: Context, settings: Settings) -> tuple[str, ...]:
    """Return the addresses that systemd lets through to the receiver; empty where it filters none."""
    config = _config(context, settings)
    address = find_receiver_address(context)
    own = [*config["own"], *([address] if is_address(address) else [])]
    readers, page = settings.receiver_readers, settings.receiver_status_page
    return units.heard(config["allow"], own, config["hosts"], readers, page)


def _units(context: Context, settings: Settings) -> tuple[File, File]:
    return units.files(
        str(settings.receiver_listen),
        settings.receiver_port,
        settings.receiver_workers,
        settings.receiver_feed_limit,
        units.log_limit(settings),
        heard(context, settings),
    )


def resources(context: Context) -> tuple[Resource, ...]:
    """The receiver, running and answering."""
    settings = context.own("receiver", Settings)
    rotation = render(
        "receiver/logrotate.conf.j2",
        events_log=EVENTS_LOG,
        user=USER,
        log_size=settings.receiver_log_size,
        log_keep=settings.receiver_log_keep,
    )
    app, (socket, service) = _app(context, settings), _units(context, settings)
    return (
        Package("gunicorn"),
        Package("python3-gevent"),
        Package("python3-flask"),
        Package("logrotate"),
        Directory(ETC, 0o750, "root", USER),
        Directory(APP_DIRECTORY, 0o755),
        Directory(_APP, 0o755),
        shared_modules.deploy_package(APP_DIRECTORY),
        Directory(LOG_DIRECTORY, 0o750, "root", USER, data=True),
        *tls.resources(context, settings, _names(context, settings)),
        Tokens(TOKENS, token_names(context), 0o600),
        Digests(DIGESTS, TOKENS, token_names(context), 0o640, "root", USER),
        *(File(log, None, 0o660, "root", USER) for log in (EVENTS_LOG, EVIDENCE, REJECTED)),
        *app,
        service,
        socket,  # after its service, beside which it is checked
        File(_LOGROTATE, rotation, check="logrotate"),
        *units.filter_files(heard(context, settings)),
        Service(
            SOCKET,
            restart_on=(socket.id,),
            restart_on_update=(ResourceId("file", FILTER),),
            listens=f"{format_url_host(str(settings.receiver_listen))}:{settings.receiver_port}",
        ),
        Service(
            SERVICE,
            restart_on=(*(file.id for file in app), service.id),
            answers=own_url(settings) + LIVE_PATH,
            certificate=tls.certificate(settings),
        ),
    )


def self_test(context: Context) -> SelfTest | None:
    """Return the synthetic event of `verify`: as many as ban, for an address of TEST-NET-1."""
    detections = enabled(context.own("detection", DetectionSettings))
    if not detections:
        return None
    detection, sample = detections[0], CATALOGUE[detections[0].name].matches[0]
    settings = context.own("receiver", Settings)
    base = own_url(settings)
    return SelfTest(
        url=base + EVENTS_PATH,
        feed_url=base + FEED_PATH,
        health_url=base + HEALTH_PATH,
        certificate=tls.certificate(settings),
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
    settings = context.own("receiver", Settings)
    request = ReadStatus(
        url=own_url(settings) + METRICS_PATH,
        certificate=tls.certificate(settings),
        tokens=TOKENS,
        user=STATUS,
        filters=SOCKET if heard(context, settings) else "",
    )
    page = build_base_url(context) + STATUS_PATH if settings.receiver_status_page else ""
    return StatusSource(request, page)
