"""Leases on the FortiGates of this site: one run at a time may change each, wherever it was started.

A lease names its owner and ends by itself, so that a run that died stops nobody for long. The clock is
this host's own. Leases are no memory: they lie where a restart forgets them, and only while one is held.

    {"fgt1": {"owner": "alice@ops1", "process": "ops1:BOOT:PID", "until": seconds}}
"""

from __future__ import annotations

import json
import os
import time
from typing import Any

from provision.linux.agent import manifest as memory
from provision.linux.agent.host import read, write

Request = dict[str, Any]
Leases = dict[str, dict[str, Any]]
PATH = "/run/banstitch-leases.json"
# Seconds between two looks at a lease that somebody else holds.
PAUSE = 0.2


def take(request: Request) -> dict[str, Any]:
    """Take the lease on a FortiGate, or say who holds it after waiting for it.

    Request: ``fortigate``; ``owner`` to tell others; ``process`` that nobody else is; ``seconds`` that
    the lease lasts and ``wait`` at most; ``dead``: a process whose lease is not worth anything any more.
    Answer: ``held``, null or the lease of somebody else; ``broken``, null or the lease taken over;
    ``record``, what is remembered of the FortiGate now that nobody else writes it.
    """
    end = time.monotonic() + request["wait"]
    while True:
        answer = _try(request)
        if answer["held"] is None or time.monotonic() >= end:
            return answer
        time.sleep(PAUSE)


def _try(request: Request) -> dict[str, Any]:
    if (
        memory.load() is None
    ):  # never deployed: nothing is remembered, and nothing may be left behind
        return {"held": None, "broken": None, "record": None}
    with memory.Lock(exclusive=True):
        leases, name = _load(), request["fortigate"]
        held = leases.get(name)
        mine = held is not None and held["process"] == request["process"]
        if held is not None and not mine and not _has_ended(held, request["dead"]):
            return {"held": held, "broken": None, "record": None}
        leases[name] = {
            "owner": request["owner"],
            "process": request["process"],
            "until": time.time() + request["seconds"],
        }
        _save({each: lease for each, lease in leases.items() if not _has_ended(lease)})
        record = (memory.load() or memory.new())["fortigates"].get(name)
        return {"held": None, "broken": None if mine else held, "record": record}


def release(request: Request) -> dict[str, Any]:
    """Give the lease on ``fortigate`` back if ``process`` still holds it."""
    if memory.load() is None:
        return {}
    with memory.Lock(exclusive=True):
        leases = _load()
        if leases.get(request["fortigate"], {}).get("process") == request["process"]:
            del leases[request["fortigate"]]
            _save(leases)
    return {}


def _has_ended(lease: dict[str, Any], dead: str = "") -> bool:
    return bool(lease["until"] <= time.time() or lease["process"] == dead)


def _load() -> Leases:
    """The leases; a file that cannot be read is none: the worst is a run too many."""
    try:
        leases: Leases = json.loads(read(PATH) or b"{}")
    except ValueError:
        return {}
    return leases


def _save(leases: Leases) -> None:
    if leases:
        write(PATH, json.dumps(leases).encode(), 0o600, "root", "root")
    elif os.path.exists(PATH):
        os.unlink(PATH)
