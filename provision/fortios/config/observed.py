"""The observed state of a FortiGate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from provision.fortios.config.diff import get_entries
from provision.fortios.config.object_id import ObjectId
from provision.fortios.config.text import Edit, Tree


@dataclass(frozen=True)
class Observed:
    """Objects as a FortiGate showed them: id to body, None where there is no such object.

    A table that was shown whole is one object, with its entries as its body.
    ``missing``: ids whose whole table this FortiGate lacks. ``warnings`` go into the plan.
    ``manager``: the FortiManager that installs policy packages on it; empty if there is none.
    ``members``: the serial numbers of its cluster, its own among them; () without a cluster.
    """

    serial: str
    objects: Mapping[str, Tree | None]
    missing: frozenset[str] = frozenset()
    warnings: tuple[str, ...] = ()
    manager: str = ""
    members: tuple[str, ...] = ()

    def merge(self, more: Observed) -> Observed:
        """Return both together."""
        return replace(
            self,
            objects={**self.objects, **more.objects},
            missing=self.missing | more.missing,
        )

    def order(self, table: str) -> tuple[str, ...]:
        """Return the keys of a table that was shown whole, in their order on the FortiGate."""
        return tuple(get_entries(self.objects.get(table) or ()))


def with_table_entries(observed: Observed) -> Observed:
    """Return ``observed`` with each entry of the tables that were shown whole as an object, too."""
    objects: dict[str, Tree | None] = dict(observed.objects)
    for table, body in observed.objects.items():
        if ObjectId.parse(table).key is None and any(isinstance(node, Edit) for node in body or ()):
            objects |= {f"{table}:{key}": entry for key, entry in get_entries(body or ()).items()}
    return replace(observed, objects=objects)
