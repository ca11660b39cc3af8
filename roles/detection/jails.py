"""fail2ban with our filter, action and jails: a part of the role `detection`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from banstitch_shared.ban_file import find_ban_file
from banstitch_shared.tokens import VERIFY

from provision.desired.context import Context
from provision.desired.host_paths import (
    AUDIT,
    EVENTS_LOG,
    EVIDENCE,
    REJECTED,
    RULES_LOG,
    RULES_USER,
    SPOOL,
    USER,
)
from provision.desired.templates import read_file, render
from provision.linux.agent.protocol.ids import ResourceId
from provision.linux.kinds.directory import Directory
from provision.linux.kinds.file import File
from provision.linux.kinds.jail import Jail
from provision.linux.kinds.package import Package
from provision.linux.kinds.resource import Resource
from provision.linux.kinds.service import Service
from provision.linux.kinds.user import User
from roles import shared_modules
from roles.detection.rules import Rule
from roles.receiver import limits, units

_ACTIONS = "/etc/fail2ban/action.d"
_FILTER = "/etc/fail2ban/filter.d/banstitch.conf"
_JAIL = "/etc/fail2ban/jail.d/banstitch.conf"
_SSHD = "/etc/fail2ban/jail.d/banstitch-sshd.conf"
# In the order of installation: the action comes last, so that every module that it loads already exists.
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
_MEMORY = "/etc/fail2ban/fail2ban.d/banstitch.conf"
# Seconds for which fail2ban remembers an offender beyond the longest ban.
_REMEMBERED = 7 * 86400


class Ignored(NamedTuple):
    """The addresses and networks that no jail bans, and a file with more of them; "" for none."""

    networks: Sequence[str]
    looked_up: str = ""


def list_resources(
    context: Context, rules: Sequence[Rule], ignored: Ignored, longest: int
) -> tuple[Resource, ...]:
    """Return fail2ban, running and holding a jail for each rule. ``longest``: seconds of the longest ban."""
    shared = _describe_places(context)
    action = [
        *shared_modules.deploy_modules(_ACTIONS),
        *(_build_module(name, shared) for name in _ACTION),
    ]
    return (
        Package("fail2ban"),
        Package("python3-systemd"),
        User(USER),
        # the group of the rule log, which fail2ban rotates
        User(RULES_USER),
        Directory(SPOOL, 0o750, "root", USER, data=True),
        shared_modules.deploy_package(_ACTIONS),
        _render_filter(rules, shared),
        *action,
        *_render_configuration(_render_jails(context, rules, ignored, longest, shared), longest),
        Service(
            "fail2ban.service",
            restart_on=tuple(file.id for file in action),
            reload_on=tuple(ResourceId("file", path) for path in (_FILTER, _JAIL, _SSHD, _MEMORY)),
            reload_command=("fail2ban-client", "reload"),
        ),
        *(Jail(rule.jail, *rule.in_fail2ban, find_ban_file(SPOOL, rule.jail)) for rule in rules),
    )


def _render_filter(rules: Sequence[Rule], shared: Mapping[str, Any]) -> File:
    kinds = sorted({rule.kind for rule in rules})
    return File(
        _FILTER, render("detection/filter.conf.j2", kinds=kinds, **shared), check="fail2ban"
    )


def _render_configuration(jails: str, longest: int) -> tuple[File, File, File]:
    """Return fail2ban's own settings, our jails, and a working jail for sshd where its log is missing."""
    memory = render("detection/fail2ban.conf.j2", seconds=longest + _REMEMBERED)
    sshd = render("detection/sshd.conf.j2")
    return (
        File(_MEMORY, memory, check="fail2ban"),
        File(_JAIL, jails, check="fail2ban"),
        File(_SSHD, sshd, check="fail2ban", when="sshd_jail_without_log"),
    )


def _describe_places(context: Context) -> dict[str, object]:
    logs = units.compute_log_limit(context.get_ban_host_settings("receiver", units.Settings))
    return {
        "rules_log": RULES_LOG,
        "spool": SPOOL,
        "audit": AUDIT,
        "evidence": EVIDENCE,
        "group": USER,
        "largest": units.compute_file_limit(logs),
        "limits": {
            EVENTS_LOG: logs,
            RULES_LOG: logs,
            EVIDENCE: units.EVIDENCE_SIZE,
            REJECTED: units.REJECTED_SIZE,
        },
        "groups": {RULES_LOG: RULES_USER},
    }


def _render_jails(
    context: Context,
    rules: Sequence[Rule],
    ignored: Ignored,
    longest: int,
    shared: Mapping[str, Any],
) -> str:
    return render(
        "detection/jail.conf.j2",
        rules=rules,
        ignore=list(ignored.networks),
        looked_up=ignored.looked_up,
        longest=longest,
        ban_limit=context.get_settings("receiver", limits.Settings).receiver_ban_limit,
        posters=[*(fortigate.name for fortigate in context.site.fortigates), VERIFY],
        **shared,
    )


def _build_module(template: str, shared: Mapping[str, Any]) -> File:
    """Return a module of the action: rendered if it is a template, otherwise unchanged."""
    name = template.rpartition("/")[2].removesuffix(".j2")
    text = render(template, **shared) if template.endswith(".j2") else read_file(template)
    return File(f"{_ACTIONS}/{name}", text, check="python")
