"""Find hosts of the inventory that have the same address: each would undo the other's changes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from provision.errors import Problem
from provision.inventory.expressions import Scope
from provision.inventory.loader import Inventory
from provision.sites.ways import is_place_known
from provision.ssh.login import Login


class Target(Protocol):
    """A ban host or a FortiGate."""

    @property
    def name(self) -> str: ...

    @property
    def login(self) -> Login: ...


def find_shared_addresses(
    inventory: Inventory, scopes: Mapping[str, Scope], targets: Sequence[Target]
) -> Iterator[Problem]:
    """Yield a problem for each target with the address and the port of an earlier one."""
    seen: dict[tuple[object, ...], str] = {}
    for target in targets:
        if not is_place_known(scopes[target.name]):
            continue  # nothing was run, so there is no address yet
        login, key = target.login, target.login.place
        if key in seen:
            host = inventory.hosts[target.name]
            variable = host.variables.get("ansible_host")
            address = f"{login.destination.lower()} port {login.port}"
            message = f"{target.name} has the address of {seen[key]}: {address}"
            remedy = "correct ansible_host or ansible_port of one of them"
            where = variable.where if variable else host.where
            yield where.problem(message, remedy)
        seen.setdefault(key, target.name)
