"""The service banstitch-watch on the ban host, which does the work that goes out to the network.

It is deployed only if it has something to do. Other roles say what: it looks up the host names and URLs of
`detection_ignore`, fetches the bans of other sites, raises alarms, and reports bans to AbuseIPDB.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

from provision.desired.context import Context
from provision.desired.host_paths import (
    ALARMS_CA,
    ETC,
    LOG_DIRECTORY,
    SHARE,
    USER,
    WATCH_MEMORY,
    WATCH_SECRETS,
    WATCH_SETTINGS,
    WATCH_USER,
)
from provision.desired.templates import TEMPLATES, read_file, render
from provision.linux.kinds.directory import Directory
from provision.linux.kinds.file import File
from provision.linux.kinds.package import Package
from provision.linux.kinds.resource import Resource
from provision.linux.kinds.service import Service
from provision.linux.kinds.user import User
from provision.sites.settings import RoleSettings
from roles import abuseipdb, sharing_settings
from roles.alarms import role as alarms
from roles.detection.role import list_looked_up
from roles.receiver.units import APP_DIRECTORY, UNIT_DIRECTORY
from roles.shared_modules import deploy_modules

NAME = "watch"
PREFIX = "watch_"
_APP = f"{APP_DIRECTORY}/watch"
_SERVICE = "banstitch-watch.service"


class Settings(RoleSettings):
    """None: what the service does is set by other roles."""


def resources(context: Context) -> tuple[Resource, ...]:
    """Return the service, its settings and its memory; nothing if it has nothing to do."""
    parts = describe_parts(context)
    if not parts:
        return ()
    text = json.dumps(parts, indent=1) + "\n"
    settings = File(WATCH_SETTINGS, text, 0o640, "root", WATCH_USER, check="json")
    known = alarms.list_secrets(context) | abuseipdb.list_secrets(context)
    secrets = json.dumps(known, indent=1) + "\n"
    secret = File(WATCH_SECRETS, secrets, 0o640, "root", WATCH_USER, check="json")
    app = _list_app_files()
    folders = sorted({str(Path(file.path).parent) for file in app})
    unit = File(f"{UNIT_DIRECTORY}/{_SERVICE}", _render_unit(), check="systemd-unit")
    # the role `receiver` puts them in place
    shared = [file.id for file in deploy_modules(APP_DIRECTORY)]
    ca = [file.id for file in alarms.resources(context) if isinstance(file, File)]
    restart_on = (
        settings.id,
        secret.id,
        *ca,
        *sharing_settings.list_files(context),
        *(file.id for file in app),
        *shared,
        unit.id,
    )
    return (
        Package("ca-certificates"),
        User(WATCH_USER),
        *(Directory(folder, 0o755) for folder in folders),
        Directory(WATCH_MEMORY, 0o750, WATCH_USER, USER, data=True),
        settings,
        secret,
        *app,
        unit,
        Service(_SERVICE, restart_on=restart_on),
    )


def alarms_unit(context: Context) -> str:
    """Return the service if it raises alarms at this site."""
    return _SERVICE if alarms.describe_part(context) else ""


@cache
def _list_app_files() -> tuple[File, ...]:
    """Return the program, which is the same at every site."""
    root = TEMPLATES / "watch"
    names = [str(path.relative_to(root)) for path in sorted(root.rglob("*.py"))]
    return tuple(
        File(f"{_APP}/{name}", read_file(f"watch/{name}"), check="python") for name in names
    )


def describe_parts(context: Context) -> dict[str, object]:
    """Return {part of the service: its settings}, for the parts that this site needs."""
    parts = {
        "ignore": list_looked_up(context),
        "peers": sharing_settings.describe_watch(context),
        "alarms": alarms.describe_part(context),
        "abuseipdb": abuseipdb.describe_part(context, alarms.describe_way(context)),
    }
    return {name: part for name, part in parts.items() if part}


def _render_unit() -> str:
    return render(
        "watch/watch.service.j2",
        user=WATCH_USER,
        group=USER,
        app_directory=APP_DIRECTORY,
        memory=Path(WATCH_MEMORY).name,
        own_group=WATCH_USER,
        log_directory=LOG_DIRECTORY,
        etc=ETC,
        settings=WATCH_SETTINGS,
        secrets=WATCH_SECRETS,
        ca=ALARMS_CA,
        share=SHARE,
    )
