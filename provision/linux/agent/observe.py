"""Answer for every resource at once, changing nothing.

The request names what the controller wants to know about; objects of the manifest are added, so that
what an older inventory made is seen too. The answer is plain JSON, see :func:`observe`.
"""

from __future__ import annotations

import base64
import json
import os
import pwd
import shutil
import stat
import time
from collections.abc import Sequence
from typing import Any

from provision.linux.agent import manifest as memory
from provision.linux.agent import ports
from provision.linux.agent.apt import held_lock
from provision.linux.agent.data import foreign
from provision.linux.agent.digest import digest
from provision.linux.agent.fail2ban import jail_state, sshd_jail_without_log
from provision.linux.agent.host import group_name, owner_name, read, run
from provision.linux.agent.http_client import Answer, build_opener, fetch
from provision.linux.agent.pem import certificate
from provision.linux.agent.processes import printable
from provision.linux.agent.spool import count_live_bans

# Bytes. A larger file is answered for by its size only; none of ours comes near.
LARGEST = 1_000_000

# Kinds of objects whose content never leaves the host: there is a key in it.
SEALED = ("authority", "certificate")

Request = dict[str, Any]


def observe(request: Request) -> dict[str, Any]:
    """The state of everything that ``request`` names.

    Request: ``paths``, ``logs`` (those of them whose content nobody needs),
    ``sealed`` ({path of key and certificate: path of the CA or ""}), ``packages``,
    ``users``, ``services`` ([{name, answers, certificate, listens}]), ``jails``,
    ``tokens`` (a path or ""),
    ``spools`` (folders with the bans of jails).
    Answer: ``facts``, ``paths`` {path: {type, mode, owner, group, content} or null},
    ``packages`` {name: installed}, ``users`` {name: exists}, ``services`` {name: {...}},
    ``jails`` {name: {...} or null}, ``bans`` {jail: how many are live, or null},
    ``tokens`` {name: secret} or null,
    ``certificates`` {path: see pem.py}, ``foreign`` {directory: see data.py}, ``manifest`` or null,
    ``package_lock`` (who keeps apt waiting, if anything is to be installed), ``clock``,
    ``digest`` (see digest.py).
    """
    manifest = memory.load() or memory.begun()
    paths, closed, users = _named(request, manifest)
    names = sorted(set(request["packages"]) | set((manifest or {"packages": []})["packages"]))
    found: dict[str, Any] = {
        "facts": facts(),
        "paths": {path: _shown(path_state(path), path in closed) for path in sorted(paths)},
        "packages": dict.fromkeys(names, False) | dict.fromkeys(installed(names), True),
        "users": {name: user_exists(name) for name in sorted(users)},
        "services": {
            service["name"]: service_state(
                service["name"], service["answers"], service["certificate"], service["listens"]
            )
            for service in request["services"]
        },
        "jails": {name: jail_state(name) for name in request["jails"]},
        "bans": count_live_bans(request["spools"]),
        "tokens": tokens(request["tokens"]),
        "certificates": {
            path: certificate(path, authority) for path, authority in request["sealed"].items()
        },
        "foreign": foreign(manifest) if manifest else {},
        "manifest": summary(manifest) if manifest else None,
    }
    found["package_lock"] = "" if all(found["packages"].values()) else held_lock()
    found["clock"] = time.time()
    return {**found, "digest": digest(found)}


def _named(
    request: Request, manifest: memory.Manifest | None
) -> tuple[set[str], set[str], set[str]]:
    """The paths, those of them whose content stays here, and the users that the two name."""
    closed = {*request["sealed"], *request["logs"]}
    paths, users = set(request["paths"]) | closed, set(request["users"])
    for entry in (manifest or {"objects": []})["objects"]:
        kind, _, name = entry["id"].partition(":")
        if kind in ("file", "directory", "tokens", "digests", *SEALED):
            paths.add(name)
            closed |= {name} if kind in SEALED or entry["data"] else set()
        elif kind == "user":
            users.add(name)
    return paths, closed, users


def summary(manifest: memory.Manifest) -> dict[str, Any]:
    """Return what the controller needs of the manifest.

    The copies of what stood there before never leave the host.
    """
    objects = [
        {"id": entry["id"], "restores": _restores(entry), "data": entry["data"]}
        for entry in manifest["objects"]
    ]
    return {
        **{key: manifest[key] for key in ("version", "key", "packages", "owed", "fortigates")},
        "objects": objects,
        "services": list(manifest["services"]),
    }


