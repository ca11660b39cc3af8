"""The model of fail2ban's counting. An end-to-end test holds it against fail2ban itself."""

from __future__ import annotations

from ipaddress import ip_network

import pytest
from banstitch_shared.addresses import Networks
from hypothesis import given
from hypothesis import strategies as st

from provision.replay.counting import FOREVER, Ban, Fail2ban, Jail

JAIL = Jail("j", "sslvpn_login_failed", "plain", max_retry=3, find_time=600, ban_time=3600)
GROWING = Jail("j", "sslvpn_login_failed", "trap", 1, 600, 60, factor=4, longest=1000)


def count(times: list[float], jail: Jail = JAIL) -> list[Ban]:
    """Return the bans of one address that fails at these times."""
    server = Fail2ban({"j": jail})
    bans = [server.count(at, "j", "203.0.113.9") for at in times]
    return list({id(ban): ban for ban in bans if ban}.values())


def test_the_third_failure_within_the_window_bans() -> None:
    (ban,) = count([0, 10, 20])
    assert (ban.at, ban.until, ban.events) == (20, 3620, 3)


def test_a_window_that_is_exceeded_estimates_a_rate() -> None:
    """fail2ban 0.11 to 1.1 ban here, although only two failures lie within 600 seconds."""
    assert count([0, 301, 602])
    assert not count([0, 400, 900])


def test_failures_are_forgotten_after_a_window_of_silence() -> None:
    assert not count([0, 10, 611, 620])


def test_a_ban_that_is_in_force_keeps_its_end() -> None:
    """fail2ban 0.11 to 1.1 log "already banned" and call no action."""
    (ban,) = count([0, 1, 2, 100, 101, 102])
    assert ban.until == 3602


def test_each_further_ban_is_longer_up_to_the_longest() -> None:
    lengths = [ban.until - ban.at for ban in count([0, 100, 1000, 5000], GROWING)]
    assert lengths == [60, 240, 960, 1000]


def test_a_key_that_was_banned_before_needs_fewer_failures_where_bans_grow() -> None:
    jail = Jail("j", "d", "plain", 3, 600, 60, factor=2, longest=10000)
    bans = count([0, 1, 2, 1000, 1001], jail)
    assert [ban.at for ban in bans] == [2, 1001]


def test_a_ban_for_ever_has_no_end() -> None:
    (ban,) = count([0, 0, 0], Jail("j", "d", "plain", 3, 600, FOREVER))
    assert ban.until == FOREVER
    assert ban.covers(10**12)


def test_a_login_ends_the_bans_of_its_source_and_of_networks_around_it_but_not_of_trusted() -> None:
    jails = [Jail(rule, "d", rule, 1, 600, 3600) for rule in ("trap", "network", "trusted")]
    server = Fail2ban({jail.name: jail for jail in jails})
    network, trap, other, trusted = (
        server.count(0, "network", "203.0.113.0/24"),
        server.count(0, "trap", "203.0.113.9"),
        server.count(0, "trap", "203.0.113.10"),
        server.count(0, "trusted", "203.0.113.9"),
    )
    assert sorted(server.pardon(70, "203.0.113.9")) == ["203.0.113.0/24", "203.0.113.9"]
    covering = [ban is not None and ban.covers(70) for ban in (network, trap, other, trusted)]
    assert covering == [False, False, True, True]


def test_what_a_jail_ignores_it_never_bans_nor_a_network_that_holds_it() -> None:
    ignored = Networks([(ip_network("203.0.113.64/27"), "ours")])
    jail = Jail("j", "d", "network", 1, 600, 3600, ignored=ignored)
    server = Fail2ban({"j": jail})
    assert server.count(0, "j", "203.0.113.65") is None
    assert server.count(0, "j", "203.0.113.0/24") is None
    assert server.count(0, "j", "203.0.113.9") is not None


@given(st.lists(st.integers(0, 5000), min_size=1, max_size=40), st.integers(1, 6))
def test_max_retry_failures_in_the_window_of_the_first_always_ban(
    times: list[int], retries: int
) -> None:
    ordered = sorted(float(t) for t in times)
    if len(ordered) >= retries and ordered[retries - 1] - ordered[0] < 600:
        assert count(ordered, Jail("j", "d", "plain", retries, 600, 3600))


def test_a_key_that_fails_for_longer_than_the_window_may_be_banned_later() -> None:
    """fail2ban scales the count of 4 in 686 s down to 3, although 5 lie within 600 s at the end."""
    jail = Jail("j", "d", "plain", 5, 600, 3600)
    times = [0.0, 173.0, 173.0, 173.0, 686.0, 772.0]
    assert not count(times, jail)
    assert count([*times, 772.0], jail)


@pytest.mark.parametrize("address", ["203.0.113.9", "2001:db8::/64"])
def test_keys_are_counted_apart(address: str) -> None:
    server = Fail2ban({"j": JAIL})
    assert not any(server.count(t, "j", key) for t in (0, 1) for key in (address, "198.51.100.1"))
