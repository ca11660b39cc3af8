"""Describe what a ban host of an inventory holds, in words that every tool has."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from provision.linux.kinds.directory import Directory
from provision.linux.kinds.file import File
from provision.linux.kinds.package import Package
from provision.linux.kinds.resource import OnDisk, Resource
from provision.linux.kinds.service import Service
from provision.linux.kinds.user import User


def write_desired(folder: Path, resources: Sequence[Resource]) -> None:
    """Write the packages, users, directories, files and services among ``resources`` to a folder.

    Tokens, certificates and the thresholds of running jails are left out: peers have no word for them. So
    are files that only some hosts should hold.
    """
    folder.mkdir(parents=True)
    found: dict[str, list[Any]] = {
        kind: [] for kind in ("packages", "users", "directories", "logs", "files", "services")
    }
    for each in resources:
        match each:
            case Package():
                found["packages"].append(each.name)
            case User():
                found["users"].append({"name": each.name, "home": each.home})
            case Directory():
                found["directories"].append(describe(each))
            case File(when="", content=None):
                found["logs"].append(describe(each))
            case File(when="", content=str() as text):
                source = folder / "files" / each.path.lstrip("/")
                source.parent.mkdir(parents=True, exist_ok=True)
                source.write_text(text)
                found["files"].append({**describe(each), "source": str(source)})
            case Service():
                found["services"].append(each.name)
    (folder / "desired.json").write_text(json.dumps(found))


def describe(each: OnDisk) -> dict[str, str]:
    """Return path, mode, owner and group, as both peers spell them."""
    mode = f"{each.mode:04o}"
    return {"path": each.path, "mode": mode, "owner": each.owner, "group": each.group}
