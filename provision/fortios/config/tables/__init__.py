"""The FortiOS tables that Banstitch knows, by path. A new table is listed in `_TABLES`, and nowhere else.

Sources, where a table names no other: attribute schema of Fortinet's Ansible collection 2.4.2, FortiOS CLI
reference 7.4, FortiOS administration guide (VDOMs).
"""

from __future__ import annotations

from fnmatch import fnmatchcase

from provision.fortios.config.tables import (
    automation,
    certificates,
    firewall,
    settings,
    threat_feed,
    vpn,
)
from provision.fortios.config.tables.table import Table

_TABLES = (
    automation.TRIGGER,
    automation.ACTION,
    automation.STITCH,
    automation.PROFILE,
    threat_feed.EXTERNAL_RESOURCE,
    certificates.VPN_CA,
    certificates.GLOBAL_CA,
    vpn.SERVICE,
    vpn.IPSEC_TUNNELS,
    vpn.ZONES,
    firewall.ADDRESS,
    firewall.POLICY,
    firewall.LOCAL_IN_POLICY,
    firewall.LOCAL_IN_POLICY6,
    settings.SSL_VPN_SETTINGS,
    settings.SYSTEM_GLOBAL,
    settings.AUTOMATION_SETTING,
    settings.SYSTEM_SETTINGS,
)

# Path to table; a table inside another stands behind a "/".
TABLES = {table.path: table for table in _TABLES} | {
    f"{table.path}/{inner.path}": inner for table in _TABLES for inner in table.inner
}
CAPABILITIES = {
    capability.name: capability for table in _TABLES for capability in table.capabilities
}
# Path in a VDOM to the path for objects that all VDOMs may use.
GLOBAL_PATHS = {table.path: table.global_path for table in _TABLES if table.global_path}

_UNKNOWN = Table("")


def find_table(path: str) -> Table:
    """Return the record of a table; an empty record if the table is unknown."""
    return TABLES.get(path, _UNKNOWN)


def is_always_ours(path: str, attribute: str) -> bool:
    """Return whether an attribute of our objects returns to its default if no template sets it."""
    return any(fnmatchcase(attribute, pattern) for pattern in find_table(path).always_ours)
