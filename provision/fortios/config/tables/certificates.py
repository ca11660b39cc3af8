"""Tables of CA certificates.

With VDOMs, a CA that all of them may use has a table of its own (FortiOS CLI reference,
`config certificate ca` and `config vpn certificate ca`).
"""

from __future__ import annotations

from dataclasses import replace

from provision.fortios.config.tables.table import OUR_NAME, Table

VPN_CA = Table(
    "vpn certificate ca",
    keys=OUR_NAME,
    global_path="certificate ca",
    sizes={"": 79},
    # from FortiOS 6.2 on (CLI reference); taken to be the default, as in the vendor's twin product
    defaults={"ssl-inspection-trusted": "enable"},
    # how a CA came in, when, and for whom
    automatic=frozenset({"range", "source", "last-updated"}),
    pem=frozenset({"ca"}),
    always_ours=(
        "ca",
        "ssl-inspection-trusted",  # it is meant for the receiver only
        "scep-url",  # another certificate would take its place
        "est-url",
        "auto-update-*",
    ),
)

GLOBAL_CA = replace(VPN_CA, path="certificate ca", scope="global", global_path="")
