"""Run apt-get and dpkg, wait for other package managers, and find the reasons for an error."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence

from provision.linux.agent.host import PROGRAM_TIMEOUT, HostError, Ran, run, tail
from provision.linux.agent.processes import describe

APT = (
    "apt-get",
    "-y",
    "-q",
    "--no-install-recommends",
    # how long to wait is decided here: apt-get itself waits for some of its locks only
    "-oDPkg::Lock::Timeout=0",
    "-oDpkg::Options::=--force-confdef",
    "-oDpkg::Options::=--force-confold",
)
# Seconds in total that one step waits for locks. unattended-upgrades takes minutes on a host's first boot.
PATIENCE = 600
PAUSE = 2
# Seconds for one run, which downloads and installs: dpkg must not be killed because a line was slow.
TIMEOUT = 2 * PROGRAM_TIMEOUT
_HELD = re.compile(
    r"Could not get lock (?P<path>/\S+?)\.? |(?P<dpkg>dpkg \S+ lock) (?:was|is) locked by another"
)
_HOLDER = re.compile(r"process (?:with pid )?(\d+)")
_REASON = re.compile(r"[EW]: |Err:\d+ |dpkg: error|The following packages have unmet")
_LOGIN = re.compile(r"//[^/\s@]+@")
MOST_REASONS = 12
LONGEST_REASON = 300


class Apt:
    """Runs apt-get and dpkg; ``notes`` lists what it waited for, and for how long."""

    def __init__(self, patience: float | None = None) -> None:
        self.notes: list[str] = []
        self._patience = self._left = PATIENCE if patience is None else patience

    def get(self, *arguments: str) -> Ran:
        """Run apt-get; first complete an installation by somebody else that was interrupted."""
        ran = self._patiently([*APT, *arguments])
        if ran.status and "dpkg was interrupted" in ran.output:
            done = self._patiently(
                ["dpkg", "--force-confdef", "--force-confold", "--configure", "-a"]
            )
            if done.status:
                raise HostError(
                    "an earlier installation was interrupted, and `dpkg --configure -a` fails:\n"
                    + reasons(done.output)
                )
            self.notes.append(
                "`dpkg --configure -a` completed an installation that was interrupted"
            )
            ran = self._patiently([*APT, *arguments])
        return ran

    def _patiently(self, argv: Sequence[str]) -> Ran:
        """Run ``argv`` again until no lock prevents it."""
        began, waited, first = time.monotonic(), 0.0, ""
        while True:
            ran = run(argv, TIMEOUT, NEEDRESTART_MODE="l")
            held = lock_in_the_way(ran)
            if not held:
                break
            if waited > self._left:
                raise HostError(
                    f"{held}; waited {self._patience:.0f} s for it\n"
                    "wait for that program to end, or end it, then run again"
                )
            first = first or held
            time.sleep(PAUSE)
            waited = time.monotonic() - began
        if first:
            self._left -= waited
            self.notes.append(f"waited {waited:.0f} s: {first}")
        return ran


def lock_in_the_way(ran: Ran) -> str:
    """Return the lock that prevented a program, and its holder; empty if none did."""
    found = _HELD.search(ran.output) if ran.status else None
    if found is None:
        return ""
    holder = _HOLDER.search(ran.output, found.start())
    who = describe(int(holder[1])) if holder else "another program"
    return "{} is held by {}".format(found["path"] or "the " + found["dpkg"], who)


def reasons(*outputs: str) -> str:
    """Return the lines in which apt and dpkg give the error; if there are none, the last lines."""
    found: list[str] = []
    for output in outputs:
        of_error = False
        for line in output.splitlines():
            of_error = bool(_REASON.match(line)) or (of_error and line.startswith(" "))
            if of_error:
                found.append(_LOGIN.sub("//", line)[:LONGEST_REASON])
    found = list(dict.fromkeys(found))
    return "\n".join(found[:MOST_REASONS]) or _LOGIN.sub("//", tail(outputs[-1]))
