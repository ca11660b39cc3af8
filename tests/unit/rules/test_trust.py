"""A login: its effects on its source, and when it has none."""

from __future__ import annotations

from dataclasses import replace

import pytest
from banstitch_shared.eventlog import FAILURE, Entry
from rules.outcomes import Alarm, Pardon
from rules.settings import DAY

from tests.unit.rules.step_model import (
    ADMIN,
    MINUTE,
    SETTINGS,
    SSLVPN,
    WEEK,
    Site,
    has_alarm,
    has_pardon,
    list_bans,
)

HOME, OFFICE, STRANGE = "45.1.2.3", "46.1.2.3", "203.0.113.7"


@pytest.fixture
def site() -> Site:
    """Return a site where alice and bob are known, from elsewhere and long ago."""
    site = Site()
    site.log_in("77.1.1.1", "alice", after=-40 * DAY)
    site.log_in("78.1.1.1", "bob")
    site.now += 40 * DAY
    return site


def open_office(site: Site) -> None:
    """Let three users log in from one source."""
    for user in ("carol", "dave", "erin"):
        site.log_in(OFFICE, user)


# --- what trust spares ---------------------------------------------------------------------------------


@pytest.mark.parametrize("user", ["bob", "", "test", "nobody", "x\\"])
def test_a_trusted_source_is_counted_by_trusted_only(site: Site, user: str) -> None:
    site.log_in(HOME, "alice")
    assert site.fail_often(12, HOME, user) == [f"trusted {HOME}"] * 12


def test_a_trusted_source_gets_no_line_of_plain(site: Site) -> None:
    site.log_in(HOME, "alice")
    entry = Entry(site.now + 1, "fw1", SSLVPN, FAILURE, HOME, "nobody")
    assert list_bans(site.take(entry)) == [f"trusted {HOME}"]


def test_trust_lasts_for_fourteen_days(site: Site) -> None:
    site.log_in(HOME, "alice")
    assert site.fail(HOME, "test", after=14 * DAY - 1) == [f"trusted {HOME}"]
    assert site.fail(HOME, "test", after=2) == [f"trap {HOME}"]


def test_a_login_clears_the_weights_of_its_source() -> None:
    settings = replace(SETTINGS, trust_days=1)
    site = Site(settings)
    site.fail(HOME, "nobody")
    site.log_in(HOME, "alice")
    assert site.fail(HOME, "nobody", after=2 * DAY) == []


def test_an_ipv6_network_is_trusted_as_one_source(site: Site) -> None:
    site.log_in("2001:db8:1:2::/64", "alice")
    assert site.fail("2001:db8:1:2::/64", "test") == ["trusted 2001:db8:1:2::/64"]
    assert site.fail("2001:db8:1:3::/64", "test") == ["trap 2001:db8:1:3::/64"]


def test_an_old_password_counts_in_full_up_to_the_ban_and_then_by_a_third(site: Site) -> None:
    site.log_in(HOME, "alice")
    assert site.fail_often(10, HOME, "alice", after=30) == [f"trusted {HOME}"] * 10
    assert site.fail_often(30, HOME, "alice", after=30) == [f"trusted {HOME}"] * 10


def test_a_day_of_silence_starts_the_count_of_an_old_password_anew(site: Site) -> None:
    site.log_in(HOME, "alice")
    site.fail_often(40, HOME, "alice", after=30)
    site.now += DAY
    assert site.fail_often(10, HOME, "alice", after=30) == [f"trusted {HOME}"] * 10


# --- offices -------------------------------------------------------------------------------------------


def test_an_office_is_not_banned_for_old_passwords_of_its_own_users(site: Site) -> None:
    open_office(site)
    assert site.fail_often(100, OFFICE, "carol", after=30) == []


@pytest.mark.parametrize("name", ["nobody", "test", ""])
def test_an_office_is_counted_for_names_of_nobody(site: Site, name: str) -> None:
    open_office(site)
    assert site.fail_often(10, OFFICE, name) == [f"trusted {OFFICE}"] * 10


