"""A telephone that repeats an old password at a new site, which does not know its people yet."""

from __future__ import annotations

from dataclasses import replace

import pytest
from banstitch_shared.eventlog import FAILURE, Entry
from rules.settings import DAY

from tests.unit.rules.step_model import (
    ADMIN,
    MINUTE,
    SETTINGS,
    SSLVPN,
    UNKNOWN_USER,
    WEEK,
    Site,
    has_alarm,
    list_bans,
)

CARRIER, STRANGE, OTHER = "89.204.130.10", "203.0.113.7", "198.51.100.8"


@pytest.fixture
def site() -> Site:
    """Return a site in its first week."""
    return Site(is_new=True)


def repeat(
    site: Site,
    count: int,
    user: str = "alice",
    after: float = 30,
    reason: str = "",
    detection: str = SSLVPN,
    address: str = CARRIER,
) -> int:
    """Return for how many of so many failures fail2ban gets a line."""
    lines = 0
    for _ in range(count):
        entry = Entry(site.now + after, "fw1", detection, FAILURE, address, user, reason)
        lines += bool(list_bans(site.take(entry)))
    return lines


def test_a_telephone_counts_once_in_three_hours(site: Site) -> None:
    assert repeat(site, 360) == 1


def test_it_counts_after_three_hours(site: Site) -> None:
    repeat(site, 360)
    assert repeat(site, 10) == 10


def test_a_day_without_failures_gives_no_more_attempts(site: Site) -> None:
    repeat(site, 360)
    site.now += 2 * DAY
    assert repeat(site, 10) == 10


def test_the_name_may_be_a_listed_one(site: Site) -> None:
    assert repeat(site, 100, "newcomer") == 1


def test_others_may_log_in_from_its_address(site: Site) -> None:
    repeat(site, 100)
    assert has_alarm(site.log_in(CARRIER, "bob"))
    assert repeat(site, 100) == 1


def test_who_mistypes_counts(site: Site) -> None:
    assert repeat(site, 10, after=19) == 10


@pytest.mark.parametrize("reason", [UNKNOWN_USER, "name_invalid"])
def test_a_name_that_the_fortigate_does_not_know_counts(site: Site, reason: str) -> None:
    assert repeat(site, 10, reason=reason) == 10


@pytest.mark.parametrize("name", ["test", "", "x\\"])
def test_a_name_of_nobody_counts(site: Site, name: str) -> None:
    assert repeat(site, 10, name) == 10


def test_administrators_have_no_telephones(site: Site) -> None:
    assert repeat(site, 10, "root", detection=ADMIN) == 10


def test_an_address_that_tries_two_names_counts(site: Site) -> None:
    repeat(site, 1, "alice")
    assert repeat(site, 10, "bob") == 10
    assert repeat(site, 10, "alice") == 10


def test_the_third_address_that_tries_a_name_counts(site: Site) -> None:
    assert repeat(site, 10, address=STRANGE) == 1
    assert repeat(site, 10, address=OTHER) == 1
    assert repeat(site, 10) == 10


def test_the_addresses_of_a_name_are_counted_for_a_day(site: Site) -> None:
    repeat(site, 1, address=STRANGE)
    repeat(site, 1, address=OTHER)
    assert repeat(site, 10) == 10
    site.now += DAY
    assert repeat(site, 10) == 0


def test_a_telephone_counts_after_the_first_week(site: Site) -> None:
    repeat(site, 1)
    site.now += WEEK
    assert repeat(site, 10) == 10


def test_where_no_logins_are_reported_the_first_week_ends_as_well() -> None:
    site = Site(replace(SETTINGS, logins=False))
    assert repeat(site, 10) == 10


def test_a_telephone_gives_no_evidence_against_its_network(site: Site) -> None:
    for host in range(1, 6):
        repeat(site, 20, f"user{host}", address=f"45.7.7.{host}", after=MINUTE)
    assert site.fail("45.7.7.9", "carol") == []
