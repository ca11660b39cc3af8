"""Mode and owner of what stands at a path, wanted and found."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from provision.linux.resources import Authority, Certificate, Digests, Directory, File, Tokens

OnDisk = File | Directory | Tokens | Digests | Authority | Certificate


def attributes(resource: OnDisk) -> dict[str, Any]:
    """Return path, mode, owner and group."""
    return {
        "path": resource.path,
        "mode": resource.mode,
        "owner": resource.owner,
        "group": resource.group,
    }


def attribute_diff(resource: OnDisk, state: Mapping[str, Any]) -> str:
    """`- mode 0644` / `+ mode 0640` for each attribute that differs; empty where none does."""
    lines = []
    for key, want in attributes(resource).items():
        if key != "path" and state[key] != want:
            show = (lambda value: f"{value:04o}") if key == "mode" else str
            lines += [f"-{key} {show(state[key])}", f"+{key} {show(want)}"]
    return "\n".join(lines)
