"""Who may change a FortiGate of this site now: one run at a time, wherever it was started.

A lease names its owner and ends by itself, so that a run that died stops nobody for long. It stands in
the manifest only while it is held. The clock is this host's own.
"""

from __future__ import annotations

import time
from typing import Any

from provision.linux.agent import manifest as memory

Request = dict[str, Any]
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
        manifest = memory.load() or memory.new()
        leases = manifest.setdefault("leases", {})
        held = leases.get(request["fortigate"])
        mine = held is not None and held["process"] == request["process"]
        ended = held is not None and (
            held["until"] <= time.time() or held["process"] == request["dead"]
        )
        if held is not None and not mine and not ended:
            return {"held": held, "broken": None, "record": None}
        leases[request["fortigate"]] = {
            "owner": request["owner"],
            "process": request["process"],
            "until": time.time() + request["seconds"],
        }
        memory.save(manifest)
        record = manifest["fortigates"].get(request["fortigate"])
        return {"held": None, "broken": None if mine else held, "record": record}


def release(request: Request) -> dict[str, Any]:
    """Give the lease on ``fortigate`` back if ``process`` still holds it."""
    if memory.load() is None:
        return {}
    with memory.Lock(exclusive=True):
        manifest = memory.load()
        leases = (manifest or {}).get("leases", {})
        held = leases.get(request["fortigate"])
        if manifest is not None and held is not None and held["process"] == request["process"]:
            del leases[request["fortigate"]]
            if not leases:
                del manifest["leases"]
            memory.save(manifest)
    return {}
