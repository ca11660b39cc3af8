"""Single objects of which only some attributes are ours: they exist on every FortiGate."""

from __future__ import annotations

from provision.fortios.config.tables.firewall import ADDRESSES, ADDRESSES6
from provision.fortios.config.tables.table import ANY_NAME, SCHEMA, SWITCH, Capability, Table

SSL_VPN_SETTINGS = Table(
    "vpn ssl settings",
    keys="",
    defaults={
        "source-address-negate": "disable",
        "source-address6-negate": "disable",
        "login-attempt-limit": "2",
        "login-block-time": "60",
        "login-timeout": "30",
    },
    restores={
        "source-address": ANY_NAME,
        "source-address-negate": SWITCH,
        "source-address6": ANY_NAME,
        "source-address6-negate": SWITCH,
    },
    members={"source-address": ADDRESSES, "source-address6": ADDRESSES6},
    deny_lists=(
        ("source-address", "source-address-negate"),
        ("source-address6", "source-address6-negate"),
    ),
    used_if="source-interface",
    capabilities=(
        Capability(
            "ssl_vpn_tunnel",
            "6.4-7.6.2",
            "SSL VPN has a tunnel mode",
            "SSL VPN has only its web mode left, where the model has it at all; failed IPsec logins "
            "have log ids of their own",
            "release notes of 7.6.3, SSL VPN tunnel mode no longer supported",
        ),
        Capability(
            "ssl_vpn_optional",
            "7.4.8-7.4, 7.6-",
            "some models have no SSL VPN at all",
            "all models have it",
            "release notes of 7.4.8 and 7.6.0, SSL VPN not supported on some models",
        ),
    ),
)

# FortiOS CLI reference, `config system global`, `config automation setting`: these are only read.
SYSTEM_GLOBAL = Table(
    "system global",
    scope="global",
    defaults={
        "admin-lockout-threshold": "3",
        "admin-lockout-duration": "60",
        "auth-ike-saml-port": "1001",
    },
    capabilities=(
        Capability(
            "ike_saml",
            "7.2-",
            "IPsec users log in by SAML at a port of their own ('auth-ike-saml-port')",
            "there is no such port",
            "new features of 7.2.0, SAML-based authentication for FortiClient remote access",
        ),
    ),
)
AUTOMATION_SETTING = Table(
    "automation setting",
    scope="global",
    defaults={"max-concurrent-stitches": "512", "secure-mode": "disable"},
)

SYSTEM_SETTINGS = Table(
    "system settings",
    keys="",
    defaults={"firewall-session-dirty": "check-all"},
    restores={"firewall-session-dirty": "check-all|check-new|check-policy-option"},
    capabilities=(
        Capability(
            "ike_tcp",
            "7.4.2-",
            "IKE has a TCP port ('ike-tcp-port')",
            "IKE uses UDP only",
            SCHEMA,
        ),
        Capability(
            "ike_tcp_443",
            "7.6.1-",
            "the TCP port of IKE is 443 by default",
            "it is 4500",
            "administration guides of 7.6.0 and 7.6.2, encapsulate ESP packets within TCP headers",
        ),
        Capability(
            "ike_tcp_switch",
            "8.0-",
            "IKE uses TCP only where 'ike-tcp-service' or 'ike-tls-service' is enabled",
            "it always listens on its TCP port",
            "administration guide of 8.0.0, tunneling protocol and encapsulation",
        ),
    ),
)
