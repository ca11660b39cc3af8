"""The tables the simulator knows: a FortiOS schema as data, one version rule per line.

Sources: the vendor's machine-readable schemas (Ansible collection, Terraform provider) and the CLI
references of 7.2 and 8.0. Attributes are listed in the order of `show`.
"""

from collections.abc import Mapping
from functools import cache

from tests.simulator.catalog_automation import ACTION, RESOURCE, STITCH, TRIGGER
from tests.simulator.catalog_certificates import CERTIFICATE_TABLES
from tests.simulator.catalog_policy import POLICY_TABLES
from tests.simulator.schema import (
    EVERY,
    Attribute,
    Table,
    Version,
    at_version,
    flag,
    options,
    within,
)

SYSTEM_TABLES = (
    Table(
        "system global",
        attributes=(
            Attribute("admin-lockout-duration", "integer", (1, 4294967295), "60"),
            Attribute("admin-lockout-threshold", "integer", (1, 10), "3"),
            Attribute("admintimeout", "integer", (1, 480), "5"),
            Attribute("alias", size=35),
            Attribute("auth-ike-saml-port", "integer", (0, 65535), "1001", versions="7.2-"),
            Attribute("cfg-revert-timeout", "integer", (10, 4294967295), "600"),
            Attribute("cfg-save", "option", 0, "automatic", options("automatic manual revert")),
            Attribute("hostname", size=35),
            Attribute("timezone", size=63, default="US/Pacific"),
            Attribute(
                "vdom-mode",
                "option",
                0,
                "no-vdom",
                options("no-vdom multi-vdom", split_vdom="6.2-7.0"),
            ),
        ),
    ),
    Table(
        "system accprofile",
        "string",
        attributes=(
            Attribute("scope", "option", 0, "vdom", options("vdom global")),
            Attribute("comments", size=255),
            Attribute("secfabgrp", "option", 0, "none", options("none read read-write")),
            Attribute("sysgrp", "option", 0, "none", options("none read read-write custom")),
            Attribute("fwgrp", "option", 0, "none", options("none read read-write custom")),
            Attribute("vpngrp", "option", 0, "none", options("none read read-write")),
            flag("cli-exec", "disable", "7.4.2-"),
        ),
    ),
    Table(
        "system interface",
        "string",
        15,
        attributes=(
            Attribute("vdom", "ref", 31, "", refers={"system vdom": EVERY}),
            Attribute("mode", "option", 0, "static", options("static dhcp pppoe")),
            Attribute("ip", "subnet", default="0.0.0.0 0.0.0.0"),
            Attribute("allowaccess", "any"),
            Attribute("status", "option", 0, "up", options("up down")),
            Attribute("type", "option", 0, "", options("physical vlan loopback tunnel aggregate")),
            Attribute("alias", size=25),
            Attribute("snmp-index", "integer", (0, 4294967295), "0"),
        ),
    ),
    Table(
        "system admin",
        "string",
        64,
        attributes=(
            Attribute("accprofile", "ref", 35, refers={"system accprofile": EVERY}),
            Attribute("vdom", "refs", refers={"system vdom": EVERY}),
            Attribute("password", "secret", 128),
        ),
    ),
    Table(
        "system console",
        attributes=(
            Attribute("mode", "option", 0, "line", options("batch line"), versions="-7.4.0"),
            Attribute("baudrate", "option", 0, "9600", options("9600 19200 38400 57600 115200")),
            Attribute("output", "option", 0, "more", options("standard more")),
            flag("login", "enable"),
        ),
    ),
    Table(
        "system csf",
        attributes=(
            flag("status", "disable"),
            Attribute("upstream", size=255, versions="7.0-"),
            Attribute("upstream-ip", "ip", versions="-6.4"),
            Attribute("group-name", size=35),
        ),
    ),
    Table(
        "system central-management",
        attributes=(
            Attribute("mode", "option", 0, "normal", options("normal backup")),
            Attribute("type", "option", 0, "none", options("fortimanager fortiguard none")),
            flag("allow-push-configuration", "enable"),
            Attribute("serial-number", "any"),
            Attribute("fmg", "any"),
        ),
    ),
    Table(
        "system ha",
        attributes=(
            Attribute("group-name", size=32),
            Attribute("mode", "option", 0, "standalone", options("standalone a-a a-p")),
            Attribute("priority", "integer", (0, 255), "128"),
        ),
    ),
    TRIGGER,
    ACTION,
    Table(
        "system automation-destination",
        "string",
        attributes=(
            Attribute("type", "option", 0, "fortigate", options("fortigate ha-cluster")),
            Attribute("destination", "strings", 31),
            Attribute("ha-group-id", "integer", (0, 255), "0"),
        ),
    ),
    STITCH,
    Table(
        "automation setting",
        versions="7.2.0-",
        attributes=(
            Attribute("max-concurrent-stitches", "integer", (32, 1024), "512"),
            flag("fabric-sync", "enable", "7.2.4-"),
            flag("secure-mode", "disable", "7.6.4-"),
        ),
    ),
    RESOURCE,
    Table(
        "system settings",
        scope="vdom",
        attributes=(
            Attribute("comments", size=255),
            Attribute("opmode", "option", 0, "nat", options("nat transparent")),
            flag("gui-allow-unnamed-policy", "disable"),
            Attribute(
                "firewall-session-dirty",
                "option",
                0,
                "check-all",
                options("check-all check-new check-policy-option"),
            ),
            Attribute("ike-port", "integer", (500, 65535), "500", versions="7.0-"),
            Attribute("ike-tcp-port", "integer", (1, 65535), "4500", versions="7.4.2-7.6.0"),
            Attribute("ike-tcp-port", "integer", (1, 65535), "443", versions="7.6.1-"),
            flag("ike-tcp-service", "disable", "8.0-"),
            flag("ike-tls-service", "disable", "8.0-"),
        ),
    ),
    *CERTIFICATE_TABLES,
    Table(
        "vpn certificate local",
        "string",
        scope="both",
        attributes=(
            Attribute("password", "secret", 128),
            Attribute("comments", size=511),
        ),
    ),
)


# Models of 2 GB have no SSL VPN from 7.6.0 on (community statements).
SMALL = ("FortiGate-40F", "FortiGate-60F", "FortiGate-61F")
_SSL_VPN_OF_SMALL = "-7.4"


@cache
def list_tables(version: Version, model: str = "") -> Mapping[str, Table]:
    """Return every table that `version` has on `model`, by path, in the order of a full `show`."""
    lost = model in SMALL and not within(_SSL_VPN_OF_SMALL, version)
    return {
        table.path: at_version(table, version)
        for table in (*SYSTEM_TABLES, *POLICY_TABLES)
        if within(table.versions, version) and not (lost and table.path.startswith("vpn ssl"))
    }
