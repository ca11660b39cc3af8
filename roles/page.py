"""The page on the ban host: what a help desk works with. It is off by default.

The service banstitch-page reads what other services leave in files, and asks a unit of root for what is to
change. It shares the receiver's certificate and the receiver's way to deal with slow clients.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from banstitch_shared.receiver_api import LIVE_PATH

from provision.desired.context import Context, format_url_host
from provision.desired.host_paths import (
    ETC,
    LOG_DIRECTORY,
    PAGE_REQUESTS,
    PAGE_SETTINGS,
    PAGE_USER,
    RULES_MEMORY,
    SHARED_DENIED,
    SPOOL,
    USER,
    WATCH_MEMORY,
)
from provision.desired.templates import TEMPLATES, read_file, render
from provision.errors import InputError, Problem
from provision.linux.agent.protocol.ids import ResourceId
from provision.linux.kinds.directory import Directory
from provision.linux.kinds.file import File
from provision.linux.kinds.resource import Resource
from provision.linux.kinds.service import Service
from provision.linux.kinds.user import User
from roles import sharing_settings
from roles.detection.role import Settings as DetectionSettings
from roles.detection.role import list_rules
from roles.page_settings import PageUser, Settings
from roles.receiver import config, tls
from roles.receiver.role import Settings as ReceiverSettings
from roles.receiver.role import find_receiver_address
from roles.receiver.units import APP_DIRECTORY, UNIT_DIRECTORY
from roles.shared_modules import deploy_modules

__all__ = ["NAME", "PREFIX", "PageUser", "Settings", "resources", "summary"]

NAME = "page"
PREFIX = "page_"
_APP = f"{APP_DIRECTORY}/page"
_SERVICE = "banstitch-page.service"
_PATH, _REQUESTS_SERVICE = "banstitch-page-requests.path", "banstitch-page-requests.service"
# In /run, see RuntimeDirectory= in systemd.exec(5).
_RUNTIME_DIRECTORY = "banstitch-page"


def resources(context: Context) -> tuple[Resource, ...]:
    """Return the service, its settings, its requests, and the unit of root that carries them out."""
    settings = context.get_settings("page", Settings)
    if settings.page == "off":
        return ()
    problems = list(_list_problems(context, settings))
    if problems:
        raise InputError(problems)
    text = json.dumps(_describe_settings(context, settings), indent=1) + "\n"
    file = File(PAGE_SETTINGS, text, 0o640, "root", PAGE_USER, check="json")
    app, units = _list_app_files(), _render_units(context, settings)
    return (
        User(PAGE_USER),
        Directory(_APP, 0o755),
        # the user who writes requests can neither list nor read them
        Directory(PAGE_REQUESTS, 0o1730, "root", PAGE_USER),
        file,
        *app,
        *units,
        *_list_services(context, settings, [file.id, *(each.id for each in (*app, units[0]))]),
    )


def _list_problems(context: Context, settings: Settings) -> Iterator[Problem]:
    """Yield the problems of settings that do not fit together."""
    receiver = context.get_settings("receiver", ReceiverSettings)
    if receiver.receiver_tls == "off" and not settings.page_listen.is_loopback:
        yield context.build_problem(
            "page",
            "page: passwords need https, and receiver_tls is off",
            "encrypt the receiver, or set page_listen to 127.0.0.1 behind a proxy with https",
            "receiver_tls",
        )
    for name, port in _list_other_ports(context, receiver).items():
        if port == settings.page_port:
            message = f"page_port must differ from {name}, which is {port} as well"
            remedy = "choose another port for one of them"
            yield context.build_problem("page_port", message, remedy, name)
    if not settings.page_users:
        message = "page_users: nobody could log in"
        yield context.build_problem("page_users", message, "name a user", "page")
    if bool(settings.page_trusted_header) != bool(settings.page_trusted_proxies):
        yield context.build_problem(
            "page_trusted_header",
            "page_trusted_header and page_trusted_proxies belong together",
            "set both or neither",
            "page_trusted_proxies",
        )
    for user in settings.page_users:
        if user.password is None and not settings.page_trusted_header:
            message = f"page_users: {user.name} has no password"
            yield context.build_problem("page_users", message, "run hash-password")


def _list_other_ports(context: Context, receiver: ReceiverSettings) -> dict[str, int]:
    """Return the ports of the host's other services by setting."""
    ports = {"receiver_port": receiver.receiver_port}
    if sharing_settings.list_groups(context):
        sharing = context.get_settings(sharing_settings.NAME, sharing_settings.Settings)
        ports["share_port"] = sharing.share_port
    return ports


