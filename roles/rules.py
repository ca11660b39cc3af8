"""The service banstitch-rules on the ban host, and the unit of root that carries out its requests.

It counts events for the rules of the role `detection`, whose jails read what it writes.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

from provision.desired.context import Context
from provision.desired.host_paths import (
    ETC,
    EVENTS_LOG,
    LOG_DIRECTORY,
    LOOKED_UP,
    REQUESTS,
    RULES_LOG,
    RULES_MEMORY,
    RULES_SETTINGS,
    RULES_USER,
    SPOOL,
    USER,
    WATCH_MEMORY,
)
from provision.desired.templates import TEMPLATES, read_file, render
from provision.linux.agent.protocol.bounds import MEMORY
from provision.linux.agent.protocol.ids import ResourceId
from provision.linux.kinds.directory import Directory
from provision.linux.kinds.file import File
from provision.linux.kinds.package import Package
from provision.linux.kinds.resource import Resource
from provision.linux.kinds.service import Service
from provision.sites.settings import RoleSettings
from roles import abuseipdb, shield
from roles.detection.role import Settings as DetectionSettings
from roles.detection.role import list_enabled, list_ignored, list_looked_up, list_rules
from roles.detection.rules import describe_rules, read_trap_users
from roles.receiver import units
from roles.receiver.units import APP_DIRECTORY, UNIT_DIRECTORY
from roles.shared_modules import deploy_modules
from roles.sharing_settings import list_groups

NAME = "rules"
PREFIX = "rules_"
_APP = f"{APP_DIRECTORY}/rules"
_SERVICE = "banstitch-rules.service"
_PATH, _REQUESTS_SERVICE = "banstitch-requests.path", "banstitch-requests.service"


class Settings(RoleSettings):
    """None: the settings of the rules belong to the role `detection`."""


def resources(context: Context) -> tuple[Resource, ...]:
    """Return the service, its settings, memory and logs, and the spool of its requests."""
    text = _describe_settings(context)
    settings = File(RULES_SETTINGS, text, 0o640, "root", RULES_USER, check="json")
    app = _list_app_files()
    # the role `receiver` puts them in place
    shared = [file.id for file in deploy_modules(APP_DIRECTORY)]
    service, *carrier = _render_units(context)
    own = context.get_settings("detection", DetectionSettings)
    packages = [Package("python3-maxminddb")] if own.detection_asn_database else []
    return (
        *packages,
        Directory(_APP, 0o755),
        Directory(RULES_MEMORY, 0o750, RULES_USER, USER, data=True),
        # the user who writes requests can neither list nor read them
        Directory(REQUESTS, 0o1730, "root", RULES_USER),
        File(RULES_LOG, None, 0o660, "root", RULES_USER),
        settings,
        *app,
        service,
        *carrier,
        Service(
            _SERVICE,
            restart_on=(settings.id, *(file.id for file in app), *shared, service.id),
        ),
        Service(_PATH, restart_on=(ResourceId("file", f"{UNIT_DIRECTORY}/{_PATH}"),)),
    )


@cache
def _list_app_files() -> tuple[File, ...]:
    """Return the program, which is the same at every site."""
    return tuple(
        File(f"{_APP}/{path.name}", read_file(f"rules/{path.name}"), check="python")
        for path in sorted((TEMPLATES / "rules").glob("*.py"))
    )


def replay(context: Context) -> dict[str, object]:
    """Return the settings of the rules, and the jails that count what they write."""
    own = context.get_settings("detection", DetectionSettings)
    jails = [
        {
            "name": rule.jail,
            "detection": rule.detection,
            "rule": rule.name,
            **rule.in_fail2ban._asdict(),
            "factor": rule.factor if rule.grows else 1,
            "longest": own.detection_increment_max,
            "ignored": sorted({*list_ignored(context), *rule.ignore}),
        }
        for rule in list_rules(own)
    ]
    return {"rules": json.loads(_describe_settings(context)), "jails": jails}


def _describe_settings(context: Context) -> str:
    own = context.get_settings("detection", DetectionSettings)
    database = own.detection_asn_database
    catalogue = {each.name: each.events for each in list_enabled(own)}
    people = {
        "trap_users": sorted({*read_trap_users(), *own.detection_trap_users}),
        "known_users": sorted(own.detection_known_users),
        "trust_days": own.detection_trust_days,
        "trust_sources": own.detection_trust_sources,
        "shield": {"mode": shield.find_mode(context), "spared": shield.list_spared(context)},
        **({} if own.detection_success_events else {"logins": False}),
        **({"asn_database": database} if database else {}),
        **({"looked_up": LOOKED_UP} if list_looked_up(context) else {}),
        **({"shares": True} if list_groups(context) or abuseipdb.is_on(context) else {}),
    }
    accounts = {name: (each.accounts, each.no_traps) for name, each in catalogue.items()}
    return describe_rules(list_rules(own), accounts, people)


def _render_units(context: Context) -> list[File]:
    logs = units.compute_log_limit(context.get_settings("receiver", units.Settings))
    values = {
        "user": RULES_USER,
        "group": USER,
        "app_directory": APP_DIRECTORY,
        "log_directory": LOG_DIRECTORY,
        "memory": Path(RULES_MEMORY).name,
        "requests": REQUESTS,
        "spool": SPOOL,
        "events_log": EVENTS_LOG,
        "etc": ETC,
        "settings": RULES_SETTINGS,
        # what the unit of root has no use for
        "memories": (MEMORY, RULES_MEMORY, WATCH_MEMORY),
        "file_size": units.compute_file_limit(logs),
    }
    return [
        File(
            f"{UNIT_DIRECTORY}/{name}",
            render(template, **values),
            check="systemd-unit",
        )
        for name, template in (
            (_SERVICE, "rules/rules.service.j2"),
            (_REQUESTS_SERVICE, "rules/requests.service.j2"),
            (_PATH, "rules/requests.path.j2"),
        )
    ]
