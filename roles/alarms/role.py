"""Alarms and the heartbeat, which the service banstitch-watch of the role `watch` sends.

This role has what they need beside the service: the secrets of the channels, the CAs of their servers, and
the note that `plan --note-drift` leaves.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from provision.desired.context import Context
from provision.desired.host_paths import (
    ALARMS_CA,
    DRIFT,
    FACTS,
    RULES_MEMORY,
)
from provision.errors import InputError
from provision.linux.kinds.file import File
from provision.linux.kinds.package import Package
from provision.linux.kinds.resource import Resource
from roles import abuseipdb, feed, sharing_settings
from roles.alarms.settings import Settings, is_loopback, read_quiet
from roles.receiver.role import Settings as ReceiverSettings

NAME = "alarms"
PREFIX = "alarms"
_PORTS = {"starttls": 587, "tls": 465, "off": 25}

__all__ = ["NAME", "PREFIX", "Settings", "resources"]


def resources(context: Context) -> tuple[Resource, ...]:
    """Return the CAs of the channels' servers, if there are any."""
    settings = context.get_settings(NAME, Settings)
    if not is_on(settings):
        return ()
    packages = [Package("tzdata")] if settings.alarms_quiet else []
    ca = [File(ALARMS_CA, _read_ca(context, settings))] if settings.alarms_ca else []
    return (*packages, *ca)


def is_on(settings: Settings) -> bool:
    """Return whether a site has alarms."""
    is_used = bool(list_channels(settings)) or settings.heartbeat_url is not None
    return settings.alarms == "on" or (settings.alarms == "auto" and is_used)


def describe_part(context: Context) -> dict[str, object] | None:
    """Return what banstitch-watch has to know about alarms; None if they are off."""
    settings = context.get_settings(NAME, Settings)
    if not is_on(settings):
        return None
    receiver = context.get_settings("receiver", ReceiverSettings)
    listen = receiver.receiver_listen
    peers = [(group, peer.name) for group, peer in sharing_settings.list_peers(context)]
    host = ("::1" if listen.version == 6 else "127.0.0.1") if listen.is_unspecified else str(listen)
    return {
        "site": context.site.name,
        "paths": {"facts": FACTS, "rules": RULES_MEMORY, "drift": DRIFT},
        "receiver": {
            "host": host,
            "port": receiver.receiver_port,
            "tls": receiver.receiver_tls != "off",
        },
        "refresh": {
            fortigate.name: 60
            * Context(context.site, fortigate).get_settings("feed", feed.Settings).feed_refresh_rate
            for fortigate in context.site.fortigates
        },
        "poll_silence": settings.alarms_poll_silence,
        "post_silence": settings.alarms_post_silence,
        "burst": settings.alarms_burst,
        "off": sorted(settings.alarms_off),
        "quiet": read_quiet(settings.alarms_quiet) if settings.alarms_quiet else None,
        **describe_way(context),
        "heartbeat_interval": settings.heartbeat_interval,
        "channels": list_channels(settings),
        **({"peers": peers} if peers else {}),
        **({"abuseipdb": True} if abuseipdb.is_on(context) else {}),
    }


def describe_way(context: Context) -> dict[str, str]:
    """Return the way out for https: the file of further CAs, and the proxy."""
    settings = context.get_settings(NAME, Settings)
    has_ca = is_on(settings) and settings.alarms_ca
    return {"ca": ALARMS_CA if has_ca else "", "proxy": settings.alarms_proxy}


def list_channels(settings: Settings) -> list[dict[str, object]]:
    """Return the channels without their secrets."""
    channels = [_describe_mail(settings)] if settings.alarms_mail_to else []
    channels += [
        {
            "name": webhook.name,
            "kind": "webhook",
            "template": webhook.template,
            "minimum": webhook.minimum,
        }
        for webhook in settings.alarms_webhooks
    ]
    if settings.alarms_syslog:
        server = urlsplit(settings.alarms_syslog)
        channels.append(
            {
                "name": "syslog",
                "kind": "syslog",
                "transport": server.scheme,
                "host": server.hostname,
                "port": server.port,
                "minimum": settings.alarms_syslog_minimum,
            }
        )
    return channels


def _describe_mail(settings: Settings) -> dict[str, object]:
    default = "off" if is_loopback(settings.alarms_mail_server) else "starttls"
    security = settings.alarms_mail_security or default
    return {
        "name": "mail",
        "kind": "mail",
        "to": settings.alarms_mail_to,
        "sender": settings.alarms_mail_from,
        "host": settings.alarms_mail_server.strip("[]"),
        "port": settings.alarms_mail_port or _PORTS[security],
        "security": security,
        "user": settings.alarms_mail_user,
        "minimum": settings.alarms_mail_minimum,
    }


def list_secrets(context: Context) -> dict[str, str]:
    """Return the secrets of the channels and of the heartbeat, by name."""
    settings = context.get_settings(NAME, Settings)
    found = {}
    if settings.alarms_mail_password:
        found["mail"] = settings.alarms_mail_password.get_secret_value()
    for webhook in settings.alarms_webhooks:
        found[webhook.name] = webhook.url.get_secret_value()
        if webhook.token:
            found[webhook.name + " token"] = webhook.token.get_secret_value()
    if settings.heartbeat_url:
        found["heartbeat url"] = settings.heartbeat_url.get_secret_value()
    return found


def _read_ca(context: Context, settings: Settings) -> str:
    from provision.desired import certificate_files

    try:
        pem = certificate_files.read_text(settings.alarms_ca)
        certificate_files.parse_certificates(pem, settings.alarms_ca)
    except ValueError as error:
        message, remedy = f"alarms_ca: {error}", "name a PEM file of CAs"
        problem = context.build_problem("alarms_ca", message, remedy)
        raise InputError([problem]) from error
    return pem.strip() + "\n"
