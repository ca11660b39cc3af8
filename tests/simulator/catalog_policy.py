"""The VDOM side of the catalog: addresses, services, policies and SSL VPN settings.

Sources: the same vendor schemas as `catalog.py`. A feed (system external-resource) may be used in a
local-in policy from 7.2.4 on (and not in 7.2.0 to 7.2.3), never in an address group.
"""

from tests.simulator.schema import EVERY, Attribute, Table

_INTERFACES = {"system interface": EVERY, "system zone": EVERY}
_ADDRESSES = {"firewall address": EVERY, "firewall addrgrp": EVERY}
_ADDRESSES6 = {"firewall address6": EVERY}
_FEED = {"system external-resource": EVERY}
_LOCAL_FEED = {"system external-resource": "7.2.4-"}
_SERVICES = {"firewall service custom": EVERY, "firewall service group": EVERY}
_SCHEDULE = {"firewall schedule recurring": EVERY}


def _make_option(name: str, default: str, choices: str, versions: str = "") -> Attribute:
    return Attribute(
        name, "option", 0, default, dict.fromkeys(choices.split(), EVERY), versions=versions
    )


def _make_local_in_table(path: str, addresses: dict[str, str]) -> Table:
    return Table(
        path,
        "integer",
        scope="vdom",
        limit=512,
        member_error=True,
        attributes=(
            Attribute("uuid", "uuid", versions="6.4-"),
            _make_option("ha-mgmt-intf-only", "disable", "enable disable"),
            Attribute("intf", "ref", 35, refers=_INTERFACES, versions="-7.4.1", required=True),
            Attribute("intf", "refs", 35, refers=_INTERFACES, versions="7.4.2-", required=True),
            Attribute(
                "srcaddr",
                "refs",
                79,
                refers=addresses | _LOCAL_FEED,
                required=True,
                when=("internet-service-src", "disable"),
            ),
            _make_option("srcaddr-negate", "disable", "enable disable", "7.0-"),
            _make_option("internet-service-src", "disable", "enable disable", "7.4.4-"),
            Attribute(
                "internet-service-src-name",
                "any",
                versions="7.4.4-",
                when=("internet-service-src", "enable"),
            ),
            Attribute("dstaddr", "refs", 79, refers=addresses | _LOCAL_FEED, required=True),
            _make_option("action", "deny", "accept deny"),
            Attribute("service", "refs", 79, refers=_SERVICES, required=True),
            Attribute("schedule", "ref", 35, refers=_SCHEDULE, required=True),
            _make_option("status", "enable", "enable disable"),
            _make_option("virtual-patch", "disable", "enable disable", "7.2.4-"),
            _make_option("logtraffic", "disable", "enable disable", "7.6.0-"),
            Attribute("comments", size=1023),
        ),
    )


POLICY = Table(
    "firewall policy",
    "integer",
    scope="vdom",
    member_error=True,
    attributes=(
        _make_option("status", "enable", "enable disable"),
        Attribute("name", size=35, unique=True),
        Attribute("uuid", "uuid"),
        Attribute("srcintf", "refs", 35, refers=_INTERFACES, required=True),
        Attribute("dstintf", "refs", 35, refers=_INTERFACES, required=True),
        _make_option("action", "deny", "accept deny ipsec"),
        Attribute("srcaddr", "refs", 79, refers=_ADDRESSES | _FEED, required=True),
        Attribute("dstaddr", "refs", 79, refers=_ADDRESSES | _FEED, required=True),
        Attribute("srcaddr6", "refs", 79, refers=_ADDRESSES6 | _FEED),
        Attribute("dstaddr6", "refs", 79, refers=_ADDRESSES6 | _FEED),
        _make_option("send-deny-packet", "disable", "enable disable"),
        Attribute("schedule", "ref", 35, refers=_SCHEDULE, required=True),
        Attribute("service", "refs", 79, refers=_SERVICES, required=True),
        _make_option("match-vip", "enable", "enable disable", "7.2.4-"),
        _make_option("match-vip", "disable", "enable disable", "-7.2.3"),
        _make_option("logtraffic", "utm", "all utm disable"),
        _make_option("nat", "disable", "enable disable"),
        Attribute("comments", size=1023),
        _make_option("srcaddr-negate", "disable", "enable disable"),
        _make_option("dstaddr-negate", "disable", "enable disable"),
    ),
)

