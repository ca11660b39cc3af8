"""Tables of policies.

The keys of policies are mere numbers and their order decides. A policy is found by its name; a local-in
policy has no name, so it is found by its comments (FortiOS CLI reference).
"""

from __future__ import annotations

from dataclasses import replace

from provision.fortios.config.tables.table import (
    ANY_NAME,
    MARKER,
    SCHEMA,
    SWITCH,
    TEXT,
    Capability,
    Table,
)

# The tables in which a member of a list of addresses can be.
ADDRESSES = ("firewall address", "firewall addrgrp", "system external-resource")
ADDRESSES6 = ("firewall address6", "firewall addrgrp6", "system external-resource")

_POLICY_NUMBER = r"[1-9][0-9]{0,9}"
# The traffic that a policy matches: each of these lets some attackers pass.
_MATCHES = (
    "srcaddr*",
    "dstaddr*",
    "service*",
    "schedule",
    "internet-service*",
    "network-service-*",
)
_DEFAULTS = {
    "action": "deny",
    "status": "enable",
    "srcaddr-negate": "disable",
    "dstaddr-negate": "disable",
    "service-negate": "disable",
    "internet-service-src": "disable",
}
_RESTORES = {
    "status": SWITCH,
    "srcaddr": ANY_NAME,
    "dstaddr": ANY_NAME,
    "action": "deny",
    "service": ANY_NAME,
    "schedule": ANY_NAME,
}

# The order of the two words of `subnet`, an address and its mask, has a meaning.
ADDRESS = Table("firewall address", ordered=frozenset({"subnet"}))

POLICY = Table(
    "firewall policy",
    keys=_POLICY_NUMBER,
    mark="comments",
    identified_by="name",
    sizes={"name": 35, "comments": 1023},
    defaults={
        **_DEFAULTS,
        "logtraffic": "utm",
        "send-deny-packet": "disable",
        "nat": "disable",
        "internet-service": "disable",
        "policy-expiry": "disable",
    },
    always_ours=(
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
    restores={
        **_RESTORES,
        "name": "banstitch_deny",
        "srcintf": ANY_NAME,
        "dstintf": ANY_NAME,
        "srcaddr6": ANY_NAME,
        "dstaddr6": ANY_NAME,
        "match-vip": SWITCH,
        "logtraffic": "all|utm|disable",
        "comments": TEXT,
    },
    members={"srcaddr": ADDRESSES, "srcaddr6": ADDRESSES6},
    capabilities=(
        Capability(
            "virtual_ips_denied",
            "7.2.4-",
            "a deny policy also applies to virtual IPs by default",
            "'match-vip' is set in the policy",
            "release notes of 7.2.4, changes in default values",
        ),
    ),
)

LOCAL_IN_POLICY = Table(
    "firewall local-in-policy",
    keys=_POLICY_NUMBER,
    mark="comments",
    identified_by="comments",
    sizes={"comments": 1023},
    defaults={
        **_DEFAULTS,
        "logtraffic": "disable",
        "ha-mgmt-intf-only": "disable",
        "virtual-patch": "disable",
    },
    always_ours=(
        "status",
        "action",
        "intf",
        "ha-mgmt-intf-only",  # only the interface for the management of a cluster
        *_MATCHES,
    ),
    restores={
        **_RESTORES,
        "intf": ANY_NAME,
        "logtraffic": SWITCH,
        "comments": rf"{MARKER}(?:: .{{1,79}})?",
    },
    members={"srcaddr": ADDRESSES},
    capabilities=(
        Capability(
            "local_in_feed",
            "7.2.4-",
            "a local-in policy takes a feed as its source",
            "choose ssl_vpn, or policy with the VPN on a loopback interface",
            "KB 192354 (threat feeds in policies)",
        ),
        Capability(
            "local_in_interfaces",
            "7.4.2-",
            "a local-in policy applies to several interfaces",
            "one local-in policy for each interface",
            SCHEMA,
        ),
        Capability(
            "local_in_logtraffic",
            "7.6-",
            "a local-in policy logs what it denies ('logtraffic')",
            "'set local-in-deny-unicast' in the log settings logs all of them",
            SCHEMA,
        ),
    ),
)

LOCAL_IN_POLICY6 = replace(LOCAL_IN_POLICY, path="firewall local-in-policy6", capabilities=())
