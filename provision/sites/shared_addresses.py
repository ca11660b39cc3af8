"""Find hosts of the inventory that have the same address: each would undo the other's changes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from provision.errors import Problem
from provision.inventory.loader import Inventory
from provision.ssh.login import Login


class Target(Protocol):
    """A ban host or a FortiGate."""

    @property
    def name(self) -> str: ...

    @property
    def login(self) -> Login: ...


def find_shared_addresses(inventory: Inventory, targets: Sequence[Target]) -> Iterator[Problem]:
    """Yield a problem for each target with the address and the port of an earlier one."""
    seen: dict[tuple[str, int], str] = {}
    for target in targets:
        key = (target.login.address.lower(), target.login.port)
        if key in seen:
            host = inventory.hosts[target.name]
            variable = host.variables.get("ansible_host")
            message = f"{target.name} has the address of {seen[key]}: {key[0]} port {key[1]}"
            remedy = "correct ansible_host or ansible_port of one of them"
            where = variable.where if variable else host.where
            yield where.problem(message, remedy)
        seen.setdefault(key, target.name)
