"""What a ban host remembers of its site, as far as FortiGates need it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from provision.fortios.record import Record
from provision.plan import Plan
from provision.roles import AUTHORITY


@dataclass(frozen=True)
class Memory:
    """The part of a ban host's manifest that FortiGates need; ``key`` and ``tokens`` are secret."""

    deployed: bool
    tokens: Mapping[str, str]
    key: bytes
    ca: str
    records: Mapping[str, Record]


def secrets_of(observed: Mapping[str, Any]) -> list[str]:
    """Every secret in what the agent observed; to be masked before anything else is read of it."""
    manifest, tokens = observed["manifest"] or {}, observed["tokens"] or {}
    return [*tokens.values(), manifest.get("key", "")]


def without_replaced(memory: Memory | None, plan: Plan) -> Memory | None:
    """Return ``memory`` without what ``plan`` for the ban host replaces.

    A FortiGate's plan then shows that the CA changes there too, as with one that is still to be made.
    """
    replaced = any(change.id == f"authority:{AUTHORITY}" for change in plan.changes)
    return replace(memory, ca="") if memory and replaced else memory


def memory_of(observed: Mapping[str, Any]) -> Memory:
    """The memory in what the agent observed.

    Raises:
        ValueError: the record of a FortiGate is damaged.
    """
    manifest = observed["manifest"] or {}
    records = {
        name: Record.from_json(record) for name, record in manifest.get("fortigates", {}).items()
    }
    return Memory(
        deployed=bool(manifest.get("objects")),
        tokens=observed["tokens"] or {},
        key=manifest.get("key", "").encode(),
        ca=(observed["certificates"].get(AUTHORITY) or {"pem": ""})["pem"],
        records=records,
    )