def test_an_office_is_not_banned_for_an_old_password_of_a_user_from_elsewhere(site: Site) -> None:
    open_office(site)
    assert site.fail_often(100, OFFICE, "bob", after=30) == [f"trusted {OFFICE}"] * 3


def test_an_office_is_counted_for_guesses_at_several_users_from_elsewhere(site: Site) -> None:
    users = ("frank", "grace", "heidi", "ivan")
    for number, user in enumerate(users):
        site.log_in(f"79.1.{number}.1", user)
    open_office(site)
    bans = [ban for _ in range(3) for user in users for ban in site.fail(OFFICE, user)]
    assert bans == [f"trusted {OFFICE}"] * 12


def test_a_login_after_many_failures_of_a_user_from_elsewhere_is_an_alarm(site: Site) -> None:
    open_office(site)
    site.fail_often(100, OFFICE, "bob", after=30)
    assert has_alarm(site.log_in(OFFICE, "bob"))


def test_two_users_make_no_office(site: Site) -> None:
    site.log_in(OFFICE, "carol")
    site.log_in(OFFICE, "dave")
    assert site.fail(OFFICE, "carol") == [f"trusted {OFFICE}"]


def test_one_user_with_three_spellings_makes_no_office(site: Site) -> None:
    for spelling in ("carol", "CORP\\Carol", "carol@example.com"):
        site.log_in(OFFICE, spelling)
    assert site.fail(OFFICE, "carol") == [f"trusted {OFFICE}"]


def test_an_office_of_a_new_site_is_not_banned_for_names_it_does_not_know_yet() -> None:
    site = Site(is_new=True)
    open_office(site)
    assert site.fail_often(100, OFFICE, "frank", after=5) == []


# --- when a login gives no trust -----------------------------------------------------------------------


def test_a_login_after_two_failures_gives_trust(site: Site) -> None:
    site.fail_often(2, STRANGE, "alice")
    assert not has_alarm(site.log_in(STRANGE, "alice"))
    assert site.fail(STRANGE, "test") == [f"trusted {STRANGE}"]


def test_a_login_after_three_failures_is_an_alarm_and_gives_no_trust(site: Site) -> None:
    site.fail_often(3, STRANGE, "alice")
    assert site.log_in(STRANGE, "alice") == [Alarm(site.now, STRANGE, "alice", 3)]
    assert site.fail(STRANGE, "test") == [f"trap {STRANGE}"]


def test_failures_beside_an_earlier_login_count_as_well(site: Site) -> None:
    site.log_in("45.1.2.200", "alice")
    site.fail_often(20, HOME, "alice")
    assert has_alarm(site.log_in(HOME, "alice"))


def test_the_second_event_of_a_login_gives_no_trust_where_the_first_was_an_alarm(
    site: Site,
) -> None:
    site.fail_often(4, STRANGE, "alice")
    assert has_alarm(site.log_in(STRANGE, "alice"))
    assert site.log_in(STRANGE, "alice", after=0) == []
    assert site.log_in(STRANGE, "alice", after=MINUTE - 1) == []
    assert site.fail(STRANGE, "test") == [f"trap {STRANGE}"]


def test_a_guessed_password_at_a_trusted_source_is_an_alarm_and_the_trust_stays(
    site: Site,
) -> None:
    site.log_in(HOME, "alice")
    site.fail_often(3, HOME, "bob")
    assert site.log_in(HOME, "bob") == [Alarm(site.now, HOME, "bob", 3)]
    assert site.fail(HOME, "test") == [f"trusted {HOME}"]


def test_failures_of_others_at_a_trusted_source_are_no_alarm(site: Site) -> None:
    site.log_in(HOME, "alice")
    site.fail_often(3, HOME, "nobody")
    site.fail_often(2, HOME, "bob")
    assert site.log_in(HOME, "bob") == []


def test_the_failures_are_counted_since_the_last_login(site: Site) -> None:
    site.fail_often(3, STRANGE, "alice")
    site.log_in(STRANGE, "alice")
    assert not has_alarm(site.log_in(STRANGE, "alice", after=MINUTE))
    assert site.fail(STRANGE, "test") == [f"trusted {STRANGE}"]


