"""A FortiGate without SSL VPN, on which `auto` denies attackers where IPsec clients dial in."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from provision.desired import collect
from provision.errors import Failed
from provision.fortios.config.desired import Desired
from provision.fortios.config.facts import Facts, assume_facts
from provision.fortios.config.observed import Observed
from provision.fortios.config.text import Config, parse
from provision.fortios.config.versions import read_version
from provision.fortios.planning.planner import FortiPlan, object_ids_to_observe, plan
from provision.fortios.record.record import Record
from roles import enforcement
from tests.plays import PLAYS
from tests.unit.fortios.fortios_model import (
    ModelFortiGate,
    apply_blocks,
    make_fortigate,
    normalize_fortigate,
    observe,
    tear_down,
)
from tests.unit.fortios.sample_cli import KEY
from tests.unit.roles.sample_site import TOKENS, sample_site

TUNNEL = (
    'config vpn ipsec phase1-interface\nedit "clients"\nset type dynamic\nset interface "wan1"\n'
    "set psksecret ENC c2VjcmV0\nnext\nend\n"
)
LISTENS = 'config vpn ssl settings\nset source-interface "wan1"\nset source-address "all"\nend\n'
SILENT = "config vpn ssl settings\nset port 8443\nend\n"
SSL_VPN, SERVICE = "vpn ssl settings", "firewall service custom:banstitch_vpn"
POLICY, POLICY6 = "firewall local-in-policy:9001", "firewall local-in-policy6:9001"


class Site:
    """A FortiGate of that version, planned as the engine does: look, render again, compare."""

    def __init__(self, version: str, *vdoms: str, **settings: Any) -> None:
        chosen = enforcement.Settings.model_validate(settings)
        self.facts: Facts = assume_facts(read_version(version), *vdoms)
        self.site = sample_site(fortigate={"enforcement": chosen})

    def render(self, observed: Observed | None = None) -> Desired:
        return collect.render_desired(
            self.site, self.site.fortigates[0], PLAYS, TOKENS, self.facts, observed=observed
        )

    def observe(self, fortigate: ModelFortiGate, record: Record) -> Observed:
        ids = object_ids_to_observe(self.render(), record)
        found = observe(fortigate, ids)
        gone = {each for each in ids if each.endswith(SSL_VPN) and found.objects[each] is None}
        return replace(found, missing=frozenset(gone))

    def plan(self, fortigate: ModelFortiGate, record: Record | None = None) -> FortiPlan:
        record = record or Record()
        observed = self.observe(fortigate, record)
        want = self.render(observed) if self.render().provisional else self.render()
        assert {*object_ids_to_observe(want, record)} <= observed.objects.keys()
        return plan(want, observed, record, key=KEY)


def list_enforcement(made: FortiPlan) -> list[str]:
    tables = ("vpn ", "firewall ")
    ids = [change.id.rpartition("/")[2] for change in made.changes]
    return [each for each in ids if each.startswith(tables) and "certificate" not in each]


def join_notes(made: FortiPlan) -> str:
    return "\n".join(made.warnings)


def test_auto_denies_the_ports_of_ipsec_where_clients_dial_in() -> None:
    made = Site("7.6.4").plan(make_fortigate(TUNNEL))
    assert list_enforcement(made) == [SERVICE, POLICY]
    text = "".join(change.diff for change in made.changes)
    assert "set udp-portrange 500 4500" in text
    assert "set tcp-portrange 443 1001 4500 11443" in text
    assert 'set intf "wan1"' in text
    assert 'set service "banstitch_vpn"' in text
    assert "takes local_in: IPsec clients dial in on wan1" in join_notes(made)
    assert "not ssl_vpn: this FortiGate has no 'vpn ssl settings'" in join_notes(made)


def test_without_a_tunnel_for_clients_the_reason_is_given() -> None:
    with pytest.raises(Failed) as error:
        Site("7.6.4").plan(make_fortigate(TUNNEL.replace("dynamic", "ddns")))
    assert "IPsec clients dial in on none (no tunnel has type dynamic)" in str(error.value)
    assert "set enforcement_local_in_interfaces" in str(error.value)


def test_the_detections_of_ipsec_are_those_that_exist_there() -> None:
    made = Site("8.0.0").plan(make_fortigate(TUNNEL))
    ids = {change.id for change in made.changes}
    assert "system automation-trigger:banstitch_ipsec_login_failed" in ids
    assert "system automation-trigger:banstitch_ipsec_login_ok" in ids
    assert not [each for each in ids if "sslvpn" in each]


def test_a_second_run_changes_nothing_and_a_teardown_leaves_nothing() -> None:
    site, before = Site("8.0.0", enforcement_ipv6=True), make_fortigate(TUNNEL)
    made = site.plan(before)
    assert list_enforcement(made) == [SERVICE, POLICY, POLICY6]
    held = apply_blocks(before, made.blocks)
    again = site.plan(held, made.settled)
    assert again.changes == ()
    assert "it is in place" in join_notes(again)
    assert Record.from_json(made.settled.to_json()) == made.settled
    after = tear_down(held, made.settled)
    assert normalize_fortigate(after) == normalize_fortigate(before)


def test_the_policy_follows_the_settings_of_the_fortigate() -> None:
    site, before = Site("8.0.0"), make_fortigate(TUNNEL)
    made = site.plan(before)
    moved = TUNNEL.replace("wan1", "wan2") + "config system settings\nset ike-port 6000\nend\n"
    held = apply_blocks(before, made.blocks) | make_fortigate(moved)
    again = site.plan(held, made.settled)
    assert list_enforcement(again) == [SERVICE, POLICY]
    assert 'set intf "wan2"' in "".join(change.diff for change in again.changes)


def test_a_service_that_was_changed_by_hand_is_restored() -> None:
    site, before = Site("8.0.0"), make_fortigate(TUNNEL)
    made = site.plan(before)
    held = apply_blocks(before, made.blocks)
    (by_hand,) = parse("config x\nset iprange 198.51.100.1\nset color 3\nend\n")
    assert isinstance(by_hand, Config)
    held[SERVICE] = (*held[SERVICE], *by_hand.body)
    again = site.plan(held, made.settled)
    assert list_enforcement(again) == [SERVICE]
    assert [line.strip() for line in again.changes[0].diff.splitlines() if "set" in line] == [
        "unset iprange"
    ]


@pytest.mark.parametrize("version", ["7.4.8", "7.6.4", "8.0.0"])
def test_a_fortigate_with_ssl_vpn_gets_what_it_always_got(version: str) -> None:
    made = Site(version).plan(make_fortigate(TUNNEL, LISTENS))
    assert list_enforcement(made) == [SSL_VPN]


@pytest.mark.parametrize("version", ["7.4.0", "7.6.2"])
def test_a_tunnel_mode_that_nobody_uses_is_still_ssl_vpn(version: str) -> None:
    assert list_enforcement(Site(version).plan(make_fortigate(TUNNEL, SILENT))) == [SSL_VPN]


def test_enforcement_moves_when_an_upgrade_takes_ssl_vpn_away() -> None:
    before = make_fortigate(TUNNEL, LISTENS)
    made = Site("7.6.2").plan(before)
    held = apply_blocks(before, made.blocks)
    held[SSL_VPN] = tuple(
        node for node in held[SSL_VPN] if getattr(node, "name", "") != "source-interface"
    )
    moved = Site("8.0.0").plan(held, made.settled)
    assert {SSL_VPN, SERVICE, POLICY} <= set(list_enforcement(moved))
    assert "not ssl_vpn: 'vpn ssl settings' listens nowhere" in join_notes(moved)
    after = apply_blocks(held, moved.blocks)
    assert "banstitch_feed" not in str(after[SSL_VPN])


def test_the_vdom_of_the_enforcement_is_asked() -> None:
    root, edge = (
        {f"{vdom}/{each}": body for each, body in make_fortigate(text).items()}
        for vdom, text in (("root", TUNNEL), ("edge", TUNNEL.replace("wan1", "wan9")))
    )
    made = Site("8.0.0", "edge", enforcement_vdom="edge").plan(root | edge)
    assert list_enforcement(made) == [SERVICE, POLICY]
    assert f"edge/{SERVICE}" in {change.id for change in made.changes}
    assert 'set intf "wan9"' in "".join(change.diff for change in made.changes)


def test_interfaces_of_the_inventory_come_first() -> None:
    site = Site("8.0.0", enforcement_local_in_interfaces=["port1"])
    assert not site.render().provisional
    made = site.plan(make_fortigate(TUNNEL))
    assert list_enforcement(made) == [POLICY]
    assert 'set service "ALL"' in "".join(change.diff for change in made.changes)


def test_services_of_the_inventory_replace_ours() -> None:
    made = Site("8.0.0", enforcement_local_in_services=["IKE"]).plan(make_fortigate(TUNNEL))
    assert list_enforcement(made) == [POLICY]
    assert 'set service "IKE"' in "".join(change.diff for change in made.changes)


@pytest.mark.parametrize("version", ["7.2.11", "7.4.7"])
def test_a_version_that_always_has_ssl_vpn_is_asked_for_nothing_more(version: str) -> None:
    want = Site(version).render()
    assert not want.provisional
    assert not [each for each in want.reads if "ipsec" in each]


def test_no_secret_of_a_tunnel_gets_into_a_plan() -> None:
    made = Site("8.0.0").plan(make_fortigate(TUNNEL))
    assert "c2VjcmV0" not in str((made.changes, made.record.to_json(), made.settled.to_json()))
