"""Observe all resources in one pass; change nothing.

The request names what the controller wants to know about; objects of the manifest are added, so that
what an older inventory made is seen too.
"""

from __future__ import annotations

import os
import shutil
import time
from dataclasses import replace
from typing import Any

from provision.linux.agent import memory
from provision.linux.agent.apt import held_lock
from provision.linux.agent.data import list_foreign
from provision.linux.agent.digest import compute_digest
from provision.linux.agent.host import read
from provision.linux.agent.kinds import KINDS
from provision.linux.agent.processes import printable
from provision.linux.agent.protocol.requests import Observe
from provision.linux.agent.protocol.state import Facts, ManifestObject, ManifestSummary, Observed
from provision.linux.agent.shields import read_state
from provision.linux.agent.sshd_jail import lacks_its_log

# The folder of the service banstitch-rules.
RULES_MEMORY = "/var/lib/banstitch-rules"


def observe_host(request: Observe) -> Observed:
    """Return the state of everything that ``request`` and the manifest name."""
    manifest = memory.load() or memory.begun()
    found: dict[str, Any] = {}
    for kind in KINDS:
        found.update(kind.observe(request, manifest))
    observed = Observed(
        facts=read_facts(),
        foreign=list_foreign(manifest) if manifest else {},
        manifest=summarize(manifest) if manifest else None,
        package_lock="" if all(found["packages"].values()) else held_lock(),
        clock=time.time(),
        digest="",
        shield=read_state(RULES_MEMORY),
        **found,
    )
    return replace(observed, digest=compute_digest(observed))


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
        system=printable(release.get("PRETTY_NAME", "").strip("\"'"))[:100],
        systemd=os.path.isdir("/run/systemd/system"),
        apt=shutil.which("apt-get") is not None,
        sshd_jail_without_log=lacks_its_log(release.get("VERSION_ID", "").strip('"')),
    )
