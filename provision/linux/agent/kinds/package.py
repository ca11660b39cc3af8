"""Packages of the distribution, installed and removed without touching any others."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from provision.linux.agent import bytecode, host, memory
from provision.linux.agent.apt import Apt, reasons
from provision.linux.agent.beside import Beside
from provision.linux.agent.coming import record_coming
from provision.linux.agent.host import HostError, run
from provision.linux.agent.journal import Journal
from provision.linux.agent.kinds.kind import Kind
from provision.linux.agent.protocol.steps import Install, PurgePackages

# The directory in which systemd records when a persistent timer last ran.
STAMPS = "/var/lib/systemd/timers"
# apt's words if dpkg or a hook failed: everything was downloaded by then.
_STARTED = "Sub-process "
REMEDY = (
    "check /etc/apt/sources.list, /etc/apt/sources.list.d, the mirror and the proxy; then run again"
)


def make(step: Install, journal: Journal) -> None:
    """Install packages."""
    with installing(step, journal):
        pass


@contextmanager
def installing(step: Install, journal: Journal) -> Iterator[Beside]:
    """Install packages during the block, and wait for apt at its end.

    apt records those that come with them before it installs the first. What runs beside the block, apt and a
    check by fail2ban, does not touch the journal.
    """
    apt = Apt()
    # from here on the file has only what comes now
    memory.save(journal.manifest)
    host.remove(memory.coming_path())
    journal.on_failure(_undo)
    known = bytecode.list_packages()
    work = Beside(lambda _: install(step.packages, apt))
    try:
        yield work
        bytecode.compile_new(known, work.ended)
    finally:
        work.wait()
        journal.notes.extend(apt.notes)
        journal.manifest.packages = sorted({*journal.manifest.packages, *memory.list_coming()})
    work.check()
    memory.save(journal.manifest)


def _undo() -> None:
    """Remove the packages that apt has recorded, and the record."""
    purge(list_removable(list_known(memory.list_coming())))
    host.remove(memory.coming_path())


def take_back(step: PurgePackages, journal: Journal) -> None:
    """Remove the packages that were installed for us."""
    purge(list_removable(list_known(journal.manifest.packages)))
    host.remove(memory.coming_path())
    journal.manifest.packages = []
    memory.save(journal.manifest)


def install(names: Sequence[str], apt: Apt) -> None:
    """Install ``names``, all of which are downloaded before the first is unpacked.

    Whatever stands in the way is thus found while the host is as it was. Lists of packages that are missing
    or out of date are fetched once.

    Raises:
        HostError: with the reasons of apt.
    """
    wanted = (*record_coming(memory.coming_path()), "install", *names)
    update, ran = "", apt.get(*wanted)
    if ran.status and _STARTED not in ran.output:
        # one of several sources may fail; the next attempt shows whether it matters
        update = apt.get("update").output
        ran = apt.get(*wanted)
    if ran.status:
        what = "apt cannot install {}:\n{}".format(" ".join(names), reasons(update, ran.output))
        raise HostError(what if _STARTED in ran.output else f"{what}\n{REMEDY}")


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
    bytecode.forget(listed.splitlines())
    for timer in timers:
        host.remove(os.path.join(STAMPS, "stamp-" + timer))
    if os.path.isdir(STAMPS) and not os.listdir(STAMPS):
        os.rmdir(STAMPS)


KIND = Kind(steps={Install: make, PurgePackages: take_back})
