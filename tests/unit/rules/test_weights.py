"""The weight of each kind of failure: after how many of them a source is banned, and by which rule."""

from __future__ import annotations

from dataclasses import replace

import pytest
from banstitch_shared.eventlog import FAILURE, Entry
from rules.settings import DAY

from tests.unit.rules.step_model import (
    ADMIN,
    NOW,
    SETTINGS,
    SSLVPN,
    UNKNOWN_USER,
    WEEK,
    Site,
    list_bans,
)

STRANGE, OTHER = "203.0.113.7", "198.51.100.8"
HOME = "45.1.2.3"


@pytest.fixture
def site() -> Site:
    """Return a site where alice and bob logged in long ago, from networks that are no longer safe."""
    site = Site()
    site.now = NOW - 30 * DAY
    site.log_in(HOME, "alice")
    site.log_in("45.9.9.9", "bob")
    site.now = NOW
    return site


def test_a_lockout_weighs_1(site: Site) -> None:
    assert site.lock_out(STRANGE) == [f"lockout {STRANGE}"]


@pytest.mark.parametrize("name", ["admin", "ADMIN", "test@example.com", "CORP\\test", " test "])
def test_a_trap_name_weighs_1(site: Site, name: str) -> None:
    assert site.fail(STRANGE, name) == [f"trap {STRANGE}"]


@pytest.mark.parametrize(
    "name", ["x\\", 'x"', 'x\\"', "x remip=8.8.8.8", "a\nb", "$(id)", "x" * 65]
)
def test_a_name_that_is_no_name_weighs_1(site: Site, name: str) -> None:
    assert site.fail(STRANGE, name) == [f"trap {STRANGE}"]


@pytest.mark.parametrize("name", ["j.smith", "jörg", "o'neill", "Ann Lee", "a+b@example.com", "名"])
def test_another_unknown_name_weighs_a_half(site: Site, name: str) -> None:
    assert site.fail(STRANGE, name) == []
    assert site.fail(STRANGE, name) == [f"unknown_user {STRANGE}"]


def test_an_unknown_name_weighs_for_a_week(site: Site) -> None:
    site.fail(STRANGE, "j.smith")
    assert site.fail(STRANGE, "j.smith", after=WEEK - 1) == [f"unknown_user {STRANGE}"]
    site.fail(OTHER, "j.smith")
    assert site.fail(OTHER, "j.smith", after=WEEK) == []


def test_no_name_weighs_a_third_for_a_day(site: Site) -> None:
    assert site.fail_often(2, STRANGE) == []
    assert site.fail(STRANGE) == [f"slow {STRANGE}"]
    assert site.fail_often(3, OTHER, after=DAY / 2) == []


def test_a_user_from_a_strange_source_weighs_a_quarter_for_a_day(site: Site) -> None:
    assert site.fail_often(3, STRANGE, "alice") == []
    assert site.fail(STRANGE, "bob") == [f"slow {STRANGE}"]
    assert site.fail_often(4, OTHER, "alice", after=DAY / 3) == []


def test_a_sprayed_user_weighs_1(site: Site) -> None:
    site.fail(STRANGE, "alice")
    site.fail(OTHER, "alice")
    assert "spray 192.0.2.1" in site.fail("192.0.2.1", "alice")
    assert site.fail("192.0.2.2", "alice") == ["spray 192.0.2.2"]


@pytest.mark.parametrize("address", [HOME, "45.1.2.200"])
def test_a_user_near_an_earlier_login_weighs_nothing(site: Site, address: str) -> None:
    assert site.fail_often(30, address, "alice") == []


def test_a_user_in_the_ipv6_network_of_an_earlier_login_weighs_nothing(site: Site) -> None:
    site.log_in("2001:db8:1:2::/64", "alice")
    site.now += 30 * DAY
    assert site.fail_often(30, "2001:db8:1:2::/64", "alice") == []


def test_weights_of_several_kinds_add_up(site: Site) -> None:
    site.fail(STRANGE, "j.smith")
    site.fail(STRANGE, "alice")
    assert site.fail(STRANGE, "bob") == [f"slow {STRANGE}"]


def test_a_ban_spends_the_weights(site: Site) -> None:
    site.fail_often(4, STRANGE, "alice")
    assert site.fail(STRANGE, "alice") == []


