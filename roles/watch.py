"""The service banstitch-watch on the ban host, which does the work that goes out to the network.

It is deployed only if it has something to do. Other roles say what: it looks up the host names and URLs of
`detection_ignore`.
"""

from __future__ import annotations

import json
from pathlib import Path

from provision.desired.context import Context
from provision.desired.host_paths import (
    DIGESTS,
    ETC,
    LOG_DIRECTORY,
    SPOOL,
    USER,
    WATCH_MEMORY,
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
    settings = File(WATCH_SETTINGS, text, 0o640, "root", USER, check="json")
    app = [
        File(f"{_APP}/{path.name}", read_file(f"watch/{path.name}"), check="python")
        for path in sorted((TEMPLATES / "watch").glob("*.py"))
    ]
    unit = File(f"{UNIT_DIRECTORY}/{_SERVICE}", _render_unit(), check="systemd-unit")
    # the role `receiver` puts them in place
    shared = [file.id for file in deploy_modules(APP_DIRECTORY)]
    restart_on = (settings.id, *(file.id for file in app), *shared, unit.id)
    return (
        Package("ca-certificates"),
        User(WATCH_USER),
        Directory(_APP, 0o755),
        Directory(WATCH_MEMORY, 0o750, WATCH_USER, USER, data=True),
        settings,
        *app,
        unit,
        Service(_SERVICE, restart_on=restart_on),
    )


def describe_parts(context: Context) -> dict[str, object]:
    """Return {part of the service: its settings}, for the parts that this site needs."""
    names = list_looked_up(context)
    return {"ignore": names} if names else {}


def _render_unit() -> str:
    return render(
        "watch/watch.service.j2",
        user=WATCH_USER,
        group=USER,
        app_directory=APP_DIRECTORY,
        memory=Path(WATCH_MEMORY).name,
        log_directory=LOG_DIRECTORY,
        spool=SPOOL,
        digests=DIGESTS,
        tls=f"{ETC}/tls",
    )
