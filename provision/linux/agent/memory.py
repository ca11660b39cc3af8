"""The memory of the host, the manifest: what was made here, what was there before, and what is pending.

It is written before the change that it describes. So the next run always knows whether a file is ours and
which restart is still pending. Only root can read it, because it may hold copies of secrets.

    {"version": 1, "key": hex,
     "objects": [{"id": "file:/etc/x", "before": null | {...}, "data": bool}], "packages": [names],
     "services": {name: {"before": {"enabled": ..., "active": ...}, "reload_command": argv}},
     "owed": {name: "restart" | "reload"}, "fortigates": {name: record}}
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from dataclasses import dataclass
from typing import Any

from provision.linux.agent import STATE
from provision.linux.agent.host import HostError, read, write
from provision.linux.agent.protocol.bounds import Owed
from provision.linux.agent.protocol.ids import ResourceId
from provision.linux.agent.protocol.wire import from_json, to_json

VERSION = 1
# Seconds that a run waits for another one on the same host.
PATIENCE = 300


@dataclass(frozen=True)
class Entry:
    """An object that we made; ``before``: the earlier state as JSON, in the form of its kind."""

    id: ResourceId
    before: Any
    data: bool


@dataclass(frozen=True)
class ServiceMemory:
    """A unit that we changed; ``before``: the JSON of its state."""

    before: Any
    reload_command: list[str]


@dataclass
class Manifest:
    """The manifest, while it changes."""

    version: int
    key: str
    objects: list[Entry]
    packages: list[str]
    services: dict[str, ServiceMemory]
    owed: dict[str, Owed]
    fortigates: dict[str, object]


def path() -> str:
    """Return the path of the manifest."""
    return os.path.join(STATE, "manifest.json")


def load() -> Manifest | None:
    """Return the manifest, or None if the host has none."""
    raw = read(path())
    if raw is None:
        return None
    try:
        found = json.loads(raw)
        if not isinstance(found, dict):
            raise ValueError("it is not a JSON object")
    except ValueError as error:
        raise HostError(f"{path()} is damaged ({error}); restore it from a backup") from error
    if found.get("version") != VERSION:
        raise HostError(
            f"{path()} must have version {VERSION} (got {found.get('version')!r});"
            " run the release of Banstitch that wrote it"
        )
    try:
        manifest = from_json(Manifest, found)
        # a run was interrupted while apt installed them
        manifest.packages = sorted({*manifest.packages, *list_coming()})
        return manifest
    except (KeyError, TypeError, AttributeError) as error:
        raise HostError(f"{path()} is damaged ({error}); restore it from a backup") from error


def new() -> Manifest:
    """Return the manifest of a host that was never touched."""
    return Manifest(
        version=VERSION,
        key=os.urandom(32).hex(),
        objects=[],
        packages=list_coming(),
        services={},
        owed={},
        fortigates={},
    )


def begun() -> Manifest | None:
    """Return the manifest of a host on which we have installed only python3 so far."""
    return new() if list_coming() else None


def coming_path() -> str:
    """Return the path of the file in which apt records the packages that it is about to install for us."""
    return os.path.join(STATE, "bootstrap")


def list_coming() -> list[str]:
    """Return the packages that apt recorded, python3 included if this program needed it first."""
    return sorted(set((read(coming_path()) or b"").decode().split()))


def save(manifest: Manifest) -> None:
    """Replace the manifest on disk, safe against a power loss."""
    text = json.dumps(to_json(manifest), indent=1, sort_keys=True)
    write(path(), text.encode(), 0o600, "root", "root")


def find(manifest: Manifest, identity: ResourceId) -> Entry | None:
    """Return the entry of one object, or None if it is not ours."""
    return next((entry for entry in manifest.objects if entry.id == identity), None)


class Lock:
    """The lock of the host, so that one run at a time changes it; it dies with its holder.

    ``exclusive=False`` only waits for a run in progress and creates nothing. The state directory is locked.
    """

    def __init__(self, exclusive: bool) -> None:
        self._exclusive = exclusive
        self._descriptor: int | None = None

    def __enter__(self) -> Lock:
        deadline = time.monotonic() + PATIENCE
        if self._exclusive:
            os.makedirs(STATE, mode=0o700, exist_ok=True)
        while self._exclusive or os.path.isdir(STATE):
            try:
                descriptor = os.open(STATE, os.O_RDONLY | os.O_DIRECTORY)
            except FileNotFoundError:  # a teardown has just removed it
                if self._exclusive:
                    os.makedirs(STATE, mode=0o700, exist_ok=True)
                continue
            try:
                fcntl.flock(
                    descriptor,
                    (fcntl.LOCK_EX if self._exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB,
                )
            except BlockingIOError:
                os.close(descriptor)
                if time.monotonic() > deadline:
                    raise HostError(
                        f"another run has been at work on this host for {PATIENCE} s;"
                        " run again when it has ended"
                    ) from None
                time.sleep(0.1)
                continue
            # A teardown may have removed the directory while we waited for it.
            if os.path.isdir(STATE) and os.path.samestat(os.fstat(descriptor), os.stat(STATE)):
                self._descriptor = descriptor
                break
            os.close(descriptor)
            if self._exclusive:
                os.makedirs(STATE, mode=0o700, exist_ok=True)
        return self

    def __exit__(self, *_: object) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
