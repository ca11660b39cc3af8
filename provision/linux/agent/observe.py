"""Observe all resources in one pass; change nothing.

The request names what the controller wants to know about; objects of the manifest are added, so that
what an older inventory made is seen too.
"""

from __future__ import annotations

import os
import time
from dataclasses import replace

from provision.linux.agent import memory
from provision.linux.agent.digest import compute_digest
from provision.linux.agent.fail2ban import read_jails
from provision.linux.agent.foreign import list_foreign
from provision.linux.agent.host import has_group, has_user, read
from provision.linux.agent.packages import find_held_lock, list_installed
from provision.linux.agent.paths import look_at
from provision.linux.agent.pem import read_certificate
from provision.linux.agent.processes import make_printable
from provision.linux.agent.protocol.bounds import PATH_KINDS, SEALED_KINDS
from provision.linux.agent.protocol.observe import Observe
from provision.linux.agent.protocol.state import (
    Facts,
    ManifestObject,
    ManifestSummary,
    Observed,
    PathState,
)
from provision.linux.agent.shield_state import read_shield_state
from provision.linux.agent.spool import count_live_bans
from provision.linux.agent.sshd_jail import lacks_its_log
from provision.linux.agent.tokens_file import read_tokens
from provision.linux.agent.units import read_states

# The folder of the service banstitch-rules.
RULES_MEMORY = "/var/lib/banstitch-rules"


def observe_host(request: Observe) -> Observed:
    """Return the state of everything that ``request`` and the manifest name."""
    manifest = memory.load() or memory.begun()
    packages = _observe_packages(request, manifest)
    paths, contents = _observe_paths(request, manifest)
    observed = Observed(
        facts=read_facts(),
        paths=paths,
        packages=packages,
        users=_observe_users(request, manifest),
        services=read_states(request.services),
        jails=read_jails(request.jails),
        bans=count_live_bans(request.spools),
        tokens=read_tokens(request.tokens),
        certificates={path: read_certificate(path, ca) for path, ca in request.sealed.items()},
        foreign=list_foreign(manifest) if manifest else {},
        manifest=summarize(manifest) if manifest else None,
        package_lock="" if all(packages.values()) else find_held_lock(),
        clock=time.time(),
        digest="",
        as_desired=[path for path, each in request.desired.items() if contents.get(path) == each],
        shield=read_shield_state(RULES_MEMORY),
    )
    return replace(observed, digest=compute_digest(observed, contents))


def _observe_paths(
    request: Observe, manifest: memory.Manifest | None
) -> tuple[dict[str, PathState | None], dict[str, str]]:
    """Return the state of each path, and the SHA-256 of each content that was read.

    Sealed files, logs and data are not read. A content that is the desired one is left out of the state.
    """
    closed = {*request.sealed, *request.logs}
    paths = {*request.paths, *closed}
    for entry in manifest.objects if manifest else ():
        if entry.id.kind in PATH_KINDS:
            paths.add(entry.id.name)
            closed |= {entry.id.name} if entry.id.kind in SEALED_KINDS or entry.data else set()
    states, contents = {}, {}
    for path in sorted(paths):
        seen = look_at(path, path not in closed)
        digest = seen.compute_digest()
        states[path] = seen.to_state(digest != request.desired.get(path))
        if digest:
            contents[path] = digest
    return states, contents


def _observe_packages(request: Observe, manifest: memory.Manifest | None) -> dict[str, bool]:
    """Return whether each package is installed."""
    names = sorted({*request.packages, *(manifest.packages if manifest else ())})
    return dict.fromkeys(names, False) | dict.fromkeys(list_installed(names), True)


def _observe_users(request: Observe, manifest: memory.Manifest | None) -> dict[str, bool]:
    """Return whether each user exists, and the group of that name."""
    ours = {e.id.name for e in (manifest.objects if manifest else ()) if e.id.kind == "user"}
    names = sorted({*request.users, *ours})
    return {name: has_user(name) and has_group(name) for name in names}


def observe_alone(request: Observe) -> Observed:
    """Return the state of the host while no run changes it."""
    with memory.Lock(exclusive=False):
        return observe_host(request)


def summarize(manifest: memory.Manifest) -> ManifestSummary:
    """Return the part of the manifest that the controller needs.

    The copies of earlier files never leave the host.
    """
    return ManifestSummary(
        version=1,
        key=manifest.key,
        objects=[
            ManifestObject(entry.id, _restores(entry), entry.data) for entry in manifest.objects
        ],
        packages=manifest.packages,
        services=list(manifest.services),
        owed=manifest.owed,
        fortigates=manifest.fortigates,
    )


def _restores(entry: memory.Entry) -> bool:
    """Return whether there was a foreign object before."""
    if entry.before is None:
        return False
    return entry.id.kind != "user" or bool(entry.before.get("theirs"))


def read_facts() -> Facts:
    """Return the facts about the host that the planner needs beside its objects."""
    release = dict(
        line.split("=", 1)
        for line in (read("/etc/os-release") or b"").decode("utf-8", "replace").splitlines()
        if "=" in line
    )
    return Facts(
        system=make_printable(release.get("PRETTY_NAME", "").strip("\"'"))[:100],
        systemd=os.path.isdir("/run/systemd/system"),
        apt=any(os.access(os.path.join(each, "apt-get"), os.X_OK) for each in os.get_exec_path()),
        sshd_jail_without_log=lacks_its_log(release.get("VERSION_ID", "").strip('"')),
    )
