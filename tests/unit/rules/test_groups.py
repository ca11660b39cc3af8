"""Networks of several failing sources, and users whom several sources try."""

from __future__ import annotations

import pytest
from rules import shield
from rules.settings import DAY

from tests.unit.rules.step_model import ADMIN, UNKNOWN_USER, WEEK, Site

ALICE_AT = "45.1.2.3"


@pytest.fixture
def site() -> Site:
    """Return a site where alice is known, from somewhere and long ago."""
    site = Site()
    site.log_in(ALICE_AT, "alice", after=-40 * DAY)
    site.now += 40 * DAY
    return site


# --- networks ------------------------------------------------------------------------------------------


def test_three_sources_that_weigh_2_together_ban_their_network(site: Site) -> None:
    assert site.fail("203.0.113.1", "test") == ["trap 203.0.113.1"]
    assert site.fail("203.0.113.2", "nobody") == []
    assert site.fail("203.0.113.3", "nobody") == ["network 203.0.113.0/24"]


def test_two_sources_ban_no_network(site: Site) -> None:
    for _ in range(5):
        site.fail("203.0.113.1", "test")
        assert "network 203.0.113.0/24" not in site.fail("203.0.113.2", "test")


def test_many_failures_of_one_source_weigh_1_in_its_network(site: Site) -> None:
    site.fail_often(20, "203.0.113.1", "test")
    site.fail("203.0.113.2", "nobody")
    assert site.fail("203.0.113.3") == []
    assert site.fail("203.0.113.4") == ["network 203.0.113.0/24"]


def test_the_sources_of_a_network_count_within_a_week(site: Site) -> None:
    site.fail("203.0.113.1", "test")
    site.fail("203.0.113.2", "test")
    assert site.fail("203.0.113.3", "test", after=WEEK) == ["trap 203.0.113.3"]


def test_a_user_with_an_old_password_weighs_nothing_in_a_network(site: Site) -> None:
    site.fail_often(10, ALICE_AT, "alice")
    site.fail("45.1.2.4", "test")
    assert site.fail("45.1.2.5", "test") == ["trap 45.1.2.5"]


def test_a_network_from_which_somebody_logged_in_lately_is_spared(site: Site) -> None:
    site.log_in("203.0.113.200", "alice")
    for host in range(1, 30):
        assert site.fail(f"203.0.113.{host}", "test") == [f"trap 203.0.113.{host}"]


def test_a_login_spares_its_network_for_fourteen_days(site: Site) -> None:
    site.log_in("203.0.113.200", "alice")
    site.now += 14 * DAY
    site.fail("203.0.113.1", "test")
    site.fail("203.0.113.2", "test")
    assert "network 203.0.113.0/24" in site.fail("203.0.113.3", "test")


def test_a_login_clears_what_its_network_weighs(site: Site) -> None:
    site.fail("203.0.113.1", "test")
    site.fail("203.0.113.2", "test")
    site.log_in("203.0.113.200", "alice")
    site.now += 14 * DAY
    assert site.fail("203.0.113.3", "test") == ["trap 203.0.113.3"]


def test_ipv6_is_counted_in_the_56_and_the_48(site: Site) -> None:
    found = [site.fail(f"2001:db8:1:{n}0{m}::/64", "test") for n in (1, 2, 3) for m in (1, 2, 3)]
    assert found[2] == ["trap 2001:db8:1:103::/64", "network 2001:db8:1:100::/56"]
    assert found[5] == ["trap 2001:db8:1:203::/64", "network 2001:db8:1:200::/56"]
    assert found[6] == ["trap 2001:db8:1:301::/64", "network 2001:db8:1::/48"]


def test_one_household_does_not_have_its_48_banned(site: Site) -> None:
    """A provider gives a household a /56, and 256 of them share a /48."""
    found = {ban for n in range(256) for ban in site.fail(f"2001:db8:1:{n:x}::/64", "test")}
    assert "network 2001:db8:1::/56" in found
    assert "network 2001:db8:1::/48" not in found


def test_a_48_is_banned_where_its_56s_hold_one_source_each(site: Site) -> None:
    found = [site.fail(f"2001:db8:1:{n:x}00::/64", "test") for n in (1, 2, 3)]
    assert found[2] == ["trap 2001:db8:1:300::/64", "network 2001:db8:1::/48"]


