"""FortiGates without SSL VPN: `auto` denies attackers where IPsec clients dial in."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.e2e.every_fortios import start_simulator
from tests.e2e.memory_site import MemorySite
from tests.simulator import Simulator

pytestmark = pytest.mark.usefixtures("settled_at_once")

TUNNELS = (
    "config vpn ipsec phase1-interface\n"
    'edit "clients"\nset type dynamic\nset interface "{}"\nset psksecret hunter2hunter2\nnext\n'
    'edit "branch"\nset interface "port2"\nset remote-gw 192.0.2.77\nset psksecret hunter3\nnext\nend\n'
)
LISTENS = "config vpn ssl settings\nset source-interface {}\nend\n"
SERVICE, POLICY = "firewall service custom:banstitch_vpn", "firewall local-in-policy:9001"
GONE = ("vpn ssl settings",)


def start(version: str, vdoms: tuple[str, ...] = ()) -> Simulator:
    """Return a FortiGate that lost SSL VPN."""
    return start_simulator(version, vdoms, without_tables=GONE)


@pytest.mark.parametrize("version", ["7.4.8", "7.6.2", "7.6.4", "8.0.0"])
def test_auto_denies_ipsec_on_a_fortigate_without_ssl_vpn(tmp_path: Path, version: str) -> None:
    with start(version) as fortigate:
        fortigate.run(TUNNELS.format("port1"))
        site, before = MemorySite(tmp_path, fortigate, enforcement_ipv6=True), fortigate.show()
        made = site.apply()
        assert made.error == ""
        assert {SERVICE, POLICY, "firewall local-in-policy6:9001"} <= {x.id for x in made.changes}
        assert "takes local_in: IPsec clients dial in on port1" in "\n".join(made.notes)
        assert 'set service "banstitch_vpn"' in fortigate.show()
        assert site.plan().changes == ()
        assert site.verify().changes == ()
        assert "hunter" not in json.dumps(site.records)
        assert site.teardown().error == ""
        assert fortigate.show() == before
        assert site.records == {}


def test_the_tunnels_are_read_in_the_same_exchange(tmp_path: Path) -> None:
    with start("8.0.0") as fortigate, start_simulator("8.0.0", ()) as other:
        fortigate.run(TUNNELS.format("port1"))
        exchanges = []
        for name, each in (("without", fortigate), ("with", other)):
            site = MemorySite(tmp_path / name, each)
            assert site.apply().error == ""
            each.journal.clear()
            assert site.plan().changes == ()
            exchanges.append(each.journal.exchanges())
        assert exchanges[0] == exchanges[1]


def test_the_tunnels_of_the_vdom_of_the_enforcement_count(tmp_path: Path) -> None:
    with start("8.0.0", ("edge",)) as fortigate:
        fortigate.run_in("edge", TUNNELS.format("port1"))
        site, before = MemorySite(tmp_path, fortigate), fortigate.show()
        assert "IPsec clients dial in on none" in site.plan().error
        site.write_inventory(enforcement_vdom="edge")
        made = site.apply()
        assert made.error == ""
        assert {f"edge/{SERVICE}", f"edge/{POLICY}"} <= {each.id for each in made.changes}
        assert site.plan().changes == ()
        assert site.teardown().error == ""
        assert fortigate.show() == before


def test_a_zone_is_named_in_place_of_its_interface(tmp_path: Path) -> None:
    with start("7.6.4") as fortigate:
        fortigate.run("config firewall policy\ndelete 1\nend\n")
        fortigate.run('config system zone\nedit "outside"\nset interface port1\nnext\nend\n')
        fortigate.run(TUNNELS.format("port1"))
        site, before = MemorySite(tmp_path, fortigate), fortigate.show()
        assert site.apply().error == ""
        assert 'set intf "outside"' in fortigate.show()
        assert site.teardown().error == ""
        assert fortigate.show() == before


def test_a_fortigate_whose_ssl_vpn_listens_no_more_moves_to_ipsec(tmp_path: Path) -> None:
    with start_simulator("8.0.0", ()) as fortigate:
        fortigate.run(TUNNELS.format("port1"))
        site, before = MemorySite(tmp_path, fortigate), fortigate.show()
        assert "vpn ssl settings" in {each.id for each in site.apply().changes}
        fortigate.run("config vpn ssl settings\nunset source-interface\nend\n")
        moved = site.apply()
        assert moved.error == ""
        assert "not ssl_vpn: 'vpn ssl settings' listens nowhere" in "\n".join(moved.notes)
        assert "source-address" not in fortigate.show()
        assert site.plan().changes == ()
        assert site.teardown().error == ""
        fortigate.run(LISTENS.format("port1"))
        assert fortigate.show() == before


def test_a_service_that_the_operators_policy_uses_stays(tmp_path: Path) -> None:
    with start("8.0.0") as fortigate:
        fortigate.run(TUNNELS.format("port1"))
        site = MemorySite(tmp_path, fortigate)
        assert site.apply().error == ""
        fortigate.run("config firewall policy\nedit 1\nset service banstitch_vpn\nend\n")
        assert f"{SERVICE} stays: firewall policy:1 refers to it" in site.teardown().error
        fortigate.run("config firewall policy\nedit 1\nset service ALL\nend\n")
        assert site.teardown().error == ""
        assert "banstitch" not in fortigate.show()
