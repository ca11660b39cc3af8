"""The memory of the rules: bounded tables of plain data, which a checkpoint holds as JSON.

A full table forgets the entry that was touched longest ago. Only logins add to ``users``, ``trusted`` and
``safe_networks``, so no attacker can push an employee out of them.

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later, standard library only.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field, fields
from typing import Any, NamedTuple, TypeVar

Value = TypeVar("Value")
# In the order in which keys were touched. A plain dictionary takes ever longer to find its first key
# while keys are taken from its front.
Table = OrderedDict[str, Value]
# Entries of a table. A source costs about 300 bytes.
MOST_SOURCES = 100_000
MOST_NETWORKS = 50_000
MOST_USERS = 50_000
# Sources that are remembered of a user, of a spray, of a network.
MOST_OF_A_USER = 64
MOST_OF_A_SPRAY = 200
MOST_OF_A_NETWORK = 512
_NUMBERS = ("first_at", "last_at", "shield_since", "shield_until", "hour")
_TEXTS = ("quiet_hours",)


class Failures(NamedTuple):
    """The failures of one key in a row: their number, and the time of the last one."""

    number: int
    last: float


class Point(NamedTuple):
    """One failure of a source: its part of a ban, which counts until a time."""

    until: float
    weight: float


class Suspect(NamedTuple):
    """A source in a network: the time of its last failure, and its part of the network's ban, at most 1."""

    last: float
    weight: float


@dataclass
class State:
    """The state between two events. Times in epoch seconds.

    - ``first_at``, ``last_at``: the times of the first and the last event
    - ``users``: account list and user to the sources and /24s of the user's logins, with the last time
    - ``trusted``: source to its last login that gave trust
    - ``guests``: source to the users who logged in from it, at most three; with three it is an office
      (an autonomous system: to pairs of source and user, at most three)
    - ``safe_networks``: network to its last login that gave trust
    - ``failures``: source to its failures since its last login (standing.py has the other keys)
    - ``doubted``: source to its last login after so many failures that its password may be a guess
    - ``points``: source to its failures that have a weight
    - ``offenders``: source to its last ban by these points
    - ``networks``: network to its failing sources or smaller networks
    - ``sprays``: account list and user to the strange sources that tried it, with the last time
      (a telephone's name: to all sources)
    - ``attacked``: account list and user to the end of the spray against it
    - ``homes``: network around a source to its last login that gave trust; the shield spares it
    - ``strangers``: address or IPv6 /48 that is not trusted to its last failure, within an hour
    - ``shield_since``, ``shield_until``: when there were many strangers; see shield.py
    - ``hours``: number of an hour of the week to the logins in it; those of earlier weeks count less
    - ``hour``: the hour since the epoch in which ``quiet_hours`` were found; see hours.py
    """

    first_at: float = 0.0
    last_at: float = 0.0
    users: Table[Table[float]] = field(default_factory=OrderedDict)
    trusted: Table[float] = field(default_factory=OrderedDict)
    guests: Table[list[str]] = field(default_factory=OrderedDict)
    safe_networks: Table[float] = field(default_factory=OrderedDict)
    failures: Table[Failures] = field(default_factory=OrderedDict)
    doubted: Table[float] = field(default_factory=OrderedDict)
    points: Table[list[Point]] = field(default_factory=OrderedDict)
    offenders: Table[float] = field(default_factory=OrderedDict)
    networks: Table[Table[Suspect]] = field(default_factory=OrderedDict)
    sprays: Table[Table[float]] = field(default_factory=OrderedDict)
    attacked: Table[float] = field(default_factory=OrderedDict)
    homes: Table[float] = field(default_factory=OrderedDict)
    strangers: Table[float] = field(default_factory=OrderedDict)
    shield_since: float = 0.0
    shield_until: float = 0.0
    hours: Table[float] = field(default_factory=OrderedDict)
    hour: float = 0.0
    quiet_hours: str = ""

    def to_json(self) -> dict[str, object]:
        """Return the state as plain data."""
        return dict(vars(self))


def read_state(document: dict[str, object]) -> State:
    """Return the state of a checkpoint.

    Raises:
        ValueError, TypeError, AttributeError: the document is no such state.
    """
    names = {each.name for each in fields(State)}
    if set(document) != names:
        raise ValueError("the checkpoint does not hold the tables of this release")
    for name in names:
        kind = (int, float) if name in _NUMBERS else str if name in _TEXTS else dict
        if not isinstance(document[name], kind):
            raise ValueError("%s of the checkpoint is of another type" % name)
    state = State(**{name: _order(value) for name, value in document.items()})
    _read_rows(state.failures, Failures)
    for sources in state.networks.values():
        _read_rows(sources, Suspect)
    for source, points in state.points.items():
        state.points[source] = [Point(*point) for point in points]
    return state


def _read_rows(table: Table[Any], kind: type[Any]) -> None:
    """Make the rows of a table of this kind; JSON has them as lists. Raises TypeError."""
    for key, row in table.items():
        table[key] = kind(*row)


def _order(value: Any) -> Any:
    """Return plain data with every table in it in an order that can be changed."""
    if isinstance(value, dict):
        return OrderedDict((key, _order(inner)) for key, inner in value.items())
    return value


def remember(table: Table[Value], key: str, value: Value, most: int) -> None:
    """Put a value into a table, as the one touched last, and forget the oldest beyond ``most``."""
    table[key] = value
    table.move_to_end(key)
    if len(table) > most:
        table.popitem(last=False)


def forget_before(table: Table[float], time: float) -> None:
    """Forget the entries of a table of times that are older."""
    while table and next(iter(table.values())) < time:
        table.popitem(last=False)


def turn_back(state: State, now: float) -> None:
    """Forget what a clock that ran ahead has caused: it was set back to ``now``. Logins count as of now."""
    failed = (state.failures, state.doubted, state.points, state.offenders, state.networks)
    for table in (*failed, state.sprays, state.attacked, state.strangers):
        table.clear()
    for logins in (state.trusted, state.safe_networks, state.homes, *state.users.values()):
        for key, at in logins.items():
            logins[key] = min(at, now)
    state.first_at, state.shield_until = min(state.first_at, now), min(state.shield_until, now)
    state.hour = min(state.hour, now // 3600)
