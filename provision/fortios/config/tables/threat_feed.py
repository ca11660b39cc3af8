"""The table of external resources, which holds threat feeds."""

from __future__ import annotations

from provision.fortios.config.tables.table import (
    NUMBER,
    OUR_NAME,
    SCHEMA,
    TEXT,
    Capability,
    Table,
)

_INTERFACE = r".{1,15}"

EXTERNAL_RESOURCE = Table(
    "system external-resource",
    keys=rf"(?:g-)?{OUR_NAME}",
    mark="comments",
    scope="both",
    sizes={
        "": 35,
        "username": 64,
        "password": 128,
        "comments": 255,
        "resource": 511,
        "user-agent": 255,
    },
    defaults={
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
    always_ours=(
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
    restores={
        "status": r"enable|disable",
        "type": "address",
        "username": TEXT,
        "comments": TEXT,
        "resource": r"https?://[!-~]{1,500}",
        "server-identity-check": "none|basic|full",
        "refresh-rate": NUMBER,
        "source-ip": r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}",
        "source-ip-interface": _INTERFACE,
        "interface-select-method": "auto|sdwan|specify",
        "interface": _INTERFACE,
        "vrf-select": r"[0-9]{1,3}",
    },
    clears=frozenset({"password"}),
    referrers=(
        "firewall policy",
        "firewall proxy-policy",
        "firewall central-snat-map",
        "firewall local-in-policy",
        "firewall local-in-policy6",
        "vpn ssl settings",
    ),
    capabilities=(
        Capability(
            "uuid",
            "7.0-",
            "a feed has a 'uuid', which the FortiGate makes and Banstitch never compares",
            "there is none",
            SCHEMA,
        ),
        Capability(
            "server_identity_check",
            "7.0.8-7.0, 7.2.4-",
            "a feed can check the receiver's certificate ('server-identity-check')",
            "the certificate is not checked",
            SCHEMA,
        ),
        Capability(
            "user_agent",
            "6.4.0-6.4.0, 6.4.4-",
            "a feed can name its 'user-agent'",
            "it calls itself curl/7.58.0",
            SCHEMA,
        ),
        Capability(
            "feed_interface",
            "6.4.0-6.4.0, 6.4.4-",
            "a feed is fetched through a named interface ('interface-select-method', 'interface')",
            "routing decides; take feed_interface out, or set feed_source_ip",
            SCHEMA,
        ),
        Capability(
            "feed_refresh_command",
            "7.6.5-",
            "a command fetches the feed at once ('execute update-external-resource')",
            "whether it has the command is not documented; run verify to see whether it works",
            "CLI references of 7.6.5 and 8.0.0",
        ),
        Capability(
            "feed_vrf",
            "7.6.1-",
            "a feed is fetched in a named VRF ('vrf-select')",
            "take feed_vrf out, or set feed_interface",
            SCHEMA,
        ),
    ),
)
