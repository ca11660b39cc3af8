"""IPsec clients of a FortiGate without SSL VPN: its own settings say where they dial in."""

from __future__ import annotations

import pytest

from provision.fortios.config.facts import assume_facts
from provision.fortios.config.text import Config, parse
from provision.fortios.config.versions import read_version
from roles.dialup import Dialup, find_dialup

DIALUP = """config vpn ipsec phase1-interface
    edit "branch"
        set interface "wan2"
    next
    edit "clients"
        set type dynamic
        set interface "wan1"
    next
    edit "phones"
        set type dynamic
        set interface "wan1"
    next
end
"""
LISTENS = 'config vpn ssl settings\n    set source-interface "wan1"\nend\n'
SILENT = "config vpn ssl settings\n    set port 8443\nend\n"


def find(text: str, version: str = "8.0.0") -> Dialup | None:
    own = {config.path: config.body for config in parse(text) if isinstance(config, Config)}
    return find_dialup(assume_facts(read_version(version)), own)


def find_tcp(settings: str, version: str) -> tuple[int, ...]:
    found = find(DIALUP + settings, version)
    assert found
    return found.tcp


def test_clients_dial_in_where_tunnels_of_type_dynamic_listen() -> None:
    found = find(DIALUP)
    assert found
    assert found.interfaces == ("wan1",)
    assert found.udp == (500, 4500)


@pytest.mark.parametrize(
    ("version", "ssl_vpn", "is_dialup"),
    [
        ("7.6.0", "", True),
        ("7.6.2", SILENT, False),
        ("7.6.2", LISTENS, False),
        ("7.6.4", SILENT, True),
        ("7.6.4", LISTENS, False),
        ("8.0.0", LISTENS.replace("end\n", "    set status disable\nend\n"), True),
        ("8.0.0", "", True),
    ],
)
def test_only_a_fortigate_without_ssl_vpn_is_looked_at(
    version: str, ssl_vpn: str, is_dialup: bool
) -> None:
    assert bool(find(ssl_vpn + DIALUP, version)) == is_dialup


@pytest.mark.parametrize("text", ["", DIALUP.replace("dynamic", "ddns")])
def test_without_a_dial_up_tunnel_there_is_nothing_to_deny(text: str) -> None:
    assert find(text) is None


def test_a_zone_stands_for_its_interfaces() -> None:
    zone = 'config system zone\n edit "outside zone"\n set interface "wan2" "wan1"\n next\nend\n'
    found = find(DIALUP + zone)
    assert found
    assert found.interfaces == ("outside zone",)


@pytest.mark.parametrize("name", ["", "x" * 36, '\\"', " wan1"])
def test_an_interface_that_cannot_be_one_is_left_out(name: str) -> None:
    assert find(DIALUP.replace("wan1", name)) is None


@pytest.mark.parametrize(
    ("version", "settings", "ports"),
    [
        ("7.4.8", "", (1001, 4500)),
        ("7.4.8", "set ike-tcp-port 4500", (1001, 4500)),
        ("7.6.0", "", (1001, 4500)),
        ("7.6.4", "", (443, 1001, 4500, 11443)),
        ("7.6.4", "set ike-tcp-port 5500", (1001, 4500, 5500, 11443)),
        ("8.0.0", "", (1001,)),
        ("8.0.0", "set ike-tcp-service disable", (1001,)),
        ("8.0.0", "set ike-tcp-service enable", (443, 1001, 4500, 11443)),
        ("8.0.0", "set ike-tls-service enable\nset ike-tcp-port 4500", (1001, 4500)),
        ("7.6.4", "set ike-tcp-port 70000", (1001,)),
        ("7.6.4", "set ike-tcp-port ²", (1001,)),
    ],
)
def test_the_tcp_ports_follow_the_version_and_its_settings(
    version: str, settings: str, ports: tuple[int, ...]
) -> None:
    assert find_tcp(f"config system settings\n{settings}\nend\n", version) == ports


@pytest.mark.parametrize(("port", "ports"), [("9443", (9443,)), ("0", ())])
def test_the_saml_port_is_that_of_the_fortigate(port: str, ports: tuple[int, ...]) -> None:
    text = f"config system global\nset auth-ike-saml-port {port}\nend\n"
    assert find_tcp(text, "8.0.0") == ports


def test_a_udp_port_of_its_own_is_added() -> None:
    found = find(f"{DIALUP}config system settings\nset ike-port 6000\nend\n")
    assert found
    assert found.udp == (500, 4500, 6000)
