"""Compare what a ban host should hold with what it holds: a pure function from the two to a plan.

The plan says every change in words and as a diff for the operator, and as steps for the agent.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from provision.errors import Conflict, Failed
from provision.linux import certificates
from provision.linux.attributes import attribute_diff, attributes
from provision.linux.certificates import sealed
from provision.linux.draft import Draft, LinuxPlan, Observed, Step, text_of
from provision.linux.removal import UNITS, ended, removal
from provision.linux.resources import (
    FAIL2BAN,
    Authority,
    Certificate,
    Directory,
    File,
    Jail,
    Package,
    Resource,
    Service,
    Tokens,
    User,
)
from provision.plan import Change, unified

# After the name of a secret that a rotation under way still needs; see agent/rotation.py.
OLD = "#old"
# Kinds of objects that are a file.
FILES = ("file:", "tokens:", "authority:", "certificate:")
NO_LONGER = "no longer in the inventory"


def request(desired: Sequence[Resource]) -> dict[str, Any]:
    """What the agent must look at to answer for all of ``desired``."""

    def of(*kinds: type) -> list[Any]:
        return [resource for resource in desired if isinstance(resource, kinds)]

    return {
        "do": "observe",
        "paths": [resource.path for resource in of(File, Directory, Tokens)],
        "packages": [resource.name for resource in of(Package)],
        "users": [resource.name for resource in of(User)],
        "services": [
            {"name": s.name, "answers": s.answers, "certificate": s.certificate}
            for s in of(Service)
        ],
        "sealed": sealed(desired),
        "jails": [resource.name for resource in of(Jail)],
        # what root alone writes there can be believed
        "spools": [d.path for d in of(Directory) if d.data and d.owner == "root"],
        "tokens": next((resource.path for resource in of(Tokens)), ""),
    }


def untouched(desired: Sequence[Resource]) -> dict[str, Any]:
    """What is known of a host on which the agent cannot run yet: that nothing of ours is there."""
    asked = request(desired)
    nothing = {"exists": False, "enabled": False, "active": False, "stale": False, "answers": False}
    return {
        "facts": {"sshd_jail_without_log": True},
        "paths": dict.fromkeys([*asked["paths"], *asked["sealed"]]),
        "packages": dict.fromkeys(asked["packages"], False),
        "users": dict.fromkeys(asked["users"], False),
        "services": {service["name"]: nothing for service in asked["services"]},
        "jails": dict.fromkeys(asked["jails"]),
        "bans": {},
        "tokens": None,
        "certificates": dict.fromkeys(asked["sealed"]),
        "manifest": None,
    }


def with_python(plan: LinuxPlan) -> LinuxPlan:
    """The plan for a host that gets python3 first, so that the agent can run."""
    return replace(plan, changes=(Change("package:python3", "install"), *plan.changes))


def plan(desired: Sequence[Resource], observed: Observed, adopt: bool = False) -> LinuxPlan:
    """The changes that bring ``observed`` to ``desired``, in the order in which they are made.

    Raises:
        Conflict: something that is not ours stands where ours should, and ``adopt`` was not given.
    """
    _need_debian(observed)
    manifest = observed["manifest"] or {}
    draft = Draft(observed, frozenset(o["id"] for o in manifest.get("objects", ())), adopt)
    wanted = [r for r in desired if not (isinstance(r, File) and r.when) or _holds(r, observed)]
    for resource in wanted:
        _PLAN[type(resource)](resource, draft)
    _garbage(wanted, manifest, draft)
    for service in (r for r in wanted if isinstance(r, Service)):
        _service(service, draft, manifest.get("owed", {}))
    jails = [r for r in wanted if isinstance(r, Jail)]
    for jail in jails:
        _jail(jail, draft, [r for r in wanted if isinstance(r, Service)])
    _gone_jails(draft)
    if draft.conflicts:
        raise Conflict(
            "not ours, and in the way: " + "; ".join(draft.conflicts),
            "move it away, or run with --adopt: a copy is kept and comes back at teardown",
        )
    return LinuxPlan(tuple(draft.changes), tuple(draft.warnings), _steps(draft, jails))


def _need_debian(observed: Observed) -> None:
    """Say before anything is changed that a host has no systemd or no apt."""
    lacking = [name for name in ("systemd", "apt") if observed["facts"].get(name) is False]
    if lacking:
        raise Failed(
            f"this host does not run {' and '.join(lacking)}",
            "a ban host is a Debian (11 or later) that was booted with systemd",
        )


def _holds(resource: File, observed: Observed) -> bool:
    return bool(observed["facts"].get(resource.when))


def _package(resource: Package, draft: Draft) -> None:
    if not draft.observed["packages"].get(resource.name):
        draft.packages.append(resource.name)
        draft.change(resource.id, "install")


def _user(resource: User, draft: Draft) -> None:
    if draft.observed["users"].get(resource.name):
        if resource.id in draft.owned:
            return
        draft.claim(resource.id, f"user {resource.name}", "exists")
        draft.change(resource.id, "take over")
    else:
        draft.change(resource.id, "create")
    draft.makes.append({"do": "user", "name": resource.name, "home": resource.home})


def _directory(resource: Directory, draft: Draft) -> None:
    state = draft.observed["paths"].get(resource.path)
    step = {"do": "directory", "data": resource.data, **attributes(resource)}
    if state is None:
        draft.change(resource.id, "create")
        draft.makes.append(step)
        return
    if state["type"] != "directory":
        draft.conflicts.append(f"{resource.path} is a {state['type']}, not a directory")
        return
    diff = attribute_diff(resource, state)
    if diff and not resource.data:
        draft.claim(resource.id, resource.path, "exists with another mode or owner")
    if diff or resource.id not in draft.owned:
        draft.change(resource.id, "update" if diff else "take over", diff)
        draft.makes.append(step)


def _is_file(resource: File | Tokens, state: Mapping[str, Any] | None, draft: Draft) -> bool:
    """Whether a file can be put there: what cannot be restored at teardown is not adopted."""
    if state is None:
        return True
    if state["type"] != "file":
        draft.conflicts.append(f"{resource.path} is a {state['type']}, not a file")
        return False
    replaced = isinstance(resource, Tokens) or resource.content is not None
    if replaced and state["content"] is None and resource.id not in draft.owned:
        draft.conflicts.append(f"{resource.path} is too large to keep a copy of")
        return False
    return True


def _file(resource: File, draft: Draft) -> None:
    state = draft.observed["paths"].get(resource.path)
    if not _is_file(resource, state, draft):
        return
    if resource.content is None:
        _touched(resource, state, draft)
        return
    before = text_of(state)
    differ = attribute_diff(resource, state) if state else ""
    if before == resource.content and not differ and resource.id in draft.owned:
        return
    if state is not None:
        draft.claim(resource.id, resource.path, "exists")
    diff = "\n".join(filter(None, (unified(resource.path, before, resource.content), differ)))
    draft.change(resource.id, "create" if state is None else "update", diff)
    seen = base64.b64decode(state["content"]) if state and state["content"] is not None else None
    draft.files.append(
        {
            **attributes(resource),
            "content": base64.b64encode(resource.content.encode()).decode(),
            "check": resource.check,
            "seen": hashlib.sha256(seen).hexdigest() if seen is not None else "",
        }
    )


def _touched(resource: File, state: Mapping[str, Any] | None, draft: Draft) -> None:
    diff = attribute_diff(resource, state) if state else ""
    if state is not None and not diff and resource.id in draft.owned:
        return
    draft.change(resource.id, "create" if state is None else "update", diff)
    draft.makes.append({"do": "touch", **attributes(resource)})


def _tokens(resource: Tokens, draft: Draft) -> None:
    state = draft.observed["paths"].get(resource.path)
    if not _is_file(resource, state, draft):
        return
    known = draft.observed["tokens"]
    names = sorted(name for name in known or () if not name.endswith(OLD))
    diff = attribute_diff(resource, state) if state else ""
    wanted = sorted(resource.names)
    same = state is not None and known is not None and names == wanted and not diff
    if same and resource.id in draft.owned:
        return
    if state is not None:
        draft.claim(resource.id, resource.path, "exists")
    shown = unified(resource.path, "\n".join(names) if state else None, "\n".join(wanted))
    draft.change(
        resource.id,
        "create" if state is None else "update",
        "\n".join(filter(None, (shown, diff))),
        "the secrets are made on the host and not shown",
    )
    draft.makes.append({"do": "tokens", "names": wanted, **attributes(resource)})


def _garbage(wanted: Iterable[Resource], manifest: Mapping[str, Any], draft: Draft) -> None:
    """What an earlier inventory made and this one no longer names."""
    ids = {resource.id for resource in wanted}
    for entry in reversed(manifest.get("objects", ())):
        if entry["id"] not in ids:
            draft.removes.append(entry["id"])
            if entry["id"].startswith(UNITS):
                draft.change(f"service:{entry['id'].rpartition('/')[2]}", "stop")
            if entry["data"]:
                draft.change(entry["id"], "forget", "", f"{NO_LONGER}; the data stay")
            else:
                removal(entry, draft, NO_LONGER)


def _service(resource: Service, draft: Draft, owed: Mapping[str, str]) -> None:
    state = draft.observed["services"][resource.name]
    changed = {change.id for change in draft.changes}
    step = {
        "do": "service",
        "name": resource.name,
        "verb": "none",
        "reload_command": list(resource.reload_command),
        "answers": resource.answers,
        "certificate": resource.certificate,
    }
    reasons = []
    if changed & set(resource.restart_on) or owed.get(resource.name) == "restart":
        step["verb"] = "restart"
    elif changed & set(resource.reload_on) or owed.get(resource.name) == "reload":
        step["verb"] = "reload"
    if owed.get(resource.name):
        reasons.append("owed since an interrupted run")
    if not state["active"]:
        step["verb"] = "start"
    elif not state["answers"]:
        step["verb"] = "restart"
        reasons.append("it runs but does not answer")
    actions: list[str] = [] if state["enabled"] else ["enable"]
    actions += [] if step["verb"] == "none" else [str(step["verb"])]
    for action in actions:
        draft.change(resource.id, action, reason="; ".join(reasons))
    if actions:
        draft.services.append(step)


def _jail(resource: Jail, draft: Draft, services: Sequence[Service]) -> None:
    """A jail that the running server holds otherwise than it should is loaded anew."""
    state = draft.observed["jails"].get(resource.name)
    want = {
        "max_retry": resource.max_retry,
        "find_time": resource.find_time,
        "ban_time": resource.ban_time,
    }
    if state == want:
        return
    if not any(step["name"] == FAIL2BAN and step["verb"] != "none" for step in draft.services):
        server = next(service for service in services if service.name == FAIL2BAN)
        draft.services = [s for s in draft.services if s["name"] != FAIL2BAN]
        draft.services.append(
            {
                "do": "service",
                "name": FAIL2BAN,
                "verb": "reload",
                "reload_command": list(server.reload_command),
                "answers": server.answers,
                "certificate": server.certificate,
            }
        )
        draft.change(server.id, "reload")
    lines = [f"-{k} {state[k]}\n+{k} {want[k]}" for k in want if state and state[k] != want[k]]
    draft.change(resource.id, "update" if state else "start", "\n".join(lines))


def _gone_jails(draft: Draft) -> None:
    """A jail that leaves its file takes its bans out of the feed: who applies must know before."""
    lines = {line for change in draft.changes for line in change.diff.splitlines()}
    for name, live in draft.observed["bans"].items():
        if f"-[{name}]" not in lines:
            continue
        draft.change(f"jail:{name}", "stop")
        if live != 0:
            draft.warnings.append(
                f"jail {name} goes: its {ended(live)} with it, those by hand as well;"
                " they are back if it is on again before their time is over"
            )


def _steps(draft: Draft, jails: Sequence[Jail]) -> tuple[Step, ...]:
    """The agent's steps: what is needed first comes first, nothing where nothing changes."""
    steps: list[Step] = []
    if draft.packages:
        steps.append({"do": "install", "packages": draft.packages})
    steps += draft.makes
    owed = {
        step["name"]: "restart" if step["verb"] == "start" else step["verb"]
        for step in draft.services
        if step["verb"] != "none"
    }
    if owed:
        steps.append({"do": "owe", "services": owed})
    steps += [
        {"do": "stop-service", "name": identity.rpartition("/")[2]}
        for identity in draft.removes
        if identity.startswith(UNITS)
    ]
    removed_files = [i for i in draft.removes if i.startswith(FILES)]
    if draft.files or removed_files:
        checks = any(i.startswith("file:/etc/fail2ban/") for i in removed_files)
        steps.append(
            {
                "do": "files",
                "files": draft.files,
                "remove": removed_files,
                "fail2ban_check": checks,
            }
        )
    steps += draft.services
    if steps:
        steps += [
            {
                "do": "jail",
                "name": jail.name,
                "max_retry": jail.max_retry,
                "find_time": jail.find_time,
                "ban_time": jail.ban_time,
            }
            for jail in jails
        ]
    rest = [i for i in draft.removes if i not in removed_files]
    if rest:
        steps.append({"do": "take-back", "ids": rest, "purge": False})
    return tuple(steps)


def _later(resource: Service | Jail, draft: Draft) -> None:
    """Planned once all changes that services depend on are known."""


_PLAN: dict[type, Any] = {
    Package: _package,
    User: _user,
    Directory: _directory,
    File: _file,
    Tokens: _tokens,
    Authority: certificates.plan_authority,
    Certificate: certificates.plan_certificate,
    Service: _later,
    Jail: _later,
}
