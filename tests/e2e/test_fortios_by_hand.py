"""Attributes set by hand on our objects are kept and reported, unless they break or weaken the loop."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from provision.results import Exit, SiteResult, build_document
from tests.e2e.every_fortios import make_variables, start_simulator
from tests.e2e.memory_site import MemorySite
from tests.simulator import Simulator
from tests.simulator.schema import parse_version

pytestmark = pytest.mark.usefixtures("settled_at_once")

FEED = "system external-resource"
ACTION = "system automation-action"
TRIGGER = "system automation-trigger"
STITCH = "system automation-stitch"
LOGIN = "banstitch_sslvpn_login_failed"
# one of each kind of syntax; the matrix runs through all versions
FORTIGATES = [("6.4.15", ()), ("7.2.0", ("Branch",)), ("7.4.8", ()), ("8.0.0", ("Branch",))]


def by_hand(fortigate: Simulator, table: str, name: str, *lines: str, scope: str = "") -> None:
    """Type ``lines`` into an object of ours, as an administrator would; each must be accepted."""
    if scope or not fortigate.options.vdoms:
        where = scope
    else:
        where, name = "global", f"g-{name}" if table == FEED else name
    typed = "\n".join([f"config {table}", f'edit "{name}"', *lines, "end"])
    before = fortigate.show()
    said = fortigate.run_in(where, typed)
    assert "ail" not in said.replace("mail", "").replace("_failed", "").replace("fail2ban", ""), (
        said
    )
    assert fortigate.show() != before


@pytest.mark.parametrize(("version", "vdoms"), FORTIGATES)
def test_a_route_of_the_feed_that_is_set_by_hand_is_kept_and_reported(
    tmp_path: Path, version: str, vdoms: tuple[str, ...]
) -> None:
    with start_simulator(version, vdoms) as fortigate:
        site, before = (
            MemorySite(tmp_path, fortigate, **make_variables(version, vdoms)),
            fortigate.show(),
        )
        assert site.apply().error == ""
        by_hand(
            fortigate,
            FEED,
            "banstitch_feed",
            "set source-ip 10.0.0.1",
            "set interface-select-method specify",
            'set interface "port1"',
        )
        good = fortigate.show()
        for run in (site.plan, site.verify, site.apply, site.plan):
            found = run()
            assert (found.error, found.state, found.changes) == ("", "ok", ())
            (note,) = [each for each in found.notes if "left as it is" in each]
            assert f"{FEED}:" in note
            assert "source-ip 10.0.0.1" in note
            assert "interface-select-method specify, interface port1" in note
            assert [
                (each["attribute"], each["value"]) for each in found.details["left_as_it_is"]
            ] == [
                ("source-ip", "10.0.0.1"),
                ("interface-select-method", "specify"),
                ("interface", "port1"),
            ]
            shown = build_document("plan", Exit.OK, [SiteResult("bh1", (found,))])
            assert '"source-ip"' in json.dumps(shown)
        assert fortigate.show() == good
        assert site.teardown().error == ""
        assert fortigate.show() == before


@pytest.mark.parametrize(
    ("version", "table", "name", "line"),
    [
        ("7.4.8", ACTION, "banstitch_webhook", "set minimum-interval 60"),
        ("7.4.8", ACTION, "banstitch_webhook", "set verify-host-cert disable"),
        ("7.4.8", ACTION, "banstitch_webhook", "set method put"),
        ("7.6.4", ACTION, "banstitch_webhook", "config form-data\nedit 1\nset key x\nnext\nend"),
        ("6.4.15", ACTION, "banstitch_webhook", "set delay 60"),
        ("6.4.15", ACTION, "banstitch_webhook", "set required enable"),
        ("7.4.8", STITCH, LOGIN, "set status disable"),
        ("7.4.8", STITCH, LOGIN, "config actions\nedit 1\nset delay 60\nnext\nend"),
        ("7.4.8", STITCH, LOGIN, "config actions\nedit 1\nset required disable\nnext\nend"),
        ("7.4.8", TRIGGER, LOGIN, "config fields\nedit 9\nset name user\nset value x\nnext\nend"),
        ("7.4.8", FEED, "banstitch_feed", "set status disable"),
        ("7.4.8", FEED, "banstitch_feed", "set update-method push"),
        ("7.4.8", FEED, "banstitch_feed", "set refresh-rate 43200"),
        ("7.4.8", FEED, "banstitch_feed", "set server-identity-check none"),
    ],
)
def test_an_attribute_that_could_weaken_the_loop_is_restored_and_nothing_else_is_sent(
    tmp_path: Path, version: str, table: str, name: str, line: str
) -> None:
    with start_simulator(version, ()) as fortigate:
        site = MemorySite(tmp_path, fortigate, **make_variables(version, ()))
        assert site.apply().error == ""
        good = fortigate.show()
        by_hand(fortigate, table, name, *line.split("\n"))
        planned = site.plan()
        assert [each.id for each in planned.changes] == [f"{table}:{name}"]
        assert planned.details["left_as_it_is"] == []
        assert site.apply().error == ""
        assert sorted(fortigate.show().split("\n")) == sorted(good.split("\n"))


def test_a_change_does_not_touch_attributes_that_are_left_as_they_are(tmp_path: Path) -> None:
    with start_simulator("8.0.0", ()) as fortigate:
        site = MemorySite(tmp_path, fortigate, **make_variables("8.0.0", ()))
        assert site.apply().error == ""
        by_hand(fortigate, FEED, "banstitch_feed", "set source-ip 10.0.0.1", "set vrf-select 3")
        good = fortigate.show()
        by_hand(fortigate, FEED, "banstitch_feed", "set refresh-rate 60")
        (change,) = site.plan().changes
        assert "set refresh-rate 1" in change.diff
        assert "source-ip" not in change.diff
        assert "vrf" not in change.diff
        assert site.apply().error == ""
        assert fortigate.show() == good


def test_values_that_may_be_secrets_are_not_shown(tmp_path: Path) -> None:
    with start_simulator("7.4.8", ()) as fortigate:
        site = MemorySite(tmp_path, fortigate)
        assert site.apply().error == ""
        agent = 'set user-agent "curl/7.58.0\\\\r\\\\nAuthorization: token s3cr3tT0ken"'
        by_hand(fortigate, FEED, "banstitch_feed", agent)
        found = site.plan()
        assert found.changes == ()
        assert any("user-agent (value not shown)" in each for each in found.notes)
        assert "s3cr3t" not in str(found)


@pytest.mark.parametrize(("version", "vdoms"), FORTIGATES)
def test_the_settings_of_the_route_are_set_changed_and_removed(
    tmp_path: Path, version: str, vdoms: tuple[str, ...]
) -> None:
    has_vrf = parse_version(version) >= (7, 6, 1)
    wants: dict[str, Any] = {"feed_source_ip": "10.0.0.1", "feed_interface": "port1"}
    wants |= {"feed_vrf": 7} if has_vrf else {}
    with start_simulator(version, vdoms) as fortigate:
        before = fortigate.show()
        site = MemorySite(tmp_path, fortigate, **make_variables(version, vdoms), **wants)
        assert site.apply().error == ""
        good = fortigate.show()
        assert "set source-ip 10.0.0.1" in good
        assert 'set interface-select-method specify\n        set interface "port1"' in good
        assert ("set vrf-select 7" in good) == has_vrf
        again = site.plan()
        assert (again.changes, again.details["left_as_it_is"]) == ((), [])
        by_hand(fortigate, FEED, "banstitch_feed", "set source-ip 10.0.0.9")
        assert site.apply().error == ""
        assert fortigate.show() == good

        neutral: dict[str, Any] = {"feed_source_ip": "0.0.0.0", "feed_interface": "auto"}
        neutral |= {"feed_vrf": 0} if has_vrf else {}
        site.write_inventory(**make_variables(version, vdoms), **neutral)
        assert site.apply().error == ""
        assert site.plan().changes == ()
        assert "source-ip" not in fortigate.show()
        assert "interface-select-method" not in fortigate.show()
        assert site.teardown().error == ""
        assert fortigate.show() == before


def test_a_setting_that_a_version_lacks_is_an_error_with_a_remedy(tmp_path: Path) -> None:
    with start_simulator("7.4.8", ()) as fortigate:
        before = fortigate.show()
        said = MemorySite(tmp_path, fortigate, feed_vrf=7).apply().error
        assert "feed_vrf" in said
        assert "7.4.8" in said
        assert "take feed_vrf out" in said
        assert fortigate.show() == before


@pytest.mark.parametrize("version", ["6.4.15", "7.0.0", "7.2.0", "8.0.0"])
def test_the_check_of_the_receivers_certificate_can_be_turned_off(
    tmp_path: Path, version: str
) -> None:
    with start_simulator(version, ()) as fortigate:
        site = MemorySite(tmp_path, fortigate, webhook_verify_certificate=False)
        applied = site.apply()
        assert applied.error == ""
        checked = parse_version(version) >= (7, 0, 0)
        assert ("set verify-host-cert disable" in fortigate.show()) == checked
        assert any("can read the token" in each for each in applied.notes) == checked
        assert site.plan().changes == ()
        site.write_inventory()
        assert site.apply().error == ""
        assert "verify-host-cert" not in fortigate.show()


def with_vdoms(site: MemorySite, *names: str, **variables: Any) -> MemorySite:
    """Set ``detection_vdoms`` of the ban host."""
    site.write_inventory(**variables)
    path = site.folder / "hosts.yml"
    hosts = json.loads(path.read_text())
    hosts["all"]["children"]["ban_hosts"]["vars"] = {"detection_vdoms": list(names)}
    path.write_text(json.dumps(hosts))
    return site


@pytest.mark.parametrize("version", ["7.2.0", "7.4.8", "8.0.0"])
def test_a_fortigate_uses_only_the_vdoms_that_it_has(tmp_path: Path, version: str) -> None:
    with start_simulator(version, ("dmz", "edge")) as fortigate:
        before = fortigate.show()
        site = with_vdoms(MemorySite(tmp_path, fortigate), "edge", "dmz", "elsewhere")
        applied = site.apply()
        assert applied.error == ""
        assert 'set vdom "edge" "dmz"\n' in fortigate.show()
        assert any("there is no VDOM elsewhere here" in each for each in applied.notes)
        assert site.plan().changes == ()
        fortigate.run_in(
            "global", f'config system automation-trigger\nedit "{LOGIN}"\nset vdom "root"\nend'
        )
        assert [each.id for each in site.plan().changes] == [f"global/{TRIGGER}:{LOGIN}"]
        with_vdoms(site)
        assert site.apply().error == ""
        assert (
            "set vdom"
            not in fortigate.show().partition("automation-trigger")[2].partition("end")[0]
        )
        assert site.teardown().error == ""
        assert fortigate.show() == before


def test_a_fortigate_with_none_of_the_vdoms_is_an_error_that_lists_its_vdoms(
    tmp_path: Path,
) -> None:
    with start_simulator("7.4.8", ("dmz",)) as fortigate:
        before = fortigate.show()
        said = with_vdoms(MemorySite(tmp_path, fortigate), "guests", "lab").apply().error
        assert "fgt1 has no VDOM guests or lab; it has root, dmz" in said
        assert "detection_vdoms" in said
        assert fortigate.show() == before


@pytest.mark.parametrize(("version", "vdoms"), [("7.4.8", ()), ("7.0.17", ("dmz",))])
def test_events_of_all_vdoms_count_where_events_do_not_name_their_vdom(
    tmp_path: Path, version: str, vdoms: tuple[str, ...]
) -> None:
    with start_simulator(version, vdoms) as fortigate:
        site = with_vdoms(MemorySite(tmp_path, fortigate), "dmz")
        applied = site.apply()
        assert applied.error == ""
        said = [each for each in applied.notes if "events of all its VDOMs count" in each]
        assert len(said) == len(vdoms)
        assert site.plan().changes == ()
