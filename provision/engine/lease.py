"""Leases on a ban host, so that two runs never change one FortiGate at the same time."""

from __future__ import annotations

import getpass
import os
import socket
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol, TypeVar

from provision.errors import Failed, TargetError
from provision.linux.agent.protocol.answers import Leased, LeaseState
from provision.linux.agent.protocol.requests import ReleaseLease, Request, TakeLease

Answer = TypeVar("Answer")


class Ask(Protocol):
    """Send a request to the agent of a ban host."""

    def __call__(self, request: Request[Answer]) -> Answer: ...


# Seconds after which a lease ends by itself; a push takes a few, a very slow one a minute.
LASTS = 300
# Seconds to wait for a run that holds it.
PATIENCE = 60


class Lease:
    """The right to change ``fortigate``, for the length of a ``with`` block.

    ``ask`` sends a request to the ban host's agent. ``record`` is what that host remembers of the
    FortiGate once nobody else can change it; ``note`` is for the operator, or empty.
    """

    def __init__(self, ask: Ask, fortigate: str, process: str = "") -> None:
        self._ask = ask
        self._fortigate = fortigate
        self._process = process or name_process()
        self.record: Any = None
        self.note = ""

    def __enter__(self) -> Lease:
        """Take the lease; wait for another run at most :data:`PATIENCE` seconds.

        Raises:
            Failed: another run holds it; the text says whose and until when.
        """
        answer = self._take(wait=0)
        if answer.held:
            dead = answer.held.process if _is_dead(answer.held.process) else ""
            answer = self._take(wait=0 if dead else PATIENCE, dead=dead)
        if answer.held:
            raise self._refuse(answer.held)
        if answer.broken:
            owner = answer.broken.owner
            self.note = f"a run of {owner} on it died or took too long: its lease was broken"
        self.record = answer.record
        return self

    def __exit__(self, *_: object) -> None:
        """Release the lease; if that fails, it ends by itself."""
        with suppress(TargetError):
            self._ask(ReleaseLease(self._fortigate, self._process))

    def _take(self, wait: float, dead: str = "") -> Leased:
        owner = f"{getpass.getuser()}@{socket.gethostname()}"
        request = TakeLease(self._fortigate, owner, self._process, LASTS, wait, dead)
        return self._ask(request)

    def _refuse(self, held: LeaseState) -> Failed:
        until = time.strftime("%H:%M:%S", time.localtime(held.until))
        return Failed(
            f"{held.owner} is changing {self._fortigate}; nothing was sent",
            f"run again when that run has ended; its lease ends by itself at {until}",
        )


def name_process() -> str:
    """Return a name of this process that is unique since its machine was started."""
    return f"{_name_machine()}:{os.getpid()}"


def _name_machine() -> str:
    """Return a name of this machine since its start; containers on it have names of their own."""
    boot = Path("/proc/sys/kernel/random/boot_id")
    return f"{socket.gethostname()}:{boot.read_text().strip() if boot.exists() else 'unknown'}"


def _is_dead(process: str) -> bool:
    """Return whether ``process`` ran on this machine and has ended; False for other machines."""
    machine, _, number = process.rpartition(":")
    if machine != _name_machine() or not number.isdigit():
        return False
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False
