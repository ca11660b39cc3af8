"""A digest of what a plan depends on: as long as it is the same, so is the plan."""

from __future__ import annotations

import hashlib
import json
from typing import Any


def digest(observed: dict[str, Any]) -> str:
    """Return a digest of an observation without what changes by itself.

    Bans and locks come and go, time passes, what is not ours stays whatever it is, and records of
    FortiGates are compared where they are used. The manifest's key is part of it, so the digest tells
    nothing about what a file holds.
    """
    manifest = observed["manifest"]
    kept = dict(
        observed,
        bans=None,
        clock=None,
        package_lock=None,
        foreign=None,
        certificates={
            path: found and dict(found, days_left=None)
            for path, found in observed["certificates"].items()
        },
        manifest=manifest and dict(manifest, fortigates=None, key=_key(manifest)),
    )
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()


def _key(manifest: dict[str, Any]) -> str:
    """Return the key of a manifest; one that is not on disk yet has another key at each look."""
    return str(manifest["key"]) if manifest["objects"] else ""
