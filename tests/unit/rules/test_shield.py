"""The shield: when it rises, whom it spares, and the networks that it denies."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rules import shield
from rules.settings import DAY, Settings
from rules.state import State

from tests.unit.rules.step_model import Site

SETTINGS = Settings({})


def fail(state: State, addresses: Iterable[str], at: float = 1000.0) -> None:
    for address in addresses:
        shield.note_stranger(state, address, at)


def many(number: int) -> list[str]:
    return [f"203.0.113.{n}" for n in range(1, number + 1)]


def test_twenty_strangers_within_an_hour_raise_the_shield_for_a_day() -> None:
    state = State()
    fail(state, many(19))
    assert not shield.is_up(state, 1000)
    fail(state, ["203.0.113.20"], at=1100)
    assert shield.is_up(state, 1100 + DAY - 1)
    assert not shield.is_up(state, 1100 + DAY)
    assert state.shield_since == 1100


def test_strangers_of_more_than_an_hour_ago_do_not_count() -> None:
    state = State()
    fail(state, many(19))
    fail(state, ["203.0.113.20"], at=1000 + shield.HOUR + 1)
    assert not shield.is_up(state, 5000)


def test_one_stranger_who_fails_often_is_one() -> None:
    state = State()
    fail(state, many(1) * 50)
    assert not shield.is_up(state, 1000)


def test_employees_who_mistype_on_a_new_address_of_a_known_network_raise_no_shield() -> None:
    site = Site()
    site.log_in("198.51.7.7", "alice")
    for number in range(30):
        site.fail(f"198.51.{number}.1", f"employee{number}")
    assert not shield.is_up(site.state, site.now)
    for number in range(20):
        site.fail(f"203.{number}.113.1", f"employee{number}")
    assert shield.is_up(site.state, site.now)


def test_whoever_has_one_ipv6_network_is_one_stranger() -> None:
    state = State()
    fail(state, [f"2001:db8:1:{n:x}::/64" for n in range(100)])
    assert not shield.is_up(state, 1000)
    fail(state, [f"2001:db8:{n:x}::/64" for n in range(100)])
    assert shield.is_up(state, 1000)


def test_networks_of_recent_logins_are_spared() -> None:
    state = State()
    shield.note_home(state, "198.51.100.7", 1000)
    shield.note_home(state, "2001:db8:1:2::/64", 1000)
    assert shield.is_home(state, "198.51.3.4", 2000, SETTINGS)
    assert shield.is_home(state, "2001:db8:1:ffff::/64", 2000, SETTINGS)
    assert not shield.is_home(state, "198.52.3.4", 2000, SETTINGS)
    assert not shield.is_home(state, "198.51.3.4", 1001 + 14 * DAY, SETTINGS)
    assert shield.list_homes(state, 2000, SETTINGS) == ["198.51.0.0/16", "2001:db8:1::/48"]


def find(networks: list[str], address: str) -> bool:
    wanted = ipaddress.ip_address(address)
    return any(wanted in ipaddress.ip_network(network) for network in networks)


@pytest.mark.parametrize(
    "address", ["10.1.2.3", "192.168.1.1", "127.0.0.1", "224.0.0.5", "255.255.255.255", "fd00::1"]
)
def test_what_nobody_sends_from_the_internet_is_never_denied(address: str) -> None:
    assert not find(shield.list_denied([]), address)


def test_everything_else_is_denied() -> None:
    networks = shield.list_denied(["198.51.0.0/16", "203.0.113.9", "2001:db8:1::/48"])
    for address in ("198.50.255.255", "198.52.0.0", "203.0.113.8", "203.0.113.10", "2001:db8:2::"):
        assert find(networks, address), address
    for address in ("198.51.0.0", "198.51.255.255", "203.0.113.9", "2001:db8:1:ffff::1"):
        assert not find(networks, address), address


def test_two_hundred_homes_make_a_few_thousand_networks() -> None:
    homes = [f"{n}.{n * 7 % 256}.0.0/16" for n in range(20, 220)]
    assert len(shield.list_denied(homes)) < 4000


NETWORKS = st.builds(
    lambda number, bits: str(ipaddress.ip_network((number, bits), strict=False)),
    st.integers(0, 2**32 - 1),
    st.integers(8, 32),
)


@given(st.lists(NETWORKS, max_size=6), st.integers(0, 2**32 - 1))
def test_an_address_is_either_spared_or_denied_once(spared: list[str], number: int) -> None:
    address = ipaddress.ip_address(number)
    kept = any(address in ipaddress.ip_network(n) for n in (*spared, *shield.NEVER))
    denied = [n for n in shield.list_denied(spared) if address in ipaddress.ip_network(n)]
    assert len(denied) == (0 if kept else 1)
