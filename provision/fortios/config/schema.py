"""What has to be known about FortiOS attributes to compare them: data, each with its source.

`show` leaves defaults out, so a default and an absent attribute are the same thing. Values are
those of 7.4 (FortiOS CLI reference 7.4, attribute schema of Fortinet's own Ansible collection).
"""

from __future__ import annotations

# Set by the unit itself; no two units agree on them (FortiOS CLI reference).
AUTOMATIC = frozenset({"uuid", "snmp-index"})
# table -> what only there is set by the unit itself: how a CA came in, when, and for whom.
_IMPORT = frozenset({"range", "source", "last-updated"})
AUTOMATIC_IN = {"vpn certificate ca": _IMPORT, "certificate ca": _IMPORT}
# Texts in PEM form: where their lines end means nothing.
PEM = frozenset({("vpn certificate ca", "ca"), ("certificate ca", "ca")})

# From FortiOS 6.2 on (CLI reference); taken to be the default, as in the vendor's twin product.
_INSPECTION = {"ssl-inspection-trusted": "enable"}

_POLICY = {
    "action": "deny",
    "status": "enable",
    "srcaddr-negate": "disable",
    "dstaddr-negate": "disable",
    "service-negate": "disable",
    "internet-service-src": "disable",
}
_LOCAL_IN = {
    **_POLICY,
    "logtraffic": "disable",
    "ha-mgmt-intf-only": "disable",
    "virtual-patch": "disable",
}

# table path, with "/" before a nested table -> attribute -> default
DEFAULTS: dict[str, dict[str, str]] = {
    "system automation-trigger": {
        "trigger-type": "event-based",
        "event-type": "ioc",
        "license-type": "forticare-support",
        "trigger-frequency": "daily",
        "trigger-hour": "1",
        "trigger-minute": "0",
    },
    "system automation-action": {
        "action-type": "alert",
        "minimum-interval": "0",
        "protocol": "http",
        "method": "post",
        "port": "0",
        "verify-host-cert": "enable",
        "message-type": "text",
        "message": "%%log%%",
        "replacement-message": "disable",
        "execute-security-fabric": "disable",
        "timeout": "0",
        "delay": "0",
        "required": "disable",
    },
    "system automation-stitch": {"status": "enable", "condition-logic": "and"},
    "system automation-stitch/actions": {"delay": "0", "required": "disable"},
    "system external-resource": {
        "status": "enable",
        "type": "category",
        "update-method": "feed",
        "category": "0",
        "user-agent": "curl/7.58.0",
        "server-identity-check": "none",
        "refresh-rate": "5",
        "source-ip": "0.0.0.0",  # noqa: S104 - FortiOS spells "any" like this
        "interface-select-method": "auto",
        "vrf-select": "0",
        "client-cert-auth": "disable",
        "fabric-object": "disable",
        "threat-feed-hash-mode": "plain-text-db",
        "address-name-field": "$.name",
        "address-data-field": "$.value",
        "address-comment-field": "$.description",
    },
    "vpn ssl settings": {
        "source-address-negate": "disable",
        "source-address6-negate": "disable",
        "login-attempt-limit": "2",
        "login-block-time": "60",
        "login-timeout": "30",
    },
    "vpn certificate ca": _INSPECTION,
    "certificate ca": _INSPECTION,
    "system settings": {"firewall-session-dirty": "check-all"},
    "firewall policy": {
        **_POLICY,
        "logtraffic": "utm",
        "send-deny-packet": "disable",
        "nat": "disable",
        "internet-service": "disable",
        "policy-expiry": "disable",
    },
    "firewall local-in-policy": _LOCAL_IN,
    "firewall local-in-policy6": _LOCAL_IN,
}

# Tables whose keys are numbers without a meaning and whose order decides: what tells an entry.
# A local-in policy has no name (FortiOS CLI reference).
FOUND_BY = {
    "firewall policy": "name",
    "firewall local-in-policy": "comments",
    "firewall local-in-policy6": "comments",
}

# table -> the tables whose entries may refer to its entries (attribute schema, "datasource")
REFERRERS = {
    "system automation-action": ("system automation-stitch",),
    "system automation-trigger": ("system automation-stitch",),
    "system automation-stitch": ("system automation-trigger",),
    "system external-resource": (
        "firewall policy",
        "firewall proxy-policy",
        "firewall central-snat-map",
        "firewall local-in-policy",
        "firewall local-in-policy6",
        "vpn ssl settings",
    ),
}
# Attributes that refer to nothing.
PLAIN_TEXTS = frozenset({"name", "description", "comment", "comments"})

# single object -> what has to be set in it for it to do anything at all
IN_USE = {"vpn ssl settings": "source-interface"}

# Tables that a unit with VDOMs has once for all of them (FortiOS administration guide, VDOMs).
GLOBAL_TABLES = frozenset(
    {
        "system automation-trigger",
        "system automation-action",
        "system automation-stitch",
        "certificate ca",
    }
)

# What a table is called on a unit with VDOMs, where it is for all of them.
CALLED_GLOBALLY = {"vpn certificate ca": "certificate ca"}

# Of several words of a value the order means nothing, except in these.
ORDERED = frozenset({("firewall address", "subnet"), ("system automation-action", "headers")})

# Shown as `ENC <blob>` with another blob at every show (FortiOS CLI reference, "Passwords").
SECRET_NAMES = frozenset({"password", "passwd", "psksecret", "secret", "passphrase"})

# single object -> (list, switch): switch on, the list says who is denied; off, who may enter.
# "all" is what the list holds when nobody is singled out (KB 339998).
DENY_LISTS: dict[str, tuple[tuple[str, str], ...]] = {
    "vpn ssl settings": (
        ("source-address", "source-address-negate"),
        ("source-address6", "source-address6-negate"),
    ),
}
EVERYBODY = frozenset({"all", ""})
