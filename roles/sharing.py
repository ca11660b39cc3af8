"""Bans that the ban hosts of one inventory share: certificates, and the service banstitch-share.

That service offers the site's own bans to its peers. banstitch-watch fetches theirs, and the receiver merges
them into the feed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from provision.desired.context import Context, format_url_host
from provision.desired.host_paths import (
    ETC,
    LOG_DIRECTORY,
    RULES_MEMORY,
    SHARE,
    SHARE_SETTINGS,
    SHARE_USER,
    SPOOL,
    USER,
    WATCH_MEMORY,
)
from provision.desired.templates import TEMPLATES, read_file, render
from provision.errors import InputError
from provision.linux.kinds.certificate import Certificate
from provision.linux.kinds.directory import Directory
from provision.linux.kinds.file import File
from provision.linux.kinds.resource import Resource
from provision.linux.kinds.service import Service
from provision.linux.kinds.user import User
from provision.sites.settings import Peer, RoleSettings
from roles.detection.role import Settings as DetectionSettings
from roles.detection.role import list_rules
from roles.receiver.role import Settings as ReceiverSettings
from roles.receiver.units import APP_DIRECTORY, UNIT_DIRECTORY
from roles.shared_modules import deploy_modules
from roles.sharing_settings import (
    NAME,
    Settings,
    build_problem,
    find_authority,
    find_certificate,
    list_groups,
    list_peer_addresses,
    list_sites,
)

PREFIX = "share_"
_APP = f"{APP_DIRECTORY}/share"
_SERVICE, _SOCKET = "banstitch-share.service", "banstitch-share.socket"

__all__ = ["NAME", "PREFIX", "Settings", "offer", "resources"]


def offer(name: str, address: str, settings: Mapping[str, RoleSettings]) -> dict[str, Peer]:
    """Return {group: how peers reach a ban host}, whose ``address`` is that of its login."""
    own, receiver = settings.get(NAME), settings.get("receiver")
    if not isinstance(own, Settings) or not isinstance(receiver, ReceiverSettings):
        return {}
    host = own.share_address or receiver.receiver_address or address
    return {group: Peer(name, host, own.share_port) for group in own.share_bans}


def resources(context: Context) -> tuple[Resource, ...]:
    """Return the certificates of the groups and the socket for peers; nothing if bans are not shared."""
    groups = list_groups(context)
    if not groups:
        return ()
    port = context.get_settings(NAME, Settings).share_port
    if port == context.get_settings("receiver", ReceiverSettings).receiver_port:
        message = f"share_port must differ from receiver_port, which is {port} as well"
        remedy = "choose another port for one of them"
        raise InputError([build_problem(context, "share_port", message, remedy, "receiver_port")])
    certificates = [part for group in groups for part in _list_certificates(context, group)]
    text = json.dumps(_describe_service(context), indent=1) + "\n"
    settings = File(SHARE_SETTINGS, text, 0o640, "root", SHARE_USER, check="json")
    app = [
        File(f"{_APP}/{path.name}", read_file(f"share/{path.name}"), check="python")
        for path in sorted((TEMPLATES / "share").glob("*.py"))
    ]
    socket, service = _render_units(context)
    # the role `receiver` puts the shared modules in place
    inputs = (settings, *certificates, *app, *deploy_modules(APP_DIRECTORY), service)
    return (
        User(SHARE_USER),
        Directory(SHARE, 0o750, "root", USER),
        *certificates,
        Directory(_APP, 0o755),
        settings,
        *app,
        service,
        socket,  # after its service, because both are checked together
        Service(_SOCKET, restart_on=(socket.id,), listens=_find_bind(context)),
        Service(_SERVICE, restart_on=tuple(each.id for each in inputs)),
    )


def _describe_service(context: Context) -> dict[str, object]:
    rules = list_rules(context.get_settings("detection", DetectionSettings))
    return {
        "spool": SPOOL,
        "jails": [rule.jail for rule in rules],
        "known": list_peer_addresses(context),
        "groups": {
            group: {
                "certificate": find_certificate(group),
                "ca": find_authority(group),
                "sites": sites,
            }
            for group, sites in list_sites(context).items()
        },
    }


def _render_units(context: Context) -> tuple[File, File]:
    """Return the socket and the service."""
    bind = _find_bind(context)
    socket = render("share/share.socket.j2", bind=bind, dual=bind.startswith("["))
    service = render(
        "share/share.service.j2",
        user=SHARE_USER,
        group=USER,
        socket=_SOCKET,
        app_directory=APP_DIRECTORY,
        log_directory=LOG_DIRECTORY,
        rules_memory=RULES_MEMORY,
        watch_memory=WATCH_MEMORY,
        etc=ETC,
        settings=SHARE_SETTINGS,
        share=SHARE,
    )
    return (
        File(f"{UNIT_DIRECTORY}/{_SOCKET}", socket, check="systemd-unit"),
        File(f"{UNIT_DIRECTORY}/{_SERVICE}", service, check="systemd-unit"),
    )


def _find_bind(context: Context) -> str:
    own = context.get_settings(NAME, Settings)
    listen = own.share_listen or context.get_settings("receiver", ReceiverSettings).receiver_listen
    return f"{format_url_host(str(listen))}:{own.share_port}"


def _list_certificates(context: Context, group: str) -> tuple[Resource, ...]:
    """Return the key and certificate of the site for a group, and the certificate of its CA."""
    from provision.desired import share_certificates

    known = context.get_settings(NAME, Settings).share_ca.get(group)
    remedy = (
        f"run `site.py share-ca {group}` and put what it prints into a vault, for all its sites"
    )
    if known is None:
        message = f"share_ca must have group {group}"
        raise InputError([build_problem(context, "share_bans", message, remedy)])
    try:
        ca, key = share_certificates.read_authority(known.certificate, known.key.get_secret_value())
    except ValueError as error:
        problem = build_problem(context, "share_ca", f"share_ca of group {group}: {error}", remedy)
        raise InputError([problem]) from error
    content = share_certificates.derive_pair(ca, key, group, context.site.name)
    return (
        Certificate(
            find_certificate(group), (), "", content, group=USER, purpose=f"sharing group {group}"
        ),
        File(find_authority(group), known.certificate.strip() + "\n", 0o640, "root", USER),
    )
