"""Compute a digest of what a plan depends on: the plan is the same as long as the digest is."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from provision.linux.agent.protocol.state import Observed
from provision.linux.agent.protocol.wire import to_json


def compute_digest(observed: Observed) -> str:
    """Return a digest of an observation without what changes by itself.

    Bans, locks and the shield come and go, time passes, what is not ours stays whatever it is, and records of
    FortiGates are compared where they are used. The manifest's key is part of it, so the digest reveals
    nothing about what a file holds.
    """
    kept: Any = to_json(observed)
    for name in ("bans", "clock", "package_lock", "foreign", "shield", "digest"):
        del kept[name]
    for certificate in filter(None, kept["certificates"].values()):
        del certificate["days_left"]
    manifest = kept["manifest"]
    if manifest:
        del manifest["fortigates"]
        if not manifest["objects"]:
            del manifest["key"]  # not on disk yet, so each observation makes another one
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()
