"""Closed lists of a FortiGate's objects that can be ours, and of attributes that memory may restore.

Everything that a ban host remembers may be forged by whoever took that host over. So these lists are
closed: tables, names, attributes and the form of each value. What is not here is never typed because
a record asks for it. Secrets, `action-type`, scripts and profiles are left out on purpose.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

# What the comments of our objects begin with.
MARKER = "Managed by Banstitch"

# Regular expressions that have to match a whole word.
_OURS = r"banstitch_[a-z0-9_]{1,69}"
_FEED = rf"(?:g-)?{_OURS}"
_POLICY_NUMBER = r"[1-9][0-9]{0,9}"
_NAME = r".{1,79}"
_TEXT = r".{0,1023}"
_NUMBER = r"[0-9]{1,9}"
_SWITCH = r"enable|disable"
_VDOM = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,30}"
_INTERFACE = r".{1,15}"

Values = Mapping[str, str]


@dataclass(frozen=True)
class Owned:
    """One table in which objects can be ours.

    ``keys``: the form of its keys, empty for a single object. ``mark``: the attribute that begins with
    :data:`MARKER`, empty where the table has none. ``restores``: attribute to the form of each of its
    words. ``nested``: the same for the entries of tables inside an entry, whose keys are numbers.
    ``clears``: attributes that a restore may unset and never set.
    """

    keys: str
    mark: str = ""
    restores: Values = field(default_factory=dict)
    nested: Mapping[str, Values] = field(default_factory=dict)
    clears: frozenset[str] = frozenset()


_POLICY = {
    "status": _SWITCH,
    "srcaddr": _NAME,
    "dstaddr": _NAME,
    "action": "deny",
    "service": _NAME,
    "schedule": _NAME,
}
_LOCAL_IN = Owned(
    keys=_POLICY_NUMBER,
    mark="comments",
    restores={
        **_POLICY,
        "intf": _NAME,
        "logtraffic": _SWITCH,
        "comments": rf"{MARKER}(?:: .{{1,79}})?",
    },
)
_SSL_LIST = {
    name: form
    for family in ("", "6")
    for name, form in {
        f"source-address{family}": _NAME,
        f"source-address{family}-negate": _SWITCH,
    }.items()
}

OWNED: dict[str, Owned] = {
    "system automation-trigger": Owned(
        keys=_OURS,
        mark="description",
        restores={
            "description": _TEXT,
            "trigger-type": "event-based",
            "event-type": "event-log",
            "logid": _NUMBER,
            "vdom": _VDOM,
        },
        nested={"fields": {"name": _TEXT, "value": _TEXT}},
    ),
    # `action-type` decides what the other attributes mean, so none of them comes from memory
    "system automation-action": Owned(keys=_OURS, mark="description"),
    "system automation-stitch": Owned(
        keys=_OURS,
        mark="description",
        restores={"description": _TEXT, "status": _SWITCH, "trigger": _OURS, "action": _OURS},
        nested={"actions": {"action": _OURS, "required": _SWITCH, "delay": _NUMBER}},
    ),
    "system external-resource": Owned(
        keys=_FEED,
        mark="comments",
        restores={
            "status": _SWITCH,
            "type": "address",
            "username": _TEXT,
            "comments": _TEXT,
            "resource": r"https?://[!-~]{1,500}",
            "server-identity-check": "none|basic|full",
            "refresh-rate": _NUMBER,
            "source-ip": r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}",
            "source-ip-interface": _INTERFACE,
            "interface-select-method": "auto|sdwan|specify",
            "interface": _INTERFACE,
            "vrf-select": r"[0-9]{1,3}",
        },
        clears=frozenset({"password"}),
    ),
    "vpn certificate ca": Owned(keys=_OURS),
    "certificate ca": Owned(keys=_OURS),
    "firewall policy": Owned(
        keys=_POLICY_NUMBER,
        mark="comments",
        restores={
            **_POLICY,
            "name": "banstitch_deny",
            "srcintf": _NAME,
            "dstintf": _NAME,
            "srcaddr6": _NAME,
            "dstaddr6": _NAME,
            "match-vip": _SWITCH,
            "logtraffic": "all|utm|disable",
            "comments": _TEXT,
        },
    ),
    "firewall local-in-policy": _LOCAL_IN,
    "firewall local-in-policy6": _LOCAL_IN,
    "vpn ssl settings": Owned(keys="", restores=_SSL_LIST),
    "system settings": Owned(
        keys="", restores={"firewall-session-dirty": "check-all|check-new|check-policy-option"}
    ),
}

# attribute of ours that lists addresses -> the tables in which a member of it may stand
_ADDRESSES = ("firewall address", "firewall addrgrp", "system external-resource")
_ADDRESSES6 = ("firewall address6", "firewall addrgrp6", "system external-resource")
MEMBERS = {
    "source-address": _ADDRESSES,
    "source-address6": _ADDRESSES6,
    "srcaddr": _ADDRESSES,
    "srcaddr6": _ADDRESSES6,
}
