"""Autonomous systems: enough suspicious sources of one ban its networks, and a login spares it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from rules.settings import DAY, Detection, Rule
from rules.systems import MOST_NETWORKS, Systems

from tests.unit.rules.step_model import RULES, SETTINGS, SSLVPN, WEEK, Site
from tests.unit.rules.systems_model import NETWORKS, look_up_in

BANS = ["asn 198.51.100.0/24", "asn 203.0.0.0/16", "asn 2001:db8::/32"]


def settings_with(networks: dict[str, int]) -> Site:
    rules = {**RULES, "asn": Rule(3, WEEK)}
    del rules["network"]
    detections = {SSLVPN: Detection(SSLVPN, rules)}
    systems = Systems(look_up_in(networks))
    return Site(replace(SETTINGS, detections=detections, systems=systems))


@pytest.fixture
def site() -> Site:
    return settings_with(NETWORKS)


def of_systems(bans: list[str]) -> list[str]:
    return sorted(ban for ban in bans if ban.startswith("asn "))


def test_three_sources_that_weigh_2_together_ban_all_networks_of_their_system(site: Site) -> None:
    assert of_systems(site.fail("203.0.113.1", "test")) == []
    assert of_systems(site.fail("198.51.100.1", "nobody")) == []
    assert of_systems(site.fail("2001:db8:7:7::/64", "nobody")) == sorted(BANS)


def test_two_sources_ban_no_system_however_often_they_fail(site: Site) -> None:
    for _ in range(5):
        site.fail("203.0.113.1", "test")
        assert of_systems(site.fail("203.0.200.1", "test")) == []


def test_whoever_has_one_ipv6_network_bans_no_system(site: Site) -> None:
    for number in range(16):
        assert of_systems(site.fail(f"2001:db8:7:{number:x}00::/64", "test")) == []


def test_sources_of_different_systems_do_not_meet(site: Site) -> None:
    site.fail("203.0.113.1", "test")
    site.fail("203.0.114.1", "test")
    assert of_systems(site.fail("45.1.2.3", "test")) == []


def test_sources_of_no_system_ban_nothing(site: Site) -> None:
    for host in range(1, 9):
        assert of_systems(site.fail(f"9.9.{host}.1", "test")) == []


def test_a_login_spares_its_system_for_thirty_days(site: Site) -> None:
    site.log_in("198.51.100.200", "alice")
    began = site.now
    for host in range(1, 9):
        assert of_systems(site.fail(f"203.0.{host}.1", "test")) == []
    site.now = began + 30 * DAY - 10
    for host in range(1, 9):
        assert of_systems(site.fail(f"203.0.{host}.2", "test")) == []
    site.now = began + 30 * DAY
    for host in (1, 2):
        assert of_systems(site.fail(f"203.0.{host}.3", "test")) == []
    assert of_systems(site.fail("203.0.3.3", "test")) == sorted(BANS)


def test_a_login_clears_what_its_system_weighs(site: Site) -> None:
    site.fail("203.0.1.1", "test")
    site.fail("203.0.2.1", "test")
    site.log_in("198.51.100.200", "alice")
    site.now += 30 * DAY
    assert of_systems(site.fail("203.0.3.1", "test")) == []


def test_a_system_that_was_just_banned_is_not_banned_again(site: Site) -> None:
    for host in range(1, 4):
        site.fail(f"203.0.{host}.1", "test")
    for host in range(4, 20):
        assert of_systems(site.fail(f"203.0.{host}.1", "test")) == []


def test_a_system_that_fails_an_hour_later_is_banned_again(site: Site) -> None:
    for host in range(1, 4):
        site.fail(f"203.0.{host}.1", "test")
    site.now += 3600
    found = [of_systems(site.fail(f"203.0.{host}.1", "test")) for host in range(4, 7)]
    assert found == [[], [], sorted(BANS)]


def test_of_a_large_system_only_the_networks_of_its_sources_are_banned() -> None:
    many = {f"45.{n // 256}.{n % 256}.0/24": 64502 for n in range(MOST_NETWORKS + 1)}
    site = settings_with(many)
    site.fail("45.0.1.1", "test")
    site.fail("45.0.1.2", "test")
    assert of_systems(site.fail("45.0.2.1", "test")) == ["asn 45.0.1.0/24", "asn 45.0.2.0/24"]


def test_a_network_that_is_too_wide_is_not_banned() -> None:
    site = settings_with({"16.0.0.0/8": 64503, "45.1.0.0/16": 64503, "2a00::/16": 64503})
    site.fail("16.1.1.1", "test")
    site.fail("16.2.1.1", "test")
    assert of_systems(site.fail("16.3.1.1", "test")) == ["asn 45.1.0.0/16"]


def test_a_site_without_a_database_bans_no_system(site: Site) -> None:
    site.settings = replace(site.settings, systems=None)
    for host in range(1, 9):
        assert of_systems(site.fail(f"203.0.{host}.1", "test")) == []


@pytest.mark.parametrize(
    ("source", "network"),
    [
        ("203.0.113.9", "203.0.0.0/16"),
        ("2001:db8:1:2::/64", "2001:db8::/32"),
        ("16.1.2.3", ""),
        ("192.0.2.77", "192.0.2.77"),
    ],
)
def test_a_source_has_the_network_that_is_banned_for_it(source: str, network: str) -> None:
    systems = Systems(look_up_in(NETWORKS | {"16.0.0.0/8": 64503, "192.0.2.77/32": 64504}))
    assert systems.find_network(source) == network
