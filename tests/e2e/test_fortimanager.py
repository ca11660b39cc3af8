"""A FortiGate that FortiManager manages, from the inventory to the bytes on the wire of a simulator."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.memory_site import MemorySite
from tests.simulator import Options, Simulator

pytestmark = pytest.mark.usefixtures("settled_at_once")

MANAGER = "10.0.0.9"
SSL_ON = "config vpn ssl settings\nset source-interface port1\nset source-address all\nend\n"
POLICY = {
    "enforcement": ["policy"],
    "enforcement_policy_source_interfaces": ["port1"],
    "enforcement_policy_destination_interfaces": ["any"],
}


@pytest.mark.parametrize("purges", [False, True])
def test_what_auto_makes_survives_the_install_of_a_package(tmp_path: Path, purges: bool) -> None:
    options = Options(enc_stable=True, manager=MANAGER, package_purges=purges)
    with Simulator(options) as fortigate:
        fortigate.run(SSL_ON)
        site = MemorySite(tmp_path, fortigate, enforcement_policy_source_interfaces=["port1"])
        assert site.apply().error == ""
        fortigate.install_package()
        assert site.plan().changes == ()


def test_a_policy_that_an_install_removed_is_made_again(tmp_path: Path) -> None:
    with Simulator(Options(enc_stable=True, manager=MANAGER, package_purges=True)) as fortigate:
        site = MemorySite(tmp_path, fortigate, **POLICY)
        assert any(MANAGER in note for note in site.apply().notes)
        fortigate.install_package()
        lost = [change.id for change in site.plan().changes]
        assert "firewall policy:9001" in lost
        assert site.apply().error == ""
        assert site.plan().changes == ()