def test_a_56_is_banned_beside_one_with_a_login_but_their_48_is_not(site: Site) -> None:
    site.log_in("2001:db8:1:ff00::/64", "alice")
    found = [site.fail(f"2001:db8:1:{n:x}::/64", "test") for n in (1, 2, 3)]
    assert found[2] == ["trap 2001:db8:1:3::/64", "network 2001:db8:1::/56"]


def test_failures_of_administrators_and_users_meet_in_a_network(site: Site) -> None:
    site.fail("203.0.113.1", "test")
    site.fail("203.0.113.2", "test", detection=ADMIN)
    assert "network 203.0.113.0/24" in site.fail("203.0.113.3", "test")


# --- sprays --------------------------------------------------------------------------------------------


def test_a_spray_bans_all_who_took_part_at_once(site: Site) -> None:
    assert site.fail("203.0.1.1", "alice") == []
    assert site.fail("203.1.1.1", "alice") == []
    assert site.fail("203.2.1.1", "alice") == [
        "spray 203.0.1.1",
        "spray 203.1.1.1",
        "spray 203.2.1.1",
    ]


def test_later_ones_are_banned_at_their_first_failure(site: Site) -> None:
    for number in range(3):
        site.fail(f"203.{number}.1.1", "alice")
    for number in range(3, 9):
        assert site.fail(f"203.{number}.1.1", "ALICE") == [f"spray 203.{number}.1.1"]


def test_one_source_makes_no_spray(site: Site) -> None:
    assert site.fail_often(3, "203.0.1.1", "alice") == []


def test_a_spray_happens_within_a_day(site: Site) -> None:
    site.fail("203.0.1.1", "alice")
    site.fail("203.1.1.1", "alice")
    assert site.fail("203.2.1.1", "alice", after=DAY + 1) == []


def test_a_spray_ends_after_a_day_without_strangers(site: Site) -> None:
    for number in range(3):
        site.fail(f"203.{number}.1.1", "alice")
    assert site.fail("203.9.1.1", "alice", after=DAY + 1) == []


def test_a_name_that_nobody_has_is_not_sprayed(site: Site) -> None:
    bans = [site.fail(f"203.{number}.1.1", "nobody", reason=UNKNOWN_USER) for number in range(9)]
    assert bans == [[]] * 9


def test_the_user_in_question_is_spared(site: Site) -> None:
    for number in range(5):
        site.fail(f"203.{number}.1.1", "alice")
    assert site.fail(ALICE_AT, "alice") == []


def test_a_source_that_became_trusted_is_spared_when_a_spray_begins(site: Site) -> None:
    site.fail("203.0.1.1", "alice")
    site.log_in("203.0.1.1", "alice")
    site.fail("204.1.1.1", "alice")
    assert site.fail("205.2.1.1", "alice") == ["spray 204.1.1.1", "spray 205.2.1.1"]


def test_whoever_mistypes_where_others_logged_in_lately_joins_no_spray(site: Site) -> None:
    site.log_in("99.1.200.1", "bob")
    for number in range(5):
        site.fail(f"203.{number}.1.1", "alice")
    assert site.fail_often(3, "99.1.7.7", "alice") == []
    assert site.fail("99.1.7.7", "alice") == ["slow 99.1.7.7"]


def test_known_users_who_never_logged_in_are_sprayed_as_well(site: Site) -> None:
    for number in range(2):
        site.fail(f"203.{number}.1.1", "newcomer")
    assert len(site.fail("203.2.1.1", "newcomer")) == 3


# --- a clock that was wrong ------------------------------------------------------------------------------


def test_what_a_clock_that_ran_ahead_has_caused_ends_when_it_is_set_back(site: Site) -> None:
    site.now += 1000 * DAY
    for number in range(25):
        site.fail(f"203.{number}.1.1", "alice")
    site.log_in("198.51.100.1", "bob")
    site.now -= 1000 * DAY
    assert site.fail("203.99.1.1", "alice") == []
    assert not shield.is_up(site.state, site.now)
    site.now += 15 * DAY
    assert "trap 198.51.100.1" in site.fail("198.51.100.1", "test")


def test_events_that_arrive_out_of_order_change_nothing(site: Site) -> None:
    site.fail("203.0.1.1", "alice")
    site.fail("203.1.1.1", "alice")
    assert len(site.fail("203.2.1.1", "alice", after=-2)) == 3


def test_a_spray_remembers_few_of_its_sources(site: Site) -> None:
    for number in range(500):
        site.fail(f"203.{number // 200}.{number % 200}.1", "alice")
    assert len(site.state.sprays["users alice"]) <= 200
