"""Each place of enforcement, from the inventory to the bytes on the wire of a simulated FortiGate."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.e2e.memory_site import MemorySite
from tests.e2e.test_fortios_matrix import all_drifts, started, unordered

pytestmark = pytest.mark.usefixtures("settled_at_once")

LAN_ONLY = """config firewall policy
edit 1
set name "lan"
set srcintf "port2"
set dstintf "port1"
set srcaddr "all"
set dstaddr "all"
set schedule "always"
set service "ALL"
set action accept
next
end
"""
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
PLACES = [
    pytest.param("6.4.15", (), POLICY, id="policy-6.4"),
    pytest.param("7.2.0", (), POLICY, id="policy-7.2.0"),
    pytest.param("8.0.0", ("edge",), POLICY, id="policy-8.0-vdoms"),
    pytest.param("7.2.11", (), LOCAL_IN, id="local-in-7.2"),
    pytest.param("7.6.4", ("edge",), LOCAL_IN, id="local-in-7.6-vdoms"),
]


@pytest.mark.parametrize(("version", "vdoms", "variables"), PLACES)
def test_a_place_is_planned_applied_mended_and_given_back(
    tmp_path: Path, version: str, vdoms: tuple[str, ...], variables: dict[str, Any]
) -> None:
    with started(version, vdoms) as unit:
        unit.run_in("root" if vdoms else "", LAN_ONLY)
        site, before = MemorySite(tmp_path, unit, **variables), unit.show()
        applied = site.apply()
        assert applied.error == ""
        assert [each.id for each in applied.changes if "policy" in each.id]
        good = unit.show()
        again = site.plan()
        assert (again.error, again.changes) == ("", ())
        assert again.exchanges <= 3
        for drift in all_drifts(unit, [each for each in applied.changes if "policy" in each.id]):
            unit.run_in(drift.scope, drift.lines)
            mended = site.apply()
            assert (mended.error, [each.id for each in mended.changes]) == ("", [drift.id]), drift
            assert unordered(unit.show()) == unordered(good), drift
        gone = site.teardown()
        assert gone.error == ""
        assert unit.show() == before
        assert site.records == {}


@pytest.mark.parametrize(("version", "vdoms", "variables"), PLACES[:2])
def test_a_policy_that_is_moved_above_ours_costs_one_move(
    tmp_path: Path, version: str, vdoms: tuple[str, ...], variables: dict[str, Any]
) -> None:
    with started(version, vdoms) as unit:
        site = MemorySite(tmp_path, unit, **variables)
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


def test_a_place_that_the_inventory_no_longer_names_is_left_for_the_new_one(tmp_path: Path) -> None:
    with started("7.4.8", ()) as unit:
        site, before = MemorySite(tmp_path, unit, **POLICY), unit.show()
        assert site.apply().error == ""
        site.write_inventory(enforcement=["ssl_vpn"])
        moved = site.apply()
        assert moved.error == ""
        assert [each.action for each in moved.changes] == ["update", "delete"]
        assert site.teardown().error == ""
        assert unit.show() == before


def test_a_teardown_says_which_policy_of_the_operator_uses_the_feed(tmp_path: Path) -> None:
    with started("7.4.8", ("edge",)) as unit:
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


def test_a_feed_that_belongs_to_one_vdom_is_made_there(tmp_path: Path) -> None:
    variables = {"feed_scope": "vdom", "enforcement_vdom": "edge"}
    with started("7.4.8", ("edge",)) as unit:
        site, before = MemorySite(tmp_path, unit, **variables), unit.show()
        made = site.apply()
        assert made.error == ""
        assert "edge/system external-resource:banstitch_feed" in {each.id for each in made.changes}
        assert site.plan().changes == ()
        assert site.teardown().error == ""
        assert unit.show() == before


def test_a_vdom_that_is_not_there_is_an_error_and_is_not_made(tmp_path: Path) -> None:
    with started("7.4.8", ("edge",)) as unit:
        site, before = MemorySite(tmp_path, unit, enforcement_vdom="egde"), unit.show()
        said = site.plan()
        assert "no VDOM 'egde'" in said.error
        assert "root, edge" in said.error
        assert site.apply().error == said.error
        assert unit.show() == before


def test_what_a_version_cannot_do_is_said_in_the_plan_with_a_way_out(tmp_path: Path) -> None:
    with started("7.0.17", ()) as unit:
        site = MemorySite(tmp_path, unit, **LOCAL_IN)
        said = site.plan()
        assert "enforcement local_in: FortiOS 7.0.17 cannot" in said.error
        assert "only from 7.2.4 on" in said.error
        assert "hosts.yml" in said.error
        assert unit.journal.changing() == []
        site.write_inventory(**{**LOCAL_IN, "enforcement": "auto"})
        assert "takes ssl_vpn" in "".join(site.plan().notes)


def test_a_switch_of_the_operators_for_open_sessions_comes_back(tmp_path: Path) -> None:
    with started("7.4.8", ()) as unit:
        unit.run("config system settings\nset firewall-session-dirty check-new\nend\n")
        before = unit.show()
        site = MemorySite(tmp_path, unit, enforcement_existing_sessions="clear")
        made = site.apply()
        assert "system settings" in {each.id for each in made.changes}
        assert "firewall-session-dirty" not in unit.show()  # check-all is the default
        assert site.plan().changes == ()
        assert site.teardown().error == ""
        assert unit.show() == before
