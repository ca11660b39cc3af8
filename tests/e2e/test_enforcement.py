"""Places of enforcement, VDOMs and names, from the inventory to the bytes on the wire of a simulated unit.

What every version does with all of them at once is in test_fortios_matrix.py.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.every_fortios import start_simulator
from tests.e2e.memory_site import MemorySite

pytestmark = pytest.mark.usefixtures("settled_at_once")

POLICY = {
    "enforcement": ["policy"],
    "enforcement_policy_source_interfaces": ["port1"],
    "enforcement_policy_destination_interfaces": ["any"],
}
LOCAL_IN = {
    "enforcement": ["local_in"],
    "enforcement_local_in_interfaces": ["port1"],
    "enforcement_ipv6": True,
}


@pytest.mark.parametrize("version", ["6.4.15", "8.0.0"])
def test_a_policy_that_is_moved_above_ours_costs_one_move(tmp_path: Path, version: str) -> None:
    with start_simulator(version, ()) as unit:
        site = MemorySite(tmp_path, unit, **POLICY)
        site.apply()
        good = unit.show()
        unit.run("config firewall policy\nmove 1 before 9001\nend\n")
        assert unit.show() != good
        mended = site.apply()
        assert [(each.action, each.reason) for each in mended.changes] == [
            ("update", "it is not the first")
        ]
        assert [line.text for line in unit.journal.changing() if " before " in line.text][-1:] == [
            "move 9001 before 1"
        ]
        assert unit.show() == good


def test_enforcement_moves_from_a_policy_to_ssl_vpn(tmp_path: Path) -> None:
    with start_simulator("7.4.8", ()) as unit:
        site, before = MemorySite(tmp_path, unit, **POLICY), unit.show()
        assert site.apply().error == ""
        site.write_inventory(enforcement=["ssl_vpn"])
        moved = site.apply()
        assert moved.error == ""
        assert [each.action for each in moved.changes] == ["update", "delete"]
        assert site.teardown().error == ""
        assert unit.show() == before


def test_teardown_reports_the_operators_policy_that_uses_the_feed(tmp_path: Path) -> None:
    with start_simulator("7.4.8", ("edge",)) as unit:
        site = MemorySite(tmp_path, unit)
        assert site.apply().error == ""
        unit.run_in("root", "config firewall policy\nedit 1\nset srcaddr g-banstitch_feed\nend\n")
        gone = site.teardown()
        assert (
            "global/system external-resource:g-banstitch_feed stays: "
            "root/firewall policy:1 refers to it"
        ) in gone.error
        unit.run_in("root", "config firewall policy\nedit 1\nset srcaddr all\nend\n")
        assert site.teardown().error == ""
        assert "banstitch" not in unit.show()
        assert site.records == {}


def test_a_feed_for_one_vdom_is_created_in_that_vdom(tmp_path: Path) -> None:
    variables = {"feed_scope": "vdom", "enforcement_vdom": "edge"}
    with start_simulator("7.4.8", ("edge",)) as unit:
        site, before = MemorySite(tmp_path, unit, **variables), unit.show()
        made = site.apply()
        assert made.error == ""
        assert "edge/system external-resource:banstitch_feed" in {each.id for each in made.changes}
        assert site.plan().changes == ()
        assert site.teardown().error == ""
        assert unit.show() == before


def test_a_missing_vdom_is_an_error_and_is_not_created(tmp_path: Path) -> None:
    with start_simulator("7.4.8", ("edge",)) as unit:
        site, before = MemorySite(tmp_path, unit, enforcement_vdom="egde"), unit.show()
        said = site.plan()
        assert "no VDOM 'egde'" in said.error
        assert "root, edge" in said.error
        assert site.apply().error == said.error
        assert unit.show() == before


def test_a_vdom_setting_is_an_error_on_a_fortigate_without_vdoms(tmp_path: Path) -> None:
    with start_simulator("7.4.8", ()) as unit:
        site = MemorySite(tmp_path, unit, enforcement_vdom="edge")
        assert "runs without VDOMs, so it has no VDOM 'edge'" in site.plan().error
        site.write_inventory(enforcement_vdom="root")
        assert site.plan().error == ""


def test_the_error_for_a_model_without_ssl_vpn_suggests_an_alternative(tmp_path: Path) -> None:
    with start_simulator("8.0.0", (), without_tables=("vpn ssl settings",)) as unit:
        site = MemorySite(tmp_path, unit)
        said = site.plan().error
        assert "not ssl_vpn: this FortiGate has no 'vpn ssl settings'" in said
        assert "set enforcement_local_in_interfaces" in said
        assert "set enforcement_policy_source_interfaces" in said
        site.write_inventory(enforcement="ssl_vpn")
        assert "this FortiGate has no 'vpn ssl settings'" in site.plan().error
        site.write_inventory(enforcement_local_in_interfaces=["port1"])
        assert site.apply().error == ""
        notes = "\n".join(site.plan().notes)
        assert "takes local_in: it is in place; not ssl_vpn: this FortiGate has no" in notes


def test_the_plan_reports_a_missing_capability_with_an_alternative(tmp_path: Path) -> None:
    with start_simulator("7.0.17", ()) as unit:
        site = MemorySite(tmp_path, unit, **LOCAL_IN)
        said = site.plan()
        assert "enforcement local_in: FortiOS 7.0.17 cannot" in said.error
        assert "only from 7.2.4 on" in said.error
        assert "hosts.yml" in said.error
        assert unit.journal.changing() == []
        site.write_inventory(**{**LOCAL_IN, "enforcement": "auto"})
        assert "takes ssl_vpn" in "".join(site.plan().notes)


def test_teardown_restores_the_operators_setting_for_open_sessions(tmp_path: Path) -> None:
    with start_simulator("7.4.8", ()) as unit:
        unit.run("config system settings\nset firewall-session-dirty check-new\nend\n")
        before = unit.show()
        site = MemorySite(tmp_path, unit, enforcement_existing_sessions="clear")
        made = site.apply()
        assert "system settings" in {each.id for each in made.changes}
        assert "firewall-session-dirty" not in unit.show()  # check-all is the default
        assert site.plan().changes == ()
        assert site.teardown().error == ""
        assert unit.show() == before


def test_names_with_special_characters_arrive_unchanged(tmp_path: Path) -> None:
    names = ["zone ?1", "50%%log%%", "größe", "n" * 35]
    with start_simulator("7.6.4", ()) as unit:
        for name in names:
            unit.run(f'config system zone\nedit "{name}"\nnext\nend\n')
        variables = {**LOCAL_IN, "enforcement_local_in_interfaces": names}
        site, before = MemorySite(tmp_path, unit, **variables), unit.show()
        assert site.apply().error == ""
        assert f"set intf {' '.join(f'{chr(34)}{name}{chr(34)}' for name in names)}" in unit.show()
        assert site.plan().changes == ()
        assert site.teardown().error == ""
        assert unit.show() == before


def test_a_line_of_more_than_480_characters_arrives_whole(tmp_path: Path) -> None:
    names = [f"zone-with-a-long-name-number-{number:03}" for number in range(20)]
    with start_simulator("7.6.4", ()) as unit:
        for name in names:
            unit.run(f'config system zone\nedit "{name}"\nnext\nend\n')
        site = MemorySite(
            tmp_path, unit, **{**POLICY, "enforcement_policy_source_interfaces": names}
        )
        assert site.apply().error == ""
        (line,) = [each for each in unit.show().splitlines() if names[0] in each and "set" in each]
        assert len(line) > 480
        assert all(name in line for name in names)
        assert site.plan().changes == ()


def test_in_a_vdom_an_allow_list_is_refused_and_a_deny_list_is_extended(
    tmp_path: Path,
) -> None:
    addresses = "config firewall address\nedit office\nset subnet 45.0.0.0/24\nnext\nend\n"
    theirs = "config vpn ssl settings\nset source-address office\n{}end\n"
    with start_simulator("7.4.8", ("edge",)) as unit:
        site = MemorySite(tmp_path, unit, enforcement="ssl_vpn", enforcement_vdom="edge")
        unit.run(f"config vdom\nedit edge\n{addresses}{theirs.format('')}end\n")
        allowing = unit.show()
        assert "allow-list 'source-address office'" in str(site.apply().error)
        assert unit.show() == allowing

        denying = theirs.format("set source-address-negate enable\n")
        unit.run(f"config vdom\nedit edge\n{denying}end\n")
        before = unit.show()
        assert site.apply().error == ""
        assert 'set source-address "office" "g-banstitch_feed"' in unit.show()
        assert site.teardown().error == ""
        assert unit.show() == before
