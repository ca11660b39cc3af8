"""Find where the dial-up IPsec VPN of a FortiGate without SSL VPN listens, by its own settings.

Sources: attribute schema of Fortinet's Ansible collection (`vpn ipsec phase1-interface`, `system
settings`); FortiOS administration guides of 7.6.2 and 8.0.0, IPsec over TCP; new features of 7.2.0, SAML.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pydantic import TypeAdapter, ValidationError

from provision.fortios.config.diff import get_values, read_attributes
from provision.fortios.config.facts import Facts
from provision.fortios.config.tables import find_table
from provision.fortios.config.text import Edit, Tree
from provision.sites.setting_types import InterfaceName

SERVICE = "banstitch_vpn"

SSL_VPN, TUNNELS, ZONES = "vpn ssl settings", "vpn ipsec phase1-interface", "system zone"
SETTINGS, GLOBAL = "system settings", "system global"
PATHS = (SSL_VPN, TUNNELS, ZONES, SETTINGS, GLOBAL)

_NAME: TypeAdapter[str] = TypeAdapter(InterfaceName)
# The port of NAT traversal. IKE over TCP listens on it, too, and behind any other TCP port on the second.
_NAT_PORT, _REDIRECTED = 4500, 11443

Own = Mapping[str, Tree]


@dataclass(frozen=True)
class Dialup:
    """The interfaces or zones, and the ports, on which a FortiGate answers IPsec clients."""

    interfaces: tuple[str, ...]
    udp: tuple[int, ...]
    tcp: tuple[int, ...]


def find_dialup(facts: Facts, own: Own) -> Dialup | None:
    """Return the dial-up VPN; None if the FortiGate has SSL VPN, or no client dials in."""
    interfaces = tuple(dict.fromkeys(_list_interfaces(own)))
    if has_ssl_vpn(facts, own) or not interfaces:
        return None
    return Dialup(
        interfaces,
        tuple(sorted({500, _NAT_PORT, *_find_port(own, SETTINGS, "ike-port")})),
        tuple(sorted({*_list_tcp_ports(facts, own), *_list_saml_ports(facts, own)})),
    )


def has_ssl_vpn(facts: Facts, own: Own) -> bool:
    """Return whether it has SSL VPN; without a tunnel mode, only if the web mode listens."""
    if SSL_VPN not in own:
        return False
    is_off = _get(own, SSL_VPN, "status") == "disable"
    is_used = bool(_get(own, SSL_VPN, "source-interface")) and not is_off
    return facts.has("ssl_vpn_tunnel") or is_used


def _list_interfaces(own: Own) -> Iterator[str]:
    """Yield where tunnels of type dynamic listen; a policy cannot name an interface of a zone."""
    zones = {
        member: zone
        for zone, attributes in _list_entries(own, ZONES)
        for member in attributes.get("interface", ())
    }
    for _, attributes in _list_entries(own, TUNNELS):
        if attributes.get("type") == ("dynamic",):
            for name in attributes.get("interface", ()):
                yield from _keep_possible(zones.get(name, name))


def _keep_possible(name: str) -> Iterator[str]:
    try:
        yield _NAME.validate_python(name)
    except ValidationError:
        return


def _list_tcp_ports(facts: Facts, own: Own) -> Iterator[int]:
    switches = ("ike-tcp-service", "ike-tls-service")
    is_on = any(_get(own, SETTINGS, name) == "enable" for name in switches)
    if not facts.has("ike_tcp") or (facts.has("ike_tcp_switch") and not is_on):
        return
    default = "443" if facts.has("ike_tcp_443") else "4500"
    for port in _find_port(own, SETTINGS, "ike-tcp-port", default):
        yield from (port,) if port == _NAT_PORT else (port, _NAT_PORT, _REDIRECTED)


def _list_saml_ports(facts: Facts, own: Own) -> Iterator[int]:
    if facts.has("ike_saml"):
        default = find_table(GLOBAL).defaults["auth-ike-saml-port"]
        yield from _find_port(own, GLOBAL, "auth-ike-saml-port", default)


def _find_port(own: Own, path: str, name: str, default: str = "") -> Iterator[int]:
    """Yield the port that a setting names; nothing if it is 0 or no port."""
    text = _get(own, path, name) or default
    if text.isascii() and text.isdigit() and 0 < int(text[:6]) < 65536:
        yield int(text[:6])


def _get(own: Own, path: str, name: str) -> str:
    return " ".join(get_values(read_attributes(own.get(path, ())).get(name, ())))


def _list_entries(own: Own, path: str) -> Iterator[tuple[str, dict[str, tuple[str, ...]]]]:
    for node in own.get(path, ()):
        if isinstance(node, Edit):
            attributes = read_attributes(node.body)
            yield node.key.value, {name: get_values(words) for name, words in attributes.items()}
