"""Packages of the distribution, installed and removed so that nobody else's are touched."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

from provision.linux.agent.host import HostError, Ran, must, remove, run, tail

APT = (
    "apt-get",
    "-y",
    "-q",
    "--no-install-recommends",
    # another package manager may be at work: wait for it rather than fail
    "-oDPkg::Lock::Timeout=120",
    "-oDpkg::Options::=--force-confdef",
    "-oDpkg::Options::=--force-confold",
)

# Where systemd remembers when a persistent timer last ran.
STAMPS = "/var/lib/systemd/timers"


def would_install(names: Sequence[str]) -> list[str]:
    """Every package that installing ``names`` brings along, by apt's own simulation."""
    ran = _simulate(names)
    if ran.status:
        must(["apt-get", "-q", "update", "-oDPkg::Lock::Timeout=120"])
        ran = _simulate(names)
    if ran.status:
        raise HostError("apt cannot install {}:\n{}".format(" ".join(names), tail(ran.output)))
    return sorted(set(re.findall(r"^Inst (\S+)", ran.output, re.M)))


def _simulate(names: Sequence[str]) -> Ran:
    return run([*APT, "-s", "install", *names])


def install(names: Sequence[str]) -> None:
    """Install ``names``; a list of packages that has gone stale is fetched anew, once."""
    run(["dpkg", "--configure", "-a"])
    ran = run([*APT, "install", *names], NEEDRESTART_MODE="l")
    if ran.status:
        must(["apt-get", "-q", "update", "-oDPkg::Lock::Timeout=120"])
        must([*APT, "install", *names])


def known(names: Sequence[str]) -> list[str]:
    """Those of ``names`` that dpkg still knows: one that is gone needs no purge."""
    return [name for name in names if run(["dpkg-query", "-W", name]).status == 0]


def removable(ours: Sequence[str]) -> list[str]:
    """Those packages of ``ours`` whose removal takes no package of somebody else along.

    What an operator installed since then may need one of them: such a package stays.
    """
    left = sorted(set(ours))
    while left:
        ran = run([*APT, "-s", "purge", *left])
        if ran.status:
            raise HostError("apt cannot remove {}:\n{}".format(" ".join(left), tail(ran.output)))
        foreign = set(re.findall(r"^(?:Purg|Remv) (\S+)", ran.output, re.M)) - set(left)
        if not foreign:
            return left
        needed = [name for name in left if _takes(name, foreign)]
        if not needed:
            return []
        left = [name for name in left if name not in needed]
    return []


def _takes(name: str, foreign: set[str]) -> bool:
    ran = run([*APT, "-s", "purge", name])
    return bool(set(re.findall(r"^(?:Purg|Remv) (\S+)", ran.output, re.M)) & foreign)


def purge(names: Sequence[str]) -> None:
    """Remove ``names`` with their configuration, and what systemd kept for their timers."""
    if not names:
        return
    listed = run(["dpkg-query", "-L", *names]).output
    timers = re.findall(r"/systemd/system/([^/\n]+\.timer)$", listed, re.M)
    must([*APT, "purge", *names])
    for timer in timers:
        remove(os.path.join(STAMPS, "stamp-" + timer))
    if os.path.isdir(STAMPS) and not os.listdir(STAMPS):
        os.rmdir(STAMPS)
