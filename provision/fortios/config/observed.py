"""What a FortiGate showed, as the planner needs it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from provision.fortios.config.diff import get_entries
from provision.fortios.config.object_id import ObjectId
from provision.fortios.config.text import Edit, Tree


@dataclass(frozen=True)
class Observed:
    """What a unit showed: id -> body of the object, None where there is none.

    A table that was shown whole is in it as one object, with its entries as its body.
    ``missing``: ids whose very table does not exist on this unit. ``warnings`` go into the plan.
    """

    serial: str
    objects: Mapping[str, Tree | None]
    missing: frozenset[str] = frozenset()
    warnings: tuple[str, ...] = ()

    def and_also(self, more: Observed) -> Observed:
        """Both together."""
        return replace(
            self,
            objects={**self.objects, **more.objects},
            missing=self.missing | more.missing,
        )

    def order(self, table: str) -> tuple[str, ...]:
        """The keys of a table that was shown whole, in the order of the unit."""
        return tuple(get_entries(self.objects.get(table) or ()))


def with_table_entries(observed: Observed) -> Observed:
    """``observed`` with every entry of the tables that were shown whole under its own id as well."""
    found: dict[str, Tree | None] = dict(observed.objects)
    for table, body in observed.objects.items():
        if ObjectId.parse(table).key is None and any(isinstance(node, Edit) for node in body or ()):
            found |= {f"{table}:{key}": each for key, each in get_entries(body or ()).items()}
    return replace(observed, objects=found)
