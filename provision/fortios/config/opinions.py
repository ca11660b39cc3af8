"""Which attributes of our objects are always ours, even where no template sets them.

An attribute of an object of ours that neither the inventory sets nor this table lists is left as it
is, and the plan names it. What is listed goes back to its default: it could break or weaken the loop.

Sources: attribute schema of Fortinet's Ansible collection 2.4.2, FortiOS CLI reference 8.0.0, KB 403001
(`minimum-interval` drops the events of all addresses), KB 201980 (`required`, `delay` in an action).
A name that ends in `*` stands for all that begin so.
"""

from __future__ import annotations

from fnmatch import fnmatchcase

# whom and what a policy stands for: each of these lets some attackers pass
_MATCHES = (
    "srcaddr*",
    "dstaddr*",
    "service*",
    "schedule",
    "internet-service*",
    "network-service-*",
)
_LOCAL_IN = (
    "status",
    "action",
    "intf",
    "ha-mgmt-intf-only",  # only the interface for the management of a cluster
    *_MATCHES,
)

# table path, with "/" before a nested table -> attributes that are always ours
ALWAYS_OURS: dict[str, tuple[str, ...]] = {
    "system automation-trigger": (
        "trigger-type",
        "event-type",
        "logid",
        "vdom",  # events of other VDOMs are lost
    ),
    "system automation-trigger/fields": ("name", "value"),
    "system automation-action": (
        "action-type",
        "minimum-interval",  # events within it are lost, whatever their address
        "delay",  # bans come late
        "required",
        "protocol",
        "method",
        "uri",
        "http-body",
        "port",
        "headers",
        "message-type",  # form-data sends another body
        "verify-host-cert",  # the token could be read on the way
    ),
    "system automation-action/http-headers": ("key", "value"),
    "system automation-stitch": (
        "status",
        "trigger",
        "action",
        "destination",  # members of a Security Fabric that report nothing
        "condition*",  # further conditions
    ),
    "system automation-stitch/actions": ("action", "delay", "required"),
    "system external-resource": (
        "status",
        "type",
        "update-method",  # push: nothing is fetched
        "category",
        "namespace",  # the four that pick parts of a feed in JSON
        "object-array-path",
        "address-name-field",
        "address-data-field",
        "username",
        "password",
        "resource",
        "server-identity-check",  # the password could be read on the way
        "refresh-rate",
    ),
    "firewall policy": (
        "status",
        "name",
        "action",
        "srcintf",
        "dstintf",
        *_MATCHES,
        "match-vip*",
        "users",
        "groups",
        "fsso-groups",
        "ztna-*",
        "src-vendor-mac",
        "reputation-*",
        "geoip-*",
        "policy-expiry*",  # the policy ends by itself
        "tos*",
        "vlan-filter",
        "sgt*",
        "url-category",
        "application",
        "app-*",
    ),
    "firewall local-in-policy": _LOCAL_IN,
    "firewall local-in-policy6": _LOCAL_IN,
    "vpn certificate ca": (
        "ca",
        "ssl-inspection-trusted",  # it is meant for the receiver only
        "scep-url",  # another certificate would take its place
        "est-url",
        "auto-update-*",
    ),
}
ALWAYS_OURS["certificate ca"] = ALWAYS_OURS["vpn certificate ca"]

# Tables inside of our objects that are ours as a whole: a row too many restricts or changes what is sent.
OUR_TABLES = {
    "system automation-trigger": frozenset({"fields"}),
    "system automation-action": frozenset({"http-headers", "form-data"}),
    "system automation-stitch": frozenset({"actions"}),
}


def is_always_ours(path: str, name: str) -> bool:
    """Return whether an attribute of an object of ours goes back to its default if it is not wanted."""
    return any(fnmatchcase(name, each) for each in ALWAYS_OURS.get(path, ("*",)))


def is_our_table(path: str, name: str) -> bool:
    """Return whether a table inside of an object of ours is ours as a whole."""
    return name in OUR_TABLES.get(path, ())
