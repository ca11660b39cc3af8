"""The shield in the inventory: whom it spares, and which enforcement it may be used with."""

from __future__ import annotations

import ipaddress
import json
from dataclasses import replace
from typing import Any

import pytest

import roles.detection.role
import roles.receiver.role
from provision.desired import running_site
from provision.errors import InputError
from provision.linux.kinds.file import File
from roles import enforcement, rules, shield
from tests.plays import PLAYS
from tests.unit.roles.sample_site import fortios, linux, sample_site


def site(mode: Any = "auto", **more: Any) -> Any:
    networks = (ipaddress.ip_network("198.51.100.0/24"),)
    settings = {"shield": shield.Settings(shield=mode, shield_networks=networks)}
    return sample_site(settings, {"enforcement": enforcement.Settings(**more)})


def test_the_service_knows_its_mode_and_whom_it_never_denies() -> None:
    ignored = {
        "detection_ignore": ["203.0.113.0/28"],
        "detection_settings": {"admin_login_failed": {"ignore": ["203.0.113.77"]}},
    }
    receiver = {"receiver_ignore": ["203.0.113.88"]}
    own = {"shield": "alarm", "shield_networks": ["198.51.100.0/24"]}
    settings: dict[str, Any] = {
        "shield": shield.Settings.model_validate(own),
        "detection": roles.detection.role.Settings.model_validate(ignored),
        "receiver": roles.receiver.role.Settings.model_validate(receiver),
    }
    found = rules.resources(linux(sample_site(settings)))
    text = next(f.content for f in found if isinstance(f, File) and f.path.endswith("rules.json"))
    block = json.loads(text or "")["shield"]
    assert block["mode"] == "alarm"
    assert {
        "127.0.0.0/8",
        "192.0.2.10",
        "192.0.2.1",
        "203.0.113.0/28",
        "203.0.113.77/32",
        "203.0.113.88/32",
        "198.51.100.0/24",
    } <= set(block["spared"])
    # the receiver resolves names
    assert "fw2.example.net" not in block["spared"]


@pytest.mark.parametrize(("mode", "is_spared"), [("off", False), ("alarm", True), ("auto", True)])
def test_hosts_of_other_sites_are_spared_where_it_may_rise_by_itself(
    mode: str, is_spared: bool
) -> None:
    elsewhere = replace(site(mode), inventory_addresses=("192.0.2.10", "203.0.113.1"))
    spared = shield.list_spared(linux(elsewhere))
    assert ("203.0.113.1" in spared) == is_spared
    assert spared.count("192.0.2.10") == 1


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"enforcement": ("ssl_vpn",)},
        {
            "enforcement": ("local_in",),
            "enforcement_local_in_interfaces": ("port1",),
            "enforcement_local_in_services": ("IKE",),
        },
        {"enforcement_policy_source_interfaces": ("port1",)},
    ],
)
def test_it_is_accepted_where_only_vpns_are_denied(settings: dict[str, Any]) -> None:
    assert enforcement.blocks(fortios(site(**settings)))
    running_site.check_shield(site(**settings), PLAYS)


WIDE = [
    ({"enforcement": ("none",)}, "enforcement none leaves the use of the feed open"),
    (
        {"enforcement_local_in_interfaces": ("port1",)},
        "enforcement local_in denies ALL, not only services of the VPN",
    ),
    (
        {
            "enforcement_policy_source_interfaces": ("port1",),
            "enforcement_policy_destination_interfaces": ("port2",),
        },
        "enforcement policy denies all traffic of the policy",
    ),
]


@pytest.mark.parametrize(("settings", "words"), WIDE)
def test_it_is_refused_where_more_would_be_denied(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words) as error:
        enforcement.blocks(fortios(site(**settings)))
    assert "set enforcement to ssl_vpn" in str(error.value)
    with pytest.raises(InputError, match=words):
        running_site.check_shield(site("off", **settings), PLAYS)


@pytest.mark.parametrize("mode", ["off", "alarm"])
@pytest.mark.parametrize(("settings", "_"), WIDE)
def test_any_enforcement_suits_a_shield_that_never_rises(
    mode: str, settings: dict[str, Any], _: str
) -> None:
    enforcement.blocks(fortios(site(mode, **settings)))


def test_ipsec_peers_are_named_in_the_plan() -> None:
    settings: dict[str, Any] = {
        "enforcement": ("local_in",),
        "enforcement_local_in_interfaces": ("port1",),
        "enforcement_local_in_services": ("IKE",),
    }
    (block,) = enforcement.blocks(fortios(site(**settings)))
    assert "list those with a fixed address in shield_networks" in block.note
    (block,) = enforcement.blocks(fortios(site("off", **settings)))
    assert block.note == ""


def test_a_service_that_holds_everything_suits_no_shield_where_auto_finds_the_interfaces() -> None:
    assert enforcement.check_shield(fortios(site())) == []
    (problem,) = enforcement.check_shield(
        fortios(site(enforcement_local_in_services=("ALL_TCP", "IKE")))
    )
    assert "enforcement local_in denies ALL_TCP, not only services of the VPN" in str(problem)
