"""Quiet hours: bans of autonomous systems count only while hardly anybody logs in."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from banstitch_shared.quiet_hours import HOUR, is_quiet, read_quiet_hours
from rules.settings import DAY, Detection, Rule
from rules.systems import Systems

from tests.unit.rules.rules_model import RulesHost, login
from tests.unit.rules.step_model import NOW, RULES, SETTINGS, SSLVPN, WEEK, Site
from tests.unit.rules.systems_model import NETWORKS, look_up_in

# The first midnight, in UTC, after a site has begun.
MIDNIGHT = (NOW // DAY + 1) * DAY
OFFICE = "9.9.9.9"


def open_site() -> Site:
    """Return a new site that bans the autonomous systems of NETWORKS."""
    detections = {SSLVPN: Detection(SSLVPN, {**RULES, "asn": Rule(3, WEEK)})}
    systems = Systems(look_up_in(NETWORKS))
    return Site(replace(SETTINGS, detections=detections, systems=systems), is_new=True)


def log_in_by_day(site: Site, days: int, people: int = 300, first_day: int = 0) -> None:
    """Let people log in at nine o'clock of each day, from one office."""
    for day in range(first_day, first_day + days):
        site.now = MIDNIGHT + day * DAY + 9 * HOUR
        for number in range(people):
            site.log_in(OFFICE, f"user{number}")


@pytest.fixture
def site() -> Site:
    """Return a site that knows two weeks of logins; nobody logs in at night."""
    site = open_site()
    log_in_by_day(site, 14)
    return site


def is_quiet_at(site: Site, day: int, hour: float) -> bool:
    """Return whether bans of systems count at an hour of a day, in which something fails."""
    site.now = MIDNIGHT + day * DAY + hour * HOUR
    site.fail("45.1.1.1", "nobody")
    return is_quiet(site.state.quiet_hours, site.now)


def attack(site: Site, third: int) -> list[str]:
    """Return the bans of a system by three failures."""
    bans = [ban for host in (1, 2, 3) for ban in site.fail(f"203.0.{third}.{host}", "test")]
    return sorted(ban for ban in bans if ban.startswith("asn "))


def test_hours_are_quiet_in_which_nobody_logs_in(site: Site) -> None:
    assert is_quiet_at(site, 15, 2)
    assert not is_quiet_at(site, 15, 9)


def test_a_system_that_fails_by_day_is_banned_for_the_next_night(site: Site) -> None:
    assert not is_quiet_at(site, 15, 9)
    assert attack(site, 1) == ["asn 198.51.100.0/24", "asn 2001:db8::/32", "asn 203.0.0.0/16"]


def test_a_system_that_goes_on_by_day_is_banned_once(site: Site) -> None:
    assert not is_quiet_at(site, 15, 9)
    assert attack(site, 1)
    for hour in (9.2, 9.4, 9.6, 9.8):
        assert not is_quiet_at(site, 15, hour)
        assert not attack(site, int(hour * 10))
    assert is_quiet_at(site, 15, 12)
    assert attack(site, 2)


def test_a_site_in_its_first_week_knows_no_hours() -> None:
    site = open_site()
    log_in_by_day(site, 6)
    assert is_quiet_at(site, 6, 9)


def test_few_logins_make_no_hour_quiet() -> None:
    site = open_site()
    log_in_by_day(site, 14, people=2)
    assert not site.state.quiet_hours
    assert is_quiet_at(site, 15, 9)


def test_an_hour_with_a_few_logins_is_quiet_and_one_with_many_is_not(site: Site) -> None:
    log_in_by_day(site, 14, first_day=14)
    for day, people in ((34, 10), (35, 900)):
        site.now = MIDNIGHT + day * DAY + 22 * HOUR
        for number in range(people):
            site.log_in(OFFICE, f"user{number}")
    assert is_quiet_at(site, 41, 22.5)
    assert not is_quiet_at(site, 42, 22.5)


def test_people_who_log_in_around_the_clock_leave_few_quiet_hours() -> None:
    site = open_site()
    for hour in range(3 * 168):
        site.now = MIDNIGHT + hour * HOUR
        for number in range(20 + hour % 7):
            site.log_in(OFFICE, f"user{number}")
    assert 0 <= site.state.quiet_hours.count("q") <= 168 / 20


def test_a_device_that_connects_anew_all_night_does_not_end_the_quiet(site: Site) -> None:
    for minute in range(9 * 60):
        site.now = MIDNIGHT + 14 * DAY + 20 * HOUR + 60 * minute
        site.log_in(OFFICE, "user1")
    assert is_quiet_at(site, 21, 22.5)


def test_hours_follow_people_who_change_their_habits(site: Site) -> None:
    for day in range(15, 50):
        site.now = MIDNIGHT + day * DAY + 2 * HOUR
        for number in range(100):
            site.log_in(OFFICE, f"user{number}")
    assert not is_quiet_at(site, 50, 2)
    assert is_quiet_at(site, 50, 4)


def test_a_clock_that_is_set_back_does_not_stop_the_hours(site: Site) -> None:
    site.now = MIDNIGHT + 400 * DAY
    site.fail("45.1.1.1", "nobody")
    log_in_by_day(site, 7, first_day=15)
    assert not is_quiet_at(site, 22, 9)
    assert is_quiet_at(site, 22, 23)


def test_the_service_writes_the_hours_for_the_receiver(tmp_path: Path) -> None:
    host = RulesHost(tmp_path, now=MIDNIGHT + 8 * DAY)
    host.start()
    memory = str(tmp_path / "memory")
    host.work()
    assert read_quiet_hours(memory) == ""
    logins = [
        login("198.51.100.7", f"user{number}", MIDNIGHT + day * DAY + 9 * HOUR + number)
        for day in range(9)
        for number in range(400)
    ]
    host.write(*logins)
    host.work()
    hours = read_quiet_hours(memory)
    assert is_quiet(hours, MIDNIGHT + 20 * DAY + 2 * HOUR)
    assert not is_quiet(hours, MIDNIGHT + 20 * DAY + 9 * HOUR)
    host.start().work()
    assert read_quiet_hours(memory) == hours


@pytest.mark.parametrize("text", ["", "q" * 167, "x" * 168, "q" * 400, "q" * 167 + "\u00e9"])
def test_a_damaged_file_knows_no_hours(tmp_path: Path, text: str) -> None:
    (tmp_path / "quiet_hours").write_text(text)
    assert read_quiet_hours(str(tmp_path)) == ""
    assert is_quiet("", NOW)


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "other").write_text("-" * 168)
    (tmp_path / "quiet_hours").symlink_to(tmp_path / "other")
    assert read_quiet_hours(str(tmp_path)) == ""
