"""Jails of the running fail2ban server, and how many bans they hold."""

from __future__ import annotations

import os
import time

from provision.linux.agent.fail2ban import is_up, read_jail
from provision.linux.agent.host import HostError
from provision.linux.agent.journal import Journal
from provision.linux.agent.kinds import service
from provision.linux.agent.kinds.kind import Kind
from provision.linux.agent.protocol.state import JailState
from provision.linux.agent.protocol.steps import AwaitJail
from provision.linux.agent.units import read_state

# Seconds until fail2ban must have loaded a jail.
PATIENCE = 30
# Seconds between two looks whether fail2ban has ended, which take a program: it starts faster without.
PAUSE = 0.5


def make(step: AwaitJail, journal: Journal) -> None:
    """Wait until the running fail2ban holds the jail with its thresholds, and its ban file exists."""
    wanted = JailState(step.max_retry, step.find_time, step.ban_time)
    began = looked = time.monotonic()
    while True:
        found, now, is_dead = read_jail(step.name), time.monotonic(), False
        if found == wanted and os.path.exists(step.ban_file):
            return
        if found is None and now - looked >= PAUSE:
            is_dead, looked = _is_dead(), now
        if is_dead or now - began > PATIENCE:
            if found == wanted:
                raise HostError(f"jail {step.name} does not write {step.ban_file}\n" + _read_log())
            raise HostError(
                f"jail {step.name} runs with {_format(found)} instead of {_format(wanted)}\n"
                + _read_log()
            )
        time.sleep(0.05)


def _read_log() -> str:
    return service.read_journal("fail2ban")


def _format(state: JailState | None) -> str:
    return str(vars(state) if state else None)


def _is_dead() -> bool:
    return not is_up() and not read_state("fail2ban").active


KIND = Kind(steps={AwaitJail: make})
