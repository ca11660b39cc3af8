"""The part of a ban host's state that the FortiGates of its site need."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from provision.desired.host_paths import AUTHORITY
from provision.errors import Failed, TargetError
from provision.fortios.record.record import Record
from provision.linux.agent.protocol.state import Observed
from provision.plan import Plan


@dataclass(frozen=True)
class Memory:
    """The part of a ban host's state that FortiGates need; ``key`` and ``tokens`` are secret.

    ``refused``: FortiGates whose record failed validation, with the error.
    """

    deployed: bool
    tokens: Mapping[str, str] = field(repr=False)
    key: bytes = field(repr=False)
    ca: str
    records: Mapping[str, Record]
    refused: Mapping[str, TargetError] = field(default_factory=dict)

    @property
    def remembered(self) -> frozenset[str]:
        """The FortiGates that have a record, whether it is valid or not."""
        return frozenset({*self.records, *self.refused})

    def record(self, fortigate: str) -> Record | None:
        """Return the record of a FortiGate, or None.

        Raises:
            TargetError: the record failed validation.
        """
        if fortigate in self.refused:
            raise self.refused[fortigate]
        return self.records.get(fortigate)


def list_secrets(observed: Observed) -> list[str]:
    """Return every secret of an observation, so that it is masked before anything is printed.

    The protocol (`linux/agent/protocol/`) fixes the form of secrets, so none of them can hide a word of a
    plan.
    """
    keys = [observed.manifest.key] if observed.manifest else []
    return [*(observed.tokens or {}).values(), *keys]


def drop_replaced(memory: Memory | None, plan: Plan) -> Memory | None:
    """Return ``memory`` without the CA if ``plan`` for the ban host replaces it.

    The plans of the FortiGates then show the CA by name, as they do before it is first created.
    """
    replaced = any(change.id == f"authority:{AUTHORITY}" for change in plan.changes)
    return replace(memory, ca="") if memory and replaced else memory


def read_memory(observed: Observed) -> Memory:
    """Return the memory in an observation; an invalid record does not affect the others."""
    manifest = observed.manifest
    authority = observed.certificates.get(AUTHORITY)
    records: dict[str, Record] = {}
    refused: dict[str, TargetError] = {}
    for name, remembered in (manifest.fortigates if manifest else {}).items():
        try:
            records[name] = read_record(remembered)
        except TargetError as error:
            refused[name] = error
    return Memory(
        deployed=bool(manifest and manifest.objects),
        tokens=observed.tokens or {},
        key=manifest.key.encode() if manifest else b"",
        ca=authority.pem if authority else "",
        records=records,
        refused=refused,
    )


def read_record(remembered: Any) -> Record:
    """Return the record of a FortiGate as a ban host sent it.

    Raises:
        TargetError: Banstitch cannot have written it. The message quotes nothing of it.
    """
    try:
        return Record.from_json(remembered)
    except TargetError:
        raise
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
        raise Failed(
            "the ban host's record of this FortiGate is damaged, or somebody else wrote it",
            "check the ban host, then restore /var/lib/banstitch/manifest.json there from a backup",
        ) from None
