"""From an event to a verdict: taken (which detection, for whom) or ignored (why).

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later, standard library only.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple, Optional

from banstitch_shared.addresses import Address, Networks
from banstitch_shared.eventlog import FAILURE, LOCKOUT, NOTHING, SUCCESS

from receiver import sources
from receiver.conditions import find_unmet, find_user, read_certain
from receiver.lines import Event, Fields, Malformed, read_reason
from receiver.settings import Conditions
from receiver.sources import find_embedded, parse_address

Find = Callable[[str], Optional[str]]
LOG_ID = re.compile(r"[0-9]{1,10}\Z", re.ASCII)
# ui=ssh(192.0.2.1), or ui=192.0.2.1 where FortiOS locks an address out
INSIDE = re.compile(
    r"(?:[A-Za-z]{1,20}\(([0-9A-Fa-f.:]{2,45})\)|(?=[0-9a-f]{0,4}[.:])([0-9a-f.:]{2,45}))\Z"
)


class Detection(NamedTuple):
    """One detection, with the fields that :class:`receiver.settings.DetectionConfig` describes."""

    name: str
    log_ids: frozenset[int]
    success_ids: frozenset[int]
    lockout_ids: frozenset[int]
    address_field: str
    address_inside: str
    user_fields: tuple[str, ...]
    where: Conditions
    success_where: Conditions
    own: Networks
    ignore: Networks


class Verdict(NamedTuple):
    """The verdict on an event. ``ignored`` says why it does not count, and is empty if it does."""

    ignored: str
    detection: str = ""
    address: str = ""
    user: str = ""
    reason: str = ""
    kind: str = FAILURE

    def make_answer(self) -> dict[str, str]:
        """Return what the FortiGate is answered."""
        if self.ignored:
            return {"outcome": "ignored", "reason": self.ignored}
        answer = {"outcome": "taken", "detection": self.detection, "address": self.address}
        return answer if self.kind == FAILURE else {**answer, "kind": self.kind}


def read_detection(block: Mapping[str, Any]) -> Detection:
    """Return a detection of the configuration file as :func:`judge` needs it."""
    return Detection(
        block["name"],
        frozenset(block["log_ids"]),
        frozenset(block["success_ids"]),
        frozenset(block["lockout_ids"]),
        block["address_field"],
        block["address_inside"],
        tuple(block["user_fields"]),
        block["where"],
        block["success_where"],
        sources.read_own(block["own"]),
        sources.read_ignored(block["ignore"]),
    )


def judge(
    event: Event,
    detections: Sequence[Detection],
    spared: Collection[Address],
    documentation: bool,
    ipv6_prefix: int,
) -> Verdict:
    """Return the verdict on one event.

    ``spared``: addresses that are never taken, besides the detection's own lists.
    ``documentation``: whether addresses of the documentation ranges are taken. ``ipv6_prefix``: how many
    bits the IPv6 network of one attacker has.

    Raises:
        Malformed: the event does not say for certain what happened and to whom.
    """
    log_id = find_log_id(event)
    # ten digits are two of type, two of subtype and six of message id; a trigger names the latter
    message, why = int(log_id[-6:]), "no detection for this log id"
    for detection in detections:
        kind = find_kind(detection, message)
        if kind:
            has_condition = kind == SUCCESS or detection.where
            why = find_hindrance(event, detection, kind) if has_condition else ""
            if not why:
                return judge_address(event, detection, kind, spared, documentation, ipv6_prefix)
    return Verdict(why)


def find_kind(detection: Detection, message: int) -> str:
    """Return what a message id means for a detection, or an empty string."""
    if message in detection.log_ids:
        return FAILURE
    if message in detection.success_ids:
        return SUCCESS
    return LOCKOUT if message in detection.lockout_ids else ""


def find_hindrance(event: Event, detection: Detection, kind: str) -> str:
    """Return why an event does not belong to the detection, or an empty string.

    A user name can neither remove a failure nor forge a login: a login must be certain.
    """
    is_login = kind == SUCCESS
    if is_login and (event.find("logid") is None or read_certain(event) is None):
        return "a login that somebody may have typed"
    where = detection.success_where if is_login else detection.where
    unmet = find_unmet(event, where, is_login) if where and kind != LOCKOUT else ""
    return "its %s is not one that counts" % unmet if unmet else ""


def judge_address(
    event: Event,
    detection: Detection,
    kind: str,
    spared: Collection[Address],
    documentation: bool,
    ipv6_prefix: int,
) -> Verdict:
    """Return the verdict on an event of a detection, by its address."""
    value = find_address(event, detection.address_field, detection.address_inside)
    if value in NOTHING:
        return Verdict("the event names no address")
    own = detection.own if kind == SUCCESS else None
    what = value, detection.ignore, own, documentation, ipv6_prefix
    # a replay spares nobody else, and meets most addresses often
    reason, source = find_source(*what, spared) if spared else find_source_again(*what, ())
    if reason:
        return Verdict("address is " + reason)
    said = event.header.get("reason") or read_reason(event.text)
    user = find_user(event, detection.user_fields, kind == SUCCESS)
    return Verdict("", detection.name, source, user, said, kind)


def find_source(
    text: str,
    ignore: Networks,
    own: Networks | None,
    documentation: bool,
    ipv6_prefix: int,
    spared: Collection[Address],
) -> tuple[str, str]:
    """Return why an address does not count, or an empty string, and the source that it counts for.

    ``own``: the site's own addresses, for a login; None for a failure.
    """
    address = parse_address(text)
    if own is not None:
        reason = sources.find_refusal_of_login(address, own)
    else:
        reason = sources.find_refusal(address, ignore, documentation)
    if not reason and (address in spared or find_embedded(address) in spared):
        reason = sources.OWN
    return reason, "" if reason else sources.name_source(address, ipv6_prefix, ignore, spared)


find_source_again = lru_cache(maxsize=65536)(find_source)


def find_log_id(event: Event) -> str:
    """Return the log id, which is a number."""
    log_id = event.find("logid")
    if log_id is None:
        log_id = find_only(value for name, value in read_behind(event) if name == "logid")
    if not LOG_ID.match(log_id or ""):
        raise Malformed("the log id is not a number" if log_id else "the line names no log id")
    return log_id or ""


def find_address(event: Event, name: str, around: str) -> str:
    """Return what stands in the address field, or an empty string.

    ``around``: the field that holds the address where the event has no such field, as old FortiOS
    writes it: ui=ssh(192.0.2.1).
    """
    value = read_address(event.header.get, name, around)
    if value is None:
        value = read_address(event.find_in_line, name, around)
    if value is not None:
        return value
    # It stands behind typed text, which may hold fields of its own: all that is there must agree.
    fields = read_behind(event)
    found = {respell(value) for field, value in fields if field == name}
    within = {
        respell(extract_address(value)) for field, value in fields if around and field == around
    }
    return find_only(found | (within - {""})) or ""


def read_address(find: Find, name: str, around: str) -> str | None:
    """Return the address among fields that nobody typed, or None where they have no such field."""
    value = find(name)
    if value is None and around:
        value = find(around)
        return None if value is None else extract_address(value)
    return value


def read_behind(event: Event) -> Fields:
    """Return all fields, for what decides and stands behind typed text."""
    if not event.ways:
        raise Malformed("the deciding fields follow a user name, in a line without a clear end")
    return event.ways[0]


def respell(value: str) -> str:
    """Return an address in its one spelling, and anything else as it is."""
    try:
        return str(parse_address(value))
    except Malformed:
        return value


def find_only(values: Iterable[str]) -> str | None:
    """Return the one value that there is, or None for no value."""
    found = set(values)
    if len(found) > 1:
        raise Malformed("the line names two log ids or two addresses")
    return found.pop() if found else None


def extract_address(value: str) -> str:
    """Return the address in a value such as ssh(192.0.2.1), or alone in it, or an empty string."""
    found = INSIDE.match(value)
    return found.group(1) or found.group(2) if found else ""
