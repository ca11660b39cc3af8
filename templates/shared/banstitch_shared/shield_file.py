"""The files of the shield: its state, by banstitch-rules, and the order of an operator.

The service writes ``shield.json`` into its folder while the shield is up, or would be:

    {"mode": "up", "since": EPOCH, "until": EPOCH, "by": TEXT, "why": TEXT,
     "homes": 12, "kept_out": 0, "denied": 0, "counted_at": EPOCH, "networks": ["192.0.2.0/24", ...]}

It is read as data, because that user reads what attackers cause. It ends by itself: after ``until`` the file
counts as absent, even if the service is dead. Root writes the order of an operator beside the ban files:

    {"up": true, "until": EPOCH, "since": EPOCH, "by": TEXT, "why": TEXT}

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later, standard library only.
"""

from __future__ import annotations

import json
import os
from typing import Any, NamedTuple

from banstitch_shared.addresses import parse_network, spell_network
from banstitch_shared.times import format_minute
from banstitch_shared.untrusted import read_small_file, take_number, take_text

# The name of both files, in different folders.
NAME = "shield.json"
# The shield is up; only an alarm says that it would be; an order keeps it down (never in the service's file).
UP, ALARM, DOWN = "up", "alarm", "down"
# Networks that the shield denies at most, bytes of each file.
MOST_DENIED = 60_000
_LARGEST, _LARGEST_ORDER = 4 << 20, 1 << 14


class Shield(NamedTuple):
    """The shield that is up, or would be. Times in epoch seconds.

    ``homes``: how many networks it spares for their logins. ``networks``: what it denies. ``kept_out`` and
    ``denied``: failures and logins that it would have denied, up to the event at ``counted_at``; only an
    alarm counts them.
    """

    mode: str
    since: float
    until: float
    by: str
    why: str
    homes: int = 0
    kept_out: int = 0
    denied: int = 0
    counted_at: float = 0.0
    networks: tuple[str, ...] = ()


class Order(NamedTuple):
    """The order of an operator: the shield up, or down, until a time."""

    up: bool
    until: float
    since: float
    by: str
    why: str


def read_shield(folder: str, now: float) -> Shield | None:
    """Return the shield; None if it is down or over, or if the file is damaged."""
    try:
        found = json.loads(read_small_file(os.path.join(folder, NAME), _LARGEST))
        shield = _take_shield(found)
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return None
    return shield if shield.until > now else None


def _take_shield(found: Any) -> Shield:
    if found["mode"] not in (UP, ALARM) or len(found["networks"]) > MOST_DENIED:
        raise ValueError("the file is not one of the shield")
    return Shield(
        found["mode"],
        take_number(found["since"]),
        take_number(found["until"]),
        take_text(found["by"]),
        take_text(found["why"]),
        int(take_number(found["homes"])),
        int(take_number(found["kept_out"])),
        int(take_number(found["denied"])),
        take_number(found["counted_at"]),
        tuple(spell_network(parse_network(take_text(each))) for each in found["networks"]),
    )


def format_shield(shield: Shield) -> str:
    """Return the text of the service's file."""
    return json.dumps(shield._asdict())


def read_order(folder: str, now: float) -> Order | None:
    """Return the order in force; None if there is none, or if the file is damaged."""
    try:
        found = json.loads(read_small_file(os.path.join(folder, NAME), _LARGEST_ORDER))
        until, since = take_number(found["until"]), take_number(found["since"])
        by, why = take_text(found["by"]), take_text(found["why"])
        order = Order(found["up"] is True, until, since, by, why)
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return None
    return order if order.until > now else None


def format_order(order: Order) -> str:
    """Return the text of an operator's file."""
    return json.dumps(order._asdict()) + "\n"


def describe_shield(shield: Shield) -> str:
    """Return one sentence for operators."""
    since, until = map(format_minute, (shield.since, shield.until))
    if shield.mode == UP:
        return (
            "SHIELD UP from %s to %s UTC: the feed denies everybody but %d networks of recent logins and"
            " those that are never denied (%s: %s)"
            % (since, until, shield.homes, shield.by, shield.why)
        )
    if shield.mode == DOWN:
        return "the shield is kept down until %s UTC (%s: %s)" % (until, shield.by, shield.why)
    return (
        "SHIELD ALARM since %s UTC: %s; with `shield: auto` the feed would deny everybody but %d networks"
        " of recent logins, which would have kept out %d failures and %d logins so far"
        % (since, shield.why, shield.homes, shield.kept_out, shield.denied)
    )
