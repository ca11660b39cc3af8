"""Read and write requests to root: their form, and the bounds of their values.

A request is a file of JSON in ASCII:

    {"id": HEX, "do": "unban", "network": TEXT, "seconds": 0, "by": NAME, "why": HEX OF UTF-8}

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later, standard library only.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from banstitch_shared.addresses import parse_network, spell_ban
from banstitch_shared.visible import is_visible

UNBAN, ALLOW, UNALLOW = ACTS = ("unban", "allow", "unallow")
# Seconds of an allowance: for longer ones there is the command line.
SHORTEST_ALLOWANCE, LONGEST_ALLOWANCE = 60, 7 * 86400
# Characters of a reason.
SHORTEST_REASON, LONGEST_REASON = 3, 150
# How the audit names a user of the page.
BY = "page:"
# The smallest prefixes of what counts as one source.
_IPV4, _IPV6 = 32, 48
_ID = re.compile(r"[0-9a-f]{32}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
_FIELDS = {"id", "do", "network", "seconds", "by", "why"}


class Act(NamedTuple):
    """A valid request: one source, and a reason that is one printable line."""

    id: str
    do: str
    network: str
    seconds: int
    by: str
    why: str


def check_act(act: Act) -> Act:
    """Return an act, which must be within all bounds. Raises ValueError with a sentence for people."""
    if act.do not in ACTS or not _ID.fullmatch(act.id) or not _NAME.fullmatch(act.by):
        raise ValueError("this request is not possible here")
    check_source(act.network)
    if act.do == ALLOW and not SHORTEST_ALLOWANCE <= act.seconds <= LONGEST_ALLOWANCE:
        raise ValueError("an allowance must last from a minute to 7 days")
    if act.do != ALLOW and act.seconds:
        raise ValueError("only an allowance has an end")
    check_reason(act.why)
    return act


def check_source(network: str) -> None:
    """Raise ValueError unless a text is the spelling of one source, and of no larger network."""
    if len(network) > 50 or spell_ban(network) != network:
        raise ValueError("this is not an address")
    parsed = parse_network(network)
    if parsed.prefixlen < (_IPV4 if parsed.version == 4 else _IPV6):
        raise ValueError("only single addresses can be freed here")


def check_reason(why: str) -> None:
    """Raise ValueError unless a reason is one printable line of a useful length."""
    if not SHORTEST_REASON <= len(why) <= LONGEST_REASON or why != why.strip():
        words = (SHORTEST_REASON, LONGEST_REASON)
        raise ValueError("the reason must have %d to %d characters" % words)
    if not is_visible(why):
        raise ValueError("the reason must be one line of printable characters")


def write_act(act: Act) -> str:
    """Return the text of a request."""
    return json.dumps({**act._asdict(), "why": act.why.encode("utf-8", "replace").hex()})


def read_act(text: bytes) -> Act:
    """Return the request of a file.

    Raises:
        ValueError, LookupError, TypeError, RecursionError: it is none.
    """
    found: Mapping[str, Any] = json.loads(text)
    if not isinstance(found, dict) or set(found) != _FIELDS:
        raise ValueError("it must have six fields")
    if type(found["seconds"]) is not int or not all(
        isinstance(found[name], str) for name in _FIELDS - {"seconds"}
    ):
        raise ValueError("its fields must be texts and a number")
    why = bytes.fromhex(found["why"]).decode("utf-8")
    return check_act(Act(**{**found, "why": why}))
