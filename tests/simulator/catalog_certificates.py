"""The tables of CA certificates: one of each VDOM, and one for all of a FortiGate with VDOMs.

Source: FortiOS CLI references of 6.2 to 7.4, `config vpn certificate ca` and `config certificate ca`.
"""

from tests.simulator.schema import Attribute, Table, options

_ATTRIBUTES = (
    Attribute("ca", "pem"),
    Attribute("range", "option", 0, "global", options("global vdom")),
    Attribute("source", "option", 0, "user", options("factory user bundle")),
    Attribute("ssl-inspection-trusted", "option", 0, "enable", options("enable disable")),
)
CERTIFICATE_TABLES = (
    Table("certificate ca", "string", 79, scope="global", attributes=_ATTRIBUTES),
    Table("vpn certificate ca", "string", 79, scope="vdom", attributes=_ATTRIBUTES),
)
