"""The file of secrets: ``{name: secret}``."""

from __future__ import annotations

import json

from provision.linux.agent.host import read


def read_tokens(path: str) -> dict[str, str] | None:
    """Return the secrets in a tokens file; None if it is missing or cannot be read as one."""
    raw = read(path) if path else None
    try:
        found = json.loads(raw) if raw is not None else None
    except ValueError:
        return None
    if isinstance(found, dict) and all(isinstance(secret, str) for secret in found.values()):
        return found
    return None
