"""Leases on a ban host, so that two runs never change the same FortiGate at the same time."""

from __future__ import annotations

import os
import socket
import time
import uuid
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol, TypeVar

from provision.errors import Failed, TargetError
from provision.linux.agent.protocol.answers import Leased, LeaseState
from provision.linux.agent.protocol.observe import Request
from provision.linux.agent.protocol.requests import ReleaseLease, TakeLease
from provision.ssh.login import find_own_name

Answer = TypeVar("Answer")


class Ask(Protocol):
    """Send a request to the agent of a ban host."""

    def __call__(self, request: Request[Answer]) -> Answer: ...


# Seconds after which a lease expires. A push takes a few seconds, a very slow one a minute.
DURATION = 300
# Seconds to wait for another run that holds the lease.
PATIENCE = 60


class Lease:
    """The exclusive right to change ``fortigate`` during a ``with`` block.

    ``ask`` sends a request to the ban host's agent. ``record`` is the FortiGate's record, read after the
    lease was taken. ``note`` is a note for the operator, or empty.
    """

    def __init__(self, ask: Ask, fortigate: str, process: str = "") -> None:
        self._ask = ask
        self._fortigate = fortigate
        # two runs may use one worker, and none may take the lease of the other for its own
        self._process = process or f"{uuid.uuid4().hex}@{name_process()}"
        self.record: Any = None
        self.note = ""

    def __enter__(self) -> Lease:
        """Take the lease, and wait up to :data:`PATIENCE` seconds for another run to release it.

        Raises:
            Failed: another run holds it; the message names its owner and its end.
        """
        answer = self._take(wait=0)
        if answer.held:
            dead = answer.held.process if _is_dead(answer.held.process) else ""
            answer = self._take(wait=0 if dead else PATIENCE, dead=dead)
        if answer.held:
            raise self._refuse(answer.held)
        if answer.broken:
            owner = answer.broken.owner
            self.note = f"took over the lease of a run of {owner}, which died or took too long"
        self.record = answer.record
        return self

    def __exit__(self, *_: object) -> None:
        """Release the lease; if that fails, it expires."""
        with suppress(TargetError):
            self._ask(ReleaseLease(self._fortigate, self._process))

    def _take(self, wait: float, dead: str = "") -> Leased:
        owner = f"{find_own_name()}@{socket.gethostname()}"
        return self._ask(
            TakeLease(self._fortigate, owner, self._process, seconds=DURATION, wait=wait, dead=dead)
        )

    def _refuse(self, held: LeaseState) -> Failed:
        until = time.strftime("%H:%M:%S", time.localtime(held.until))
        return Failed(
            f"{held.owner} is changing {self._fortigate}; nothing was sent",
            f"run again when that run has ended; its lease expires at {until}",
        )


def name_process() -> str:
    """Return a name for this process that is unique since its machine booted."""
    return f"{_name_machine()}:{os.getpid()}"


def _name_machine() -> str:
    """Return a name for this machine since its last boot; each container on it has its own name."""
    boot = Path("/proc/sys/kernel/random/boot_id")
    return f"{socket.gethostname()}:{boot.read_text().strip() if boot.exists() else 'unknown'}"


def _is_dead(process: str) -> bool:
    """Return whether ``process`` ran on this machine and has ended; False for any other machine."""
    machine, _, number = process.rpartition("@")[2].rpartition(":")
    if machine != _name_machine() or not number.isdigit():
        return False
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False
