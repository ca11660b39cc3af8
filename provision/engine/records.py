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
    """The part of a ban host's manifest that FortiGates need; ``key`` and ``tokens`` are secret.

    ``refused``: FortiGates whose record is not believed, with the reason.
    """

    deployed: bool
    tokens: Mapping[str, str] = field(repr=False)
    key: bytes = field(repr=False)
    ca: str
    records: Mapping[str, Record]
    refused: Mapping[str, TargetError] = field(default_factory=dict)

    @property
    def remembered(self) -> frozenset[str]:
        """The FortiGates that hold what was made on them, whether their record is believed or not."""
        return frozenset({*self.records, *self.refused})

    def record(self, fortigate: str) -> Record | None:
        """Return what is remembered of a FortiGate, or None.

        Raises:
            TargetError: its record is refused.
        """
        if fortigate in self.refused:
            raise self.refused[fortigate]
        return self.records.get(fortigate)


def list_secrets(observed: Observed) -> list[str]:
    """Return every secret in what the agent observed, to be masked before anything else is read of it.

    The forms of the answer (`linux/agent/protocol/`) leave nothing here that could be a word of a plan.
    """
    keys = [observed.manifest.key] if observed.manifest else []
    return [*(observed.tokens or {}).values(), *keys]


def drop_replaced(memory: Memory | None, plan: Plan) -> Memory | None:
    """Return ``memory`` without what ``plan`` for the ban host replaces.

    A FortiGate's plan then shows that the CA changes there too, as with one that is still to be made.
    """
    replaced = any(change.id == f"authority:{AUTHORITY}" for change in plan.changes)
    return replace(memory, ca="") if memory and replaced else memory


def read_memory(observed: Observed) -> Memory:
    """Return the memory in what the agent observed; one refused record leaves the others as they are."""
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
    """Return the record of a FortiGate that a ban host sent.

    Raises:
        TargetError: it is none that was written by this toolkit. The error quotes nothing of it.
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