def _describe_settings(context: Context, settings: Settings) -> dict[str, object]:
    detection = context.get_settings("detection", DetectionSettings)
    return {
        "users": {
            user.name: {
                "role": user.role,
                "password": user.password.get_secret_value() if user.password else "",
            }
            for user in settings.page_users
        },
        "fortigates": [fortigate.name for fortigate in context.site.fortigates],
        "jails": [rule.jail for rule in list_rules(detection)],
        "ipv6_prefix": detection.detection_ipv6_prefix,
        "url": settings.page_url,
        "header": settings.page_trusted_header,
        "proxies": list(map(str, settings.page_trusted_proxies)),
        "idle": settings.page_idle,
        "longest": settings.page_session,
        "acts": settings.page_acts,
        "shared": SHARED_DENIED if sharing_settings.list_groups(context) else "",
    }


def _list_app_files() -> tuple[File, ...]:
    """Return the program, which is the same at every site."""
    folder = TEMPLATES / "page"
    return tuple(
        File(
            f"{_APP}/{path.name}",
            read_file(f"page/{path.name}"),
            check="python" if path.suffix == ".py" else "",
        )
        for path in sorted(folder.iterdir())
        if path.suffix in (".py", ".html", ".css")
    )


def _render_units(context: Context, settings: Settings) -> list[File]:
    values = {
        "user": PAGE_USER,
        "group": USER,
        "app_directory": APP_DIRECTORY,
        "runtime_directory": _RUNTIME_DIRECTORY,
        "bind": _bind(settings),
        "requests": PAGE_REQUESTS,
        "etc": ETC,
        "settings": PAGE_SETTINGS,
        "tls": f"{ETC}/tls",
        "log_directory": LOG_DIRECTORY,
        "rules_memory": RULES_MEMORY,
        "watch_memory": WATCH_MEMORY,
        "spool": SPOOL,
        "allow": _list_allowed(context, settings),
    }
    return [
        File(f"{UNIT_DIRECTORY}/{name}", render(template, **values), check="systemd-unit")
        for name, template in (
            (_SERVICE, "page/page.service.j2"),
            (_REQUESTS_SERVICE, "page/requests.service.j2"),
            (_PATH, "page/requests.path.j2"),
        )
    ]


def _bind(settings: Settings) -> str:
    return f"{format_url_host(str(settings.page_listen))}:{settings.page_port}"


def _list_allowed(context: Context, settings: Settings) -> list[str]:
    """Return the addresses that systemd lets through; none if anybody may connect."""
    if not settings.page_readers:
        return []
    own = config.list_local_addresses(context, context.get_settings("receiver", ReceiverSettings))
    listen = [] if settings.page_listen.is_unspecified else [str(settings.page_listen)]
    named = [*settings.page_readers, *settings.page_trusted_proxies]
    return list(dict.fromkeys(["localhost", *own, *listen, *map(str, named)]))


def _list_services(
    context: Context, settings: Settings, files: Iterable[ResourceId]
) -> tuple[Service, ...]:
    receiver = context.get_settings("receiver", ReceiverSettings)
    # the role `receiver` puts them in place; the page runs on its worker
    folder = f"{APP_DIRECTORY}/receiver"
    names = [path.name for path in sorted((TEMPLATES / "receiver").glob("*.py"))]
    shared = [ResourceId("file", f"{folder}/{name}") for name in (*names, "config.py")]
    shared += [file.id for file in deploy_modules(APP_DIRECTORY)]
    return (
        Service(
            _SERVICE,
            restart_on=(*files, *shared),
            answers=_build_local_url(settings, receiver) + LIVE_PATH,
            certificate=tls.find_certificate(receiver),
            listens=_bind(settings),
        ),
        Service(_PATH, restart_on=(ResourceId("file", f"{UNIT_DIRECTORY}/{_PATH}"),)),
    )


def _build_local_url(settings: Settings, receiver: tls.Settings) -> str:
    """Return the URL at which the ban host itself reaches the page."""
    listen = settings.page_listen
    loopback = "127.0.0.1" if listen.version == 4 else "::1"
    address = loopback if listen.is_unspecified else str(listen)
    return f"{tls.choose_scheme(receiver)}://{format_url_host(address)}:{settings.page_port}"


def summary(context: Context) -> tuple[str, ...]:
    """Return one line with the URL of the page."""
    settings = context.get_settings("page", Settings)
    if settings.page == "off":
        return ()
    receiver = context.get_settings("receiver", ReceiverSettings)
    scheme, host = tls.choose_scheme(receiver), format_url_host(find_receiver_address(context))
    url = settings.page_url or f"{scheme}://{host}:{settings.page_port}"
    return (f"page: {url} for {len(settings.page_users)} users",)