def test_failures_of_the_day_before_do_not_count(site: Site) -> None:
    site.fail_often(3, STRANGE, "alice")
    assert not has_alarm(site.log_in(STRANGE, "alice", after=DAY))
    assert site.fail(STRANGE, "test") == [f"trusted {STRANGE}"]


def test_a_source_that_a_user_has_is_trusted_after_any_failures(site: Site) -> None:
    site.log_in(HOME, "alice")
    site.now += 20 * DAY
    site.fail_often(3, HOME, "nobody", after=MINUTE)
    assert not has_alarm(site.log_in(HOME, "alice"))
    assert site.fail(HOME, "test") == [f"trusted {HOME}"]


def test_one_account_frees_no_botnet(site: Site) -> None:
    sources = [f"203.0.{number}.7" for number in range(8)]
    for source in sources:
        site.log_in(source, "alice")
    assert [site.fail(source, "test") for source in sources] == [
        [f"trusted {source}"] if number < 5 else [f"trap {source}"]
        for number, source in enumerate(sources)
    ]


def test_a_login_that_gives_no_trust_clears_no_weights_of_a_botnet(site: Site) -> None:
    for number in range(5):
        site.log_in(f"203.0.{number}.7", "alice")
    site.fail("203.0.9.7", "nobody")
    site.log_in("203.0.9.7", "alice")
    assert site.fail("203.0.9.7", "nobody") == ["unknown_user 203.0.9.7"]


def test_a_telephone_with_five_addresses_a_day_is_trusted_the_next_day(site: Site) -> None:
    for number in range(6):
        site.log_in(f"203.0.{number}.7", "alice", after=3 * 3600)
    site.now += DAY
    site.log_in("203.0.5.7", "alice")
    assert site.fail("203.0.5.7", "test") == ["trusted 203.0.5.7"]


def test_an_administrator_is_a_user_of_another_list(site: Site) -> None:
    site.log_in(HOME, "root", detection=ADMIN)
    site.now += 20 * DAY
    assert site.fail(HOME, "root", detection=ADMIN) == []
    assert site.fail(HOME, "root", detection=SSLVPN) == []
    assert site.fail(HOME, "root", detection=SSLVPN) == [f"unknown_user {HOME}"]


# --- pardons -------------------------------------------------------------------------------------------


def test_a_login_speaks_against_a_ban(site: Site) -> None:
    site.fail_often(2, HOME, "nobody")
    assert site.log_in(HOME, "alice") == [Pardon(site.now, HOME, "alice")]


def test_the_first_login_of_a_source_frees_it_from_what_its_neighbours_did(site: Site) -> None:
    for number in (1, 2, 4):
        site.fail(f"45.1.2.{number}", "test")
    assert site.log_in(HOME, "alice") == [Pardon(site.now, HOME, "alice")]


def test_a_login_of_a_trusted_source_without_failures_says_nothing(site: Site) -> None:
    site.log_in(HOME, "alice")
    assert site.log_in(HOME, "alice") == []
    site.fail_often(2, HOME, "alice")
    assert site.log_in(HOME, "alice", after=13 * DAY) == []


def test_an_alarm_is_no_pardon(site: Site) -> None:
    site.fail_often(3, STRANGE, "alice")
    assert not has_pardon(site.log_in(STRANGE, "alice"))


def test_in_the_first_week_an_office_is_trusted_although_its_first_user_mistyped_often() -> None:
    site = Site(is_new=True)
    site.fail_often(5, OFFICE, "alice")
    assert not has_alarm(site.log_in(OFFICE, "alice"))
    assert site.fail_often(9, OFFICE, "bob") == [f"trusted {OFFICE}"] * 9


def test_in_the_first_week_a_login_after_more_failures_than_plain_takes_is_an_alarm() -> None:
    site = Site(is_new=True)
    site.fail_often(6, STRANGE, "alice")
    assert has_alarm(site.log_in(STRANGE, "alice"))


def test_after_the_first_week_a_login_after_three_failures_is_an_alarm() -> None:
    site = Site(is_new=True)
    site.now += WEEK
    site.fail_often(3, STRANGE, "alice", after=MINUTE)
    assert has_alarm(site.log_in(STRANGE, "alice"))
