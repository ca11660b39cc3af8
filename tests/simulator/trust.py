"""The CA certificates that a FortiGate holds, and how it checks a server against them.

Sources: FortiOS CLI reference (`vpn certificate ca`, `certificate ca` of a FortiGate with VDOMs), webhook
attribute `verify-host-cert`, feed attribute `server-identity-check`. The CAs that come with a FortiGate
are not modelled.
"""

import ssl
from typing import Literal

from tests.simulator.catalog_certificates import CERTIFICATE_TABLES
from tests.simulator.config import Config

Check = Literal["none", "basic", "full"]


def list_authorities(config: Config) -> str:
    """The CA certificates that the FortiGate holds, in PEM form."""
    blocks = (
        scope.get(table.path) for scope in config.scopes.values() for table in CERTIFICATE_TABLES
    )
    rows = (row for block in blocks if block for row in block.rows.values())
    return "\n".join(" ".join(row.texts("ca")) for row in rows)


def client(held: str, check: Check) -> ssl.SSLContext:
    """Return the TLS settings of the FortiGate: `basic` checks the issuer, `full` the name as well."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = check == "full"
    if check == "none":
        context.verify_mode = ssl.CERT_NONE
    elif held.strip():
        context.load_verify_locations(cadata=held)
    return context
