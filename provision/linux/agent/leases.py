"""Leases on the FortiGates of this site: one run at a time may change each, wherever it was started.

A lease names its owner and expires, so a run that died does not block others for long. The clock is this
host's own. The file exists only while a lease is held, in a directory that a restart empties.

    {"fgt1": {"owner": "alice@ops1", "process": "ops1:BOOT:PID", "until": seconds}}
"""

from __future__ import annotations

import json
import os
import time

from provision.linux.agent import memory
from provision.linux.agent.host import read, write
from provision.linux.agent.protocol.answers import Done, Leased, LeaseState
from provision.linux.agent.protocol.requests import ReleaseLease, TakeLease
from provision.linux.agent.protocol.wire import dump, from_json

Leases = dict[str, LeaseState]
PATH = "/run/banstitch-leases.json"
# Seconds between two attempts to take a lease that somebody else holds.
PAUSE = 0.2


def take(request: TakeLease) -> Leased:
    """Take the lease on a FortiGate; if another run still holds it after the wait, return its holder."""
    end = time.monotonic() + request.wait
    while True:
        answer = _try(request)
        if answer.held is None or time.monotonic() >= end:
            return answer
        time.sleep(PAUSE)


def _try(request: TakeLease) -> Leased:
    # never deployed: there is no record, and nothing may be left behind
    if memory.load() is None:
        return Leased(held=None, broken=None, record=None)
    with memory.Lock(exclusive=True):
        leases, name = _load(), request.fortigate
        held = leases.get(name)
        mine = held is not None and held.process == request.process
        if held is not None and not mine and not _has_ended(held, request.dead):
            return Leased(held=held, broken=None, record=None)
        leases[name] = LeaseState(request.owner, request.process, time.time() + request.seconds)
        _save({each: lease for each, lease in leases.items() if not _has_ended(lease)})
        record = (memory.load() or memory.new()).fortigates.get(name)
        return Leased(held=None, broken=None if mine else held, record=record)


def release(request: ReleaseLease) -> Done:
    """Release the lease on ``fortigate`` if ``process`` still holds it."""
    if memory.load() is None:
        return Done()
    with memory.Lock(exclusive=True):
        leases = _load()
        held = leases.get(request.fortigate)
        if held is not None and held.process == request.process:
            del leases[request.fortigate]
            _save(leases)
    return Done()


def _has_ended(lease: LeaseState, dead: str = "") -> bool:
    return lease.until <= time.time() or lease.process == dead


def _load() -> Leases:
    """Return the leases; a file that cannot be read counts as empty: at worst two runs overlap."""
    try:
        found = json.loads(read(PATH) or b"{}")
        return {name: from_json(LeaseState, lease) for name, lease in found.items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}


def _save(leases: Leases) -> None:
    if leases:
        write(PATH, dump(leases).encode(), 0o600, "root", "root")
    elif os.path.exists(PATH):
        os.unlink(PATH)