def _restores(entry: dict[str, Any]) -> bool:
    """Return whether a foreign object stood there before."""
    before = entry["before"]
    return before is not None and (
        not entry["id"].startswith("user:") or bool(before.get("theirs"))
    )


def facts() -> dict[str, Any]:
    """Return the facts about the host that the planner needs beside its objects."""
    release = dict(
        line.split("=", 1)
        for line in (read("/etc/os-release") or b"").decode("utf-8", "replace").splitlines()
        if "=" in line
    )
    return {
        "system": printable(release.get("PRETTY_NAME", "").strip("\"'"))[:100],
        "systemd": os.path.isdir("/run/systemd/system"),
        "apt": shutil.which("apt-get") is not None,
        "sshd_jail_without_log": sshd_jail_without_log(release.get("VERSION_ID", "").strip('"')),
    }


def path_state(path: str) -> dict[str, Any] | None:
    """Type, mode, owner, group and, for a file of reasonable size, content in base64."""
    try:
        status = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    state: dict[str, Any] = {
        "type": kind_of(status.st_mode),
        "mode": stat.S_IMODE(status.st_mode),
        "owner": owner_name(status.st_uid),
        "group": group_name(status.st_gid),
        "content": None,
    }
    if stat.S_ISREG(status.st_mode) and status.st_size <= LARGEST:
        state["content"] = base64.b64encode(_content(path, status)).decode()
    return state


def _content(path: str, seen: os.stat_result) -> bytes:
    """Of the file that was seen; nothing where its folder's owner put a link there meanwhile."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(descriptor, "rb") as file:
            return file.read(LARGEST) if os.path.samestat(os.fstat(file.fileno()), seen) else b""
    except OSError:
        return b""


def _shown(state: dict[str, Any] | None, closed: bool) -> dict[str, Any] | None:
    return dict(state, content=None) if state and closed else state


def kind_of(mode: int) -> str:
    """The word for a type of file."""
    if stat.S_ISREG(mode):
        return "file"
    if stat.S_ISDIR(mode):
        return "directory"
    return "link" if stat.S_ISLNK(mode) else "special"


def installed(names: Sequence[str]) -> list[str]:
    """Those of ``names`` that dpkg has installed and configured."""
    if not names:
        return []
    answer = run(["dpkg-query", "-W", "-f", "${Package} ${db:Status-Abbrev}\n", *names])
    rows = (line.split() for line in answer.output.splitlines())
    return [row[0] for row in rows if len(row) == 2 and row[1] == "ii"]


def user_exists(name: str) -> bool:
    """Return whether the system knows this user."""
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


def service_state(
    name: str, answers: str, certificate: str = "", listens: str = ""
) -> dict[str, Any]:
    """Return whether a unit exists, is enabled, is active, and answers if it has an address.

    ``certificate``: the file of the one with which it must answer there. ``listens``: where a socket will
    listen; ``taken_by`` says which other program does.
    """
    properties = "LoadState,ActiveState,UnitFileState,NeedDaemonReload,Listen"
    shown = run(["systemctl", "show", name, "-p", properties])
    values = dict(line.split("=", 1) for line in shown.output.splitlines() if "=" in line)
    active = values.get("ActiveState") == "active"
    own = ports.listens(values.get("Listen", "")) if active else []
    return {
        "exists": values.get("LoadState") == "loaded",
        "enabled": values.get("UnitFileState") == "enabled",
        "active": active,
        "stale": values.get("NeedDaemonReload") == "yes",
        "answers": (_ask(answers, certificate).status == 200) if active and answers else active,
        "taken_by": ports.taken(listens, name, own) if listens else "",
    }


def _ask(url: str, certificate: str) -> Answer:
    return fetch(build_opener(certificate), url, timeout=5)


def wait_for_answer(url: str, seconds: float, certificate: str = "") -> str:
    """Empty once ``url`` answers 200; what it said last when it did not within ``seconds``."""
    deadline = time.monotonic() + seconds
    while True:
        status, body = _ask(url, certificate)
        if status == 200:
            return ""
        if time.monotonic() > deadline:
            return "{}: {}".format(status or "no answer", body.strip()[:500])
        time.sleep(0.1)


def tokens(path: str) -> dict[str, str] | None:
    """The secrets in a tokens file; None where there is none or it cannot be read as one."""
    raw = read(path) if path else None
    try:
        found = json.loads(raw) if raw is not None else None
    except ValueError:
        return None
    if isinstance(found, dict) and all(isinstance(secret, str) for secret in found.values()):
        return found
    return None