_TUNNEL = "-7.6.2"
_SOURCES = (
    Attribute("source-interface", "refs", 35, refers=_INTERFACES),
    Attribute("source-address", "refs", 79, refers=_ADDRESSES | _FEED),
    _make_option("source-address-negate", "disable", "enable disable"),
    Attribute("source-address6", "refs", 79, refers=_ADDRESSES6 | _FEED),
    _make_option("source-address6-negate", "disable", "enable disable"),
)
SSL_SETTINGS = Table(
    "vpn ssl settings",
    scope="vdom",
    attributes=(
        _make_option("status", "enable", "enable disable", "7.0.1-"),
        Attribute("login-attempt-limit", "integer", (0, 10), "2"),
        Attribute("login-block-time", "integer", (0, 86400), "60"),
        Attribute("login-timeout", "integer", (10, 180), "30"),
        Attribute("idle-timeout", "integer", (0, 259200), "300"),
        Attribute("servercert", "ref", 35, refers={"vpn certificate local": EVERY}),
        Attribute("tunnel-ip-pools", "refs", 79, refers=_ADDRESSES, versions=_TUNNEL),
        Attribute("port", "integer", (1, 65535), "10443"),
        *_SOURCES,
        Attribute("default-portal", "ref", 35, refers={"vpn ssl web portal": EVERY}),
    ),
    tables=(
        Table(
            "authentication-rule",
            "integer",
            attributes=(
                *_SOURCES,
                Attribute("users", "any"),
                Attribute("groups", "any"),
                Attribute("portal", "ref", 35, refers={"vpn ssl web portal": EVERY}),
            ),
        ),
    ),
)

IPSEC_TUNNELS = Table(
    "vpn ipsec phase1-interface",
    "string",
    15,
    scope="vdom",
    attributes=(
        _make_option("type", "static", "static dynamic ddns"),
        Attribute("interface", "ref", 35, refers={"system interface": EVERY}, required=True),
        _make_option("ike-version", "1", "1 2"),
        _make_option("mode-cfg", "disable", "disable enable"),
        _make_option("eap", "disable", "enable disable"),
        Attribute("remote-gw", "ip", default="0.0.0.0"),
        Attribute("psksecret", "secret", 128),
        Attribute("comments", size=255),
    ),
)

POLICY_TABLES = (
    Table(
        "firewall address",
        "string",
        79,
        scope="vdom",
        attributes=(
            Attribute("uuid", "uuid"),
            _make_option(
                "type", "ipmask", "ipmask iprange fqdn geography dynamic interface-subnet"
            ),
            Attribute("start-ip", "ip", when=("type", "iprange")),
            Attribute("end-ip", "ip", when=("type", "iprange")),
            Attribute("fqdn", size=255, when=("type", "fqdn")),
            Attribute("country", "any", when=("type", "geography")),
            Attribute("comment", size=255),
            Attribute("associated-interface", "ref", 35, refers=_INTERFACES),
            Attribute("color", "integer", (0, 32), "0"),
            Attribute("subnet", "subnet", default="0.0.0.0 0.0.0.0", when=("type", "ipmask")),
        ),
    ),
    Table(
        "firewall address6",
        "string",
        79,
        scope="vdom",
        attributes=(
            Attribute("uuid", "uuid"),
            Attribute("ip6", "any", default="::/0"),
            Attribute("comment", size=255),
        ),
    ),
    Table(
        "firewall addrgrp",
        "string",
        79,
        scope="vdom",
        attributes=(
            Attribute("uuid", "uuid"),
            Attribute("member", "refs", 79, refers=_ADDRESSES, required=True),
            Attribute("comment", size=255),
        ),
    ),
    Table(
        "firewall service custom",
        "string",
        79,
        scope="vdom",
        attributes=(
            Attribute("uuid", "uuid", versions="7.4-"),
            Attribute("category", size=63),
            _make_option("protocol", "TCP/UDP/SCTP", "TCP/UDP/SCTP ICMP ICMP6 IP HTTP FTP ALL"),
            Attribute("tcp-portrange", "any"),
            Attribute("udp-portrange", "any"),
            Attribute("comment", size=255),
        ),
    ),
    Table(
        "firewall service group",
        "string",
        79,
        scope="vdom",
        attributes=(Attribute("member", "refs", 79, refers={"firewall service custom": EVERY}),),
    ),
    Table(
        "firewall schedule recurring",
        "string",
        31,
        scope="vdom",
        attributes=(Attribute("day", "any", default="none"),),
    ),
    Table(
        "system zone",
        "string",
        scope="vdom",
        attributes=(Attribute("interface", "refs", 15, refers={"system interface": EVERY}),),
    ),
    Table(
        "vpn ssl web portal",
        "string",
        scope="vdom",
        attributes=(
            _make_option("tunnel-mode", "disable", "enable disable", _TUNNEL),
            _make_option("web-mode", "disable", "enable disable"),
        ),
    ),
    SSL_SETTINGS,
    IPSEC_TUNNELS,
    POLICY,
    _make_local_in_table("firewall local-in-policy", _ADDRESSES),
    _make_local_in_table("firewall local-in-policy6", _ADDRESSES6),
)
