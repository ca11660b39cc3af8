"""Compute a digest of what a plan depends on: the plan is the same as long as the digest is."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from provision.linux.agent.protocol.state import Observed
from provision.linux.agent.protocol.wire import encode


def compute_digest(observed: Observed, contents: Mapping[str, str]) -> str:
    """Return a digest of an observation without what changes by itself.

    ``contents``: the SHA-256 of each content that was read, whether or not the answer has it. So the digest
    does not depend on what is desired.

    Bans, locks and the shield come and go, time passes, what is not ours stays whatever it is, and records of
    FortiGates are compared where they are used. The manifest's key is part of it, so the digest reveals
    nothing about what a file holds.
    """
    kept: dict[str, Any] = dict(vars(observed))
    for name in ("bans", "clock", "package_lock", "foreign", "shield", "digest", "as_desired"):
        del kept[name]
    kept["paths"] = {path: _leave_out(state, "content") for path, state in observed.paths.items()}
    kept["contents"] = contents
    kept["certificates"] = {
        path: _leave_out(certificate, "days_left")
        for path, certificate in observed.certificates.items()
    }
    manifest = observed.manifest
    if manifest is not None and manifest.objects:
        kept["manifest"] = _leave_out(manifest, "fortigates")
    elif manifest is not None:
        # not on disk yet, so each observation makes another key
        kept["manifest"] = _leave_out(manifest, "fortigates", "key")
    return hashlib.sha256(json.dumps(kept, default=encode, sort_keys=True).encode()).hexdigest()


def compute_bare_digest(observed: Observed) -> str:
    """Return the digest of a host without a manifest, whatever its release and its packages are.

    The controller computes it of what it assumes while a host has no Python to be observed with. Its plan
    depends on a package only where that is installed.
    """
    facts = replace(observed.facts, system="")
    return compute_digest(replace(observed, facts=facts, packages={}, manifest=None), {})


def _leave_out(form: object, *names: str) -> object:
    if form is None:
        return None
    return {name: value for name, value in vars(form).items() if name not in names}