def test_failures_weigh_twice_as_much_for_two_weeks_after_a_ban(site: Site) -> None:
    site.fail_often(4, STRANGE, "alice")
    site.fail(STRANGE, "alice", after=10 * DAY)
    assert site.fail(STRANGE, "alice") == [f"slow {STRANGE}"]
    assert site.fail_often(3, STRANGE, "alice", after=14 * DAY) == []


def test_a_login_ends_the_time_of_double_weights(site: Site) -> None:
    site.fail_often(4, STRANGE, "alice")
    site.now += DAY
    site.log_in(STRANGE, "alice")
    site.now += 1
    assert STRANGE not in site.state.offenders


@pytest.mark.parametrize(("address", "user"), [(STRANGE, "admin"), (STRANGE, ""), (HOME, "alice")])
def test_plain_gets_a_line_for_each_failure(site: Site, address: str, user: str) -> None:
    entry = Entry(NOW, "fw1", SSLVPN, FAILURE, address, user)
    assert f"plain {address}" in list_bans(site.take(entry))


def test_plain_gets_no_line_for_a_lockout(site: Site) -> None:
    assert f"plain {STRANGE}" not in site.lock_out(STRANGE)


def test_a_detection_that_is_not_set_gives_nothing(site: Site) -> None:
    assert site.take(Entry(NOW, "fw1", "user_auth_failed", FAILURE, STRANGE, "admin")) == []


def test_a_known_user_is_no_unknown_name(site: Site) -> None:
    assert site.fail_often(3, STRANGE, "newcomer") == []
    assert site.fail(STRANGE, "newcomer") == [f"slow {STRANGE}"]


def test_a_name_of_the_list_that_is_real_here_is_no_trap(site: Site) -> None:
    assert site.fail(STRANGE, "admin", detection=ADMIN) == []
    assert site.fail(STRANGE, "admin", detection=ADMIN) == [f"unknown_user {STRANGE}"]


def test_a_trap_name_that_logged_in_is_no_trap(site: Site) -> None:
    site.log_in(HOME, "test")
    assert site.fail(STRANGE, "test") == []


def test_administrators_and_users_are_told_apart(site: Site) -> None:
    assert site.fail_often(2, STRANGE, "alice") == []
    assert site.fail(STRANGE, "alice", detection=ADMIN) == [f"unknown_user {STRANGE}"]


def test_a_new_site_weighs_an_unknown_name_an_eighth_for_a_day() -> None:
    site = Site(is_new=True)
    assert site.fail_often(7, STRANGE, "alice") == []
    assert site.fail(STRANGE, "bob") == [f"unknown_user {STRANGE}"]
    assert site.fail_often(8, OTHER, "alice", after=DAY / 6) == []


def test_a_new_site_weighs_a_known_user_who_has_not_logged_in_an_eighth() -> None:
    site = Site(is_new=True)
    assert site.fail_often(7, STRANGE, "newcomer") == []
    assert site.fail(STRANGE, "newcomer") == [f"slow {STRANGE}"]


def test_a_new_site_finds_a_spray_against_a_known_user() -> None:
    site = Site(is_new=True)
    bans = [ban for each in (STRANGE, OTHER, HOME) for ban in site.fail(each, "newcomer")]
    assert bans == [f"spray {STRANGE}", f"spray {OTHER}", f"spray {HOME}"]


def test_a_site_that_hears_of_no_login_stays_a_new_one() -> None:
    site = Site(replace(SETTINGS, logins=False))
    assert site.fail_often(7, STRANGE, "alice") == []
    assert site.fail(STRANGE, "bob") == [f"unknown_user {STRANGE}"]


@pytest.mark.parametrize("reason", [UNKNOWN_USER, "name_invalid"])
def test_a_new_site_believes_a_fortigate_that_calls_a_name_unknown(reason: str) -> None:
    site = Site(is_new=True)
    site.fail(STRANGE, "alice", reason=reason)
    assert site.fail(STRANGE, "alice", reason=reason) == [f"unknown_user {STRANGE}"]


def test_a_new_site_knows_traps() -> None:
    assert Site(is_new=True).fail(STRANGE, "test") == [f"trap {STRANGE}"]


def test_the_first_week_ends() -> None:
    site = Site(is_new=True)
    site.fail(OTHER, "nobody")
    site.fail(STRANGE, "alice", after=WEEK)
    assert site.fail(STRANGE, "alice") == [f"unknown_user {STRANGE}"]
