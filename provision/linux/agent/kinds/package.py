"""Packages of the distribution, installed and removed without touching any others."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

from provision.linux.agent import memory
from provision.linux.agent.apt import Apt, reasons
from provision.linux.agent.host import HostError, remove, run
from provision.linux.agent.journal import Journal
from provision.linux.agent.kinds.kind import Kind
from provision.linux.agent.protocol.steps import Install, PurgePackages

# The directory in which systemd records when a persistent timer last ran.
STAMPS = "/var/lib/systemd/timers"
REMEDY = (
    "check /etc/apt/sources.list, /etc/apt/sources.list.d, the mirror and the proxy; then run again"
)


def make(step: Install, journal: Journal) -> None:
    """Install packages, after recording those that come with them."""
    apt = Apt()
    try:
        coming = fetch(step.packages, apt)
        journal.manifest.packages = sorted({*journal.manifest.packages, *coming})
        memory.save(journal.manifest)
        journal.on_failure(lambda: purge(list_removable(list_known(coming))))
        install(step.packages, apt)
    finally:
        journal.notes.extend(apt.notes)


def take_back(step: PurgePackages, journal: Journal) -> None:
    """Remove the packages that were installed for us."""
    purge(list_removable(list_known(journal.manifest.packages)))
    journal.manifest.packages = []
    memory.save(journal.manifest)


def fetch(names: Sequence[str], apt: Apt) -> list[str]:
    """Download what installing ``names`` takes, and return every package that comes along.

    Nothing is installed yet, so whatever stands in the way is found while the host is as it was. Lists of
    packages that are missing or out of date are fetched once. A package that is only upgraded was there
    before and does not count.

    Raises:
        HostError: with the reasons of apt.
    """
    update = ""
    ran = _try(names, apt)
    if ran:
        # one of several sources may fail; the next attempt shows whether it matters
        update = apt.get("update").output
        ran = _try(names, apt)
    if ran:
        what = "apt cannot install {}:\n{}".format(" ".join(names), reasons(update, ran))
        raise HostError(f"{what}\n{REMEDY}")
    coming = apt.get("-s", "install", *names).output
    return sorted(set(re.findall(r"^Inst (\S+) \(", coming, re.M)))


def _try(names: Sequence[str], apt: Apt) -> str:
    """Download ``names``, and return apt's error; empty if it succeeded."""
    ran = apt.get("--download-only", "install", *names)
    return ran.output if ran.status else ""


def install(names: Sequence[str], apt: Apt) -> None:
    """Install ``names``, which :func:`fetch` has downloaded."""
    ran = apt.get("install", *names)
    if ran.status:
        raise HostError("apt cannot install {}:\n{}".format(" ".join(names), reasons(ran.output)))


def list_known(names: Sequence[str]) -> list[str]:
    """Return the ``names`` that dpkg still knows; the others need no purge."""
    return [name for name in names if run(["dpkg-query", "-W", name]).status == 0]


def list_removable(ours: Sequence[str]) -> list[str]:
    """Return the packages of ``ours`` whose removal removes no package of somebody else.

    What an operator installed since then may need one of them: such a package stays.
    """
    left = sorted(set(ours))
    while left:
        ran = Apt().get("-s", "purge", *left)
        if ran.status:
            raise HostError(f"apt cannot remove {' '.join(left)}:\n{reasons(ran.output)}")
        foreign = set(re.findall(r"^(?:Purg|Remv) (\S+)", ran.output, re.M)) - set(left)
        if not foreign:
            return left
        needed = [name for name in left if _takes(name, foreign)]
        if not needed:
            return []
        left = [name for name in left if name not in needed]
    return []


def _takes(name: str, foreign: set[str]) -> bool:
    ran = Apt().get("-s", "purge", name)
    return bool(set(re.findall(r"^(?:Purg|Remv) (\S+)", ran.output, re.M)) & foreign)


def purge(names: Sequence[str]) -> None:
    """Remove ``names`` with their configuration, and what systemd kept for their timers."""
    if not names:
        return
    listed = run(["dpkg-query", "-L", *names]).output
    timers = re.findall(r"/systemd/system/([^/\n]+\.timer)$", listed, re.M)
    ran = Apt().get("purge", *names)
    if ran.status:
        raise HostError(f"apt cannot remove {' '.join(names)}:\n{reasons(ran.output)}")
    for timer in timers:
        remove(os.path.join(STAMPS, "stamp-" + timer))
    if os.path.isdir(STAMPS) and not os.listdir(STAMPS):
        os.rmdir(STAMPS)


KIND = Kind(steps={Install: make, PurgePackages: take_back})
