"""Autonomous systems: suspicious sources of one ban its networks, and logins spare networks or all of it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from rules.settings import DAY, Detection, Rule
from rules.standing import note_all_systems
from rules.systems import MOST_NETWORKS, Systems

from tests.unit.rules.step_model import RULES, SETTINGS, SSLVPN, WEEK, Site
from tests.unit.rules.systems_model import NETWORKS, look_up_in

BANS = ["asn 198.51.100.0/24", "asn 203.0.0.0/16", "asn 2001:db8::/32"]


def settings_with(networks: dict[str, int]) -> Site:
    rules = {**RULES, "asn": Rule(2, WEEK)}
    del rules["network"]
    detections = {SSLVPN: Detection(SSLVPN, rules)}
    systems = Systems(look_up_in(networks))
    return Site(replace(SETTINGS, detections=detections, systems=systems))


@pytest.fixture
def site() -> Site:
    return settings_with(NETWORKS)


def of_systems(bans: list[str]) -> list[str]:
    return sorted(ban for ban in bans if ban.startswith("asn "))


def test_two_sources_that_weigh_1_together_ban_all_networks_of_their_system(site: Site) -> None:
    assert of_systems(site.fail("203.0.113.1", "nobody")) == []
    assert of_systems(site.fail("2001:db8:7:7::/64", "nobody")) == sorted(BANS)


def test_two_sources_that_weigh_less_ban_no_system(site: Site) -> None:
    site.log_in("9.9.9.9", "alice")
    assert of_systems(site.fail("203.0.113.1", "alice")) == []
    assert of_systems(site.fail("203.0.114.1", "nobody")) == []


def test_one_source_bans_no_system_however_often_it_fails(site: Site) -> None:
    for _ in range(9):
        assert of_systems(site.fail("203.0.113.1", "test")) == []


def test_whoever_has_one_ipv6_network_bans_no_system(site: Site) -> None:
    for number in range(16):
        assert of_systems(site.fail(f"2001:db8:7:{number:x}00::/64", "test")) == []


def test_sources_of_different_systems_do_not_meet(site: Site) -> None:
    site.fail("203.0.113.1", "test")
    assert of_systems(site.fail("45.1.2.3", "test")) == []


def test_sources_of_no_system_ban_nothing(site: Site) -> None:
    for host in range(1, 9):
        assert of_systems(site.fail(f"9.9.{host}.1", "test")) == []


def test_a_login_spares_the_network_around_it_for_thirty_days(site: Site) -> None:
    site.log_in("198.51.100.200", "alice")
    began = site.now
    site.fail("203.0.1.1", "test")
    rest = ["asn 2001:db8::/32", "asn 203.0.0.0/16"]
    assert of_systems(site.fail("203.0.2.1", "test")) == rest
    site.now = began + 30 * DAY
    site.fail("203.0.1.2", "test")
    assert of_systems(site.fail("203.0.2.2", "test")) == sorted(BANS)


@pytest.mark.parametrize(
    "logins",
    [
        [("203.0.9.1", "alice"), ("203.0.9.1", "bob"), ("203.0.9.1", "carol")],
        [("203.0.9.1", "alice"), ("203.0.9.2", "alice"), ("203.0.9.3", "alice")],
    ],
)
def test_three_logins_of_other_users_or_addresses_spare_their_system_for_thirty_days(
    site: Site, logins: list[tuple[str, str]]
) -> None:
    for address, user in logins:
        site.log_in(address, user)
    began = site.now
    for host in range(1, 9):
        assert of_systems(site.fail(f"203.0.{host}.1", "test")) == []
    site.now = began + 30 * DAY - 10
    for host in range(1, 9):
        assert of_systems(site.fail(f"203.0.{host}.2", "test")) == []
    site.now = began + 30 * DAY
    site.fail("203.0.1.3", "test")
    assert of_systems(site.fail("203.0.2.3", "test")) == sorted(BANS)


def test_one_user_who_logs_in_from_one_address_each_day_does_not_spare_a_system(
    site: Site,
) -> None:
    for _ in range(9):
        site.log_in("198.51.100.200", "alice", after=DAY)
    site.fail("203.0.1.1", "test")
    assert "asn 203.0.0.0/16" in site.fail("203.0.2.1", "test")


def test_logins_before_a_database_count_as_well(site: Site) -> None:
    with_database, site.settings = site.settings, replace(site.settings, systems=None)
    site.log_in("203.0.9.1", "alice")
    for user in ("alice", "bob", "carol"):
        site.log_in("45.1.9.1", user)
    site.settings = with_database
    note_all_systems(site.state, site.settings)
    site.fail("45.1.1.1", "test")
    assert of_systems(site.fail("45.1.2.1", "test")) == []
    site.fail("203.0.1.1", "test")
    assert of_systems(site.fail("203.0.2.1", "test")) == [BANS[0], BANS[2]]


def test_a_newer_database_forgets_no_login(site: Site) -> None:
    site.log_in("203.0.9.1", "alice")
    halves = {"203.0.0.0/17": 64500, "203.0.128.0/17": 64500}
    site.settings = replace(site.settings, systems=Systems(look_up_in(halves)))
    note_all_systems(site.state, site.settings)
    site.fail("203.0.1.1", "test")
    assert of_systems(site.fail("203.0.2.1", "test")) == ["asn 203.0.128.0/17"]


def test_a_login_clears_what_its_system_weighs(site: Site) -> None:
    site.fail("203.0.1.1", "test")
    site.log_in("198.51.100.200", "alice")
    assert of_systems(site.fail("203.0.3.1", "test")) == []


def test_a_system_that_was_just_banned_is_not_banned_again(site: Site) -> None:
    for host in range(1, 3):
        site.fail(f"203.0.{host}.1", "test")
    for host in range(3, 20):
        assert of_systems(site.fail(f"203.0.{host}.1", "test")) == []


def test_a_system_that_fails_an_hour_later_is_banned_again(site: Site) -> None:
    for host in range(1, 3):
        site.fail(f"203.0.{host}.1", "test")
    site.now += 3600
    found = [of_systems(site.fail(f"203.0.{host}.1", "test")) for host in range(3, 5)]
    assert found == [[], sorted(BANS)]


def test_of_a_large_system_only_the_networks_of_its_sources_are_banned() -> None:
    many = {f"45.{n // 256}.{n % 256}.0/24": 64502 for n in range(MOST_NETWORKS + 1)}
    site = settings_with(many)
    site.fail("45.0.1.1", "test")
    assert of_systems(site.fail("45.0.2.1", "test")) == ["asn 45.0.1.0/24", "asn 45.0.2.0/24"]


def test_a_network_that_is_too_wide_is_not_banned() -> None:
    site = settings_with({"16.0.0.0/8": 64503, "45.1.0.0/16": 64503, "2a00::/16": 64503})
    site.fail("16.1.1.1", "test")
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
