"""What the rules remember: bounded tables of plain data, which a checkpoint holds as JSON.

A table that is full forgets what was touched longest ago. Only logins add to ``users``, ``trusted`` and
``safe_networks``, so no attacker can push an employee out of them.

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later, standard library only.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any, TypeVar

Value = TypeVar("Value")
# Entries of a table. A source costs about 300 bytes.
MOST_SOURCES = 100_000
MOST_NETWORKS = 50_000
MOST_USERS = 50_000
# Sources that are remembered of a user, of a spray, of a network.
MOST_OF_A_USER = 64
MOST_OF_A_SPRAY = 2_000
MOST_OF_A_NETWORK = 512


@dataclass
class State:
    """Everything that one event leaves for the next. Times in epoch seconds.

    - ``users``: account list and user to the sources and /24s of the user's logins, with the last time
    - ``trusted``: source to its last login that gave trust
    - ``guests``: source to the users who logged in from it, three at most: then it is an office
    - ``safe_networks``: network to its last login that gave trust
    - ``failures``: source to the number of its failures since its last login, and the last time
    - ``points``: source to ``[until, weight]`` of each failure that weighs something
    - ``networks``: network to its failing sources, each with ``[last time, weight]``
    - ``sprays``: account list and user to the strange sources that tried it, with the last time
    - ``attacked``: account list and user to the end of the spray against it
    """

    first_at: float = 0.0
    users: dict[str, dict[str, float]] = field(default_factory=dict)
    trusted: dict[str, float] = field(default_factory=dict)
    guests: dict[str, list[str]] = field(default_factory=dict)
    safe_networks: dict[str, float] = field(default_factory=dict)
    failures: dict[str, list[float]] = field(default_factory=dict)
    points: dict[str, list[list[float]]] = field(default_factory=dict)
    networks: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    sprays: dict[str, dict[str, float]] = field(default_factory=dict)
    attacked: dict[str, float] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the state as plain data, which shares its tables."""
        return {each.name: getattr(self, each.name) for each in fields(self)}


def read_state(document: dict[str, Any]) -> State:
    """Return the state of a checkpoint.

    Raises:
        ValueError: it is not one.
    """
    names = {each.name for each in fields(State)}
    if set(document) != names or not isinstance(document["first_at"], (int, float)):
        raise ValueError("the checkpoint does not hold the tables of this release")
    if not all(isinstance(document[name], dict) for name in names - {"first_at"}):
        raise ValueError("a table of the checkpoint is none")
    return State(**document)


def remember(table: dict[str, Value], key: str, value: Value, most: int) -> Value:
    """Put a value into a table, as the one touched last, and forget the oldest beyond ``most``."""
    table.pop(key, None)
    table[key] = value
    if len(table) > most:
        del table[next(iter(table))]
    return value
