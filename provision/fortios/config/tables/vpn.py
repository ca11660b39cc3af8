"""Tables about the VPNs of a FortiGate and the ports on which it listens.

IPsec tunnels and zones are only read. Pre-shared secrets stand among the tunnels, so only what is needed is
kept of them.
"""

from __future__ import annotations

from provision.fortios.config.tables.table import OUR_NAME, TEXT, Table

# 500, 8000-8010, or either of them with ":" and source ports.
_PORTS = r"[0-9]{1,5}(?:-[0-9]{1,5})?(?::[0-9]{1,5}(?:-[0-9]{1,5})?)?"

IPSEC_TUNNELS = Table("vpn ipsec phase1-interface", keeps=frozenset({"type", "interface"}))
ZONES = Table("system zone", keeps=frozenset({"interface"}))

SERVICE = Table(
    "firewall service custom",
    keys=OUR_NAME,
    mark="comment",
    sizes={"": 79, "comment": 255},
    defaults={
        "protocol": "TCP/UDP/SCTP",
        "app-service-type": "disable",
        "proxy": "disable",
        "iprange": "0.0.0.0",  # noqa: S104 - FortiOS spells "any" like this
    },
    always_ours=(
        "protocol*",
        "*-portrange",
        "iprange",
        "fqdn",
        "app-*",
        "application",
        "proxy",
    ),
    restores={
        "comment": TEXT,
        "tcp-portrange": _PORTS,
        "udp-portrange": _PORTS,
        "sctp-portrange": _PORTS,
    },
    referrers=(
        "firewall policy",
        "firewall proxy-policy",
        "firewall local-in-policy",
        "firewall local-in-policy6",
        "firewall service group",
    ),
)
