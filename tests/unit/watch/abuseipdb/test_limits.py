"""Reports stay within the limits of AbuseIPDB, over restarts and failures."""

from __future__ import annotations

import pytest
from watch.abuseipdb.memory import NAME, read_failure
from watch.abuseipdb.queue import MOST

from tests.unit.watch.abuseipdb.stand_in import ANOTHER, KEY, OTHER, STRANGER, Site, StandIn


def list_addresses(stand_in: StandIn) -> list[str]:
    return [report["ip"] for report in stand_in.reports]


def test_an_address_is_reported_once_in_15_minutes_whatever_bans_it(
    site: Site, stand_in: StandIn
) -> None:
    site.ban(STRANGER)
    site.pass_time(70)
    site.start()
    site.ban(STRANGER, jail=OTHER)
    site.pass_time(800)
    assert list_addresses(stand_in) == [STRANGER]
    site.now += 200
    site.ban(STRANGER)
    site.pass_time(70)
    assert list_addresses(stand_in) == [STRANGER, STRANGER]


def test_what_waits_is_reported_after_a_restart(site: Site, stand_in: StandIn) -> None:
    site.ban(STRANGER)
    site.reporter.look()
    site.start()
    site.pass_time(70)
    assert list_addresses(stand_in) == [STRANGER]


def test_a_damaged_memory_keeps_quiet_for_15_minutes(site: Site, stand_in: StandIn) -> None:
    site.ban(STRANGER)
    site.pass_time(70)
    (site.memory / NAME).write_text("{")
    site.start()
    site.now += 1
    site.ban(STRANGER)
    site.pass_time(800)
    assert len(stand_in.reports) == 1
    site.pass_time(120)
    assert len(stand_in.reports) == 2


def test_a_day_has_a_limit_and_the_next_one_begins_anew(site: Site, stand_in: StandIn) -> None:
    site.settings["limit"] = 2
    site.start()
    site.now = 1_800_057_600.0 - 200  # shortly before midnight in UTC
    site.ban("9.9.9.1", "9.9.9.2", "9.9.9.3")
    site.pass_time(70)
    site.start()
    site.pass_time(70)
    assert len(stand_in.reports) == 2
    site.pass_time(120)
    assert len(stand_in.reports) == 3


@pytest.mark.parametrize("is_restarted", [False, True])
@pytest.mark.parametrize("step", [-86400, -7200, 600, 7200, 30 * 86400])
def test_a_clock_that_is_set_gives_no_address_a_second_report_within_15_minutes(
    site: Site, stand_in: StandIn, step: int, is_restarted: bool
) -> None:
    site.ban(STRANGER)
    site.pass_time(70)
    site.set_clock(step)
    if is_restarted:
        site.start()
    site.ban(STRANGER)
    site.pass_time(800)
    assert len(stand_in.reports) == 1
    site.pass_time(110)
    site.ban(STRANGER)
    site.pass_time(70)
    assert len(stand_in.reports) == 2


def test_a_clock_that_is_set_forward_little_by_little_gives_no_second_report(
    site: Site, stand_in: StandIn
) -> None:
    site.ban(STRANGER)
    site.pass_time(70)
    for _ in range(80):
        site.set_clock(3)
        site.ban(STRANGER)
        site.pass_time(10)
    assert len(stand_in.reports) == 1


def test_after_a_boot_nothing_is_reported_for_15_minutes(site: Site, stand_in: StandIn) -> None:
    site.ban(STRANGER)
    site.pass_time(70)
    # the clock of a host without a battery was wrong before
    site.now += 2000
    site.booted = site.now - 20
    site.start()
    site.ban(STRANGER)
    site.pass_time(800)
    assert len(stand_in.reports) == 1
    site.pass_time(120)
    assert len(stand_in.reports) == 2


def test_a_clock_that_is_set_back_into_yesterday_gives_no_second_quota(
    site: Site, stand_in: StandIn
) -> None:
    site.settings["limit"] = 1
    site.start()
    site.now = 1_800_057_600.0 + 10  # shortly after midnight in UTC
    site.ban(STRANGER)
    site.pass_time(70)
    site.set_clock(-3600)
    site.ban(ANOTHER)
    site.pass_time(1000)
    assert len(stand_in.reports) == 1
    site.set_clock(3600)  # it is right again
    site.ban("9.9.9.10")
    site.pass_time(1000)
    assert len(stand_in.reports) == 1


@pytest.mark.parametrize("step", [86400, -86400, 30 * 86400, 3600 * 17])
def test_a_clock_that_is_set_to_another_day_gives_no_second_quota(
    site: Site, stand_in: StandIn, step: int
) -> None:
    site.settings["limit"] = 1
    site.start()
    site.now += 10  # shortly after eight o'clock in UTC
    site.ban(STRANGER)
    site.pass_time(70)
    site.set_clock(step)
    site.ban(ANOTHER)
    site.pass_time(1000)
    assert list_addresses(stand_in) == [STRANGER]
    # a day later, it is another day by the clock before and after
    site.pass_time(86400)
    site.ban("9.9.9.10")
    site.pass_time(70)
    assert list_addresses(stand_in) == [STRANGER, "9.9.9.10"]


def test_a_clock_that_is_right_again_delays_the_next_day_by_none(
    site: Site, stand_in: StandIn
) -> None:
    site.settings["limit"] = 1
    site.start()
    site.now += 10
    site.ban(STRANGER)
    site.pass_time(70)
    for step in (86400, -86400):
        site.set_clock(step)
        site.pass_time(1000)
    site.pass_time(1_800_057_600.0 - 100 - site.now)
    site.ban(ANOTHER)
    site.pass_time(90)
    assert list_addresses(stand_in) == [STRANGER]
    site.pass_time(70)
    assert list_addresses(stand_in) == [STRANGER, ANOTHER]


def test_the_pause_that_the_server_asks_for_is_kept_over_a_restart(
    site: Site, stand_in: StandIn
) -> None:
    stand_in.answer = 429, {"Retry-After": "1200"}
    site.ban(STRANGER, ANOTHER)
    site.pass_time(70)
    assert len(stand_in.reports) == 1
    stand_in.answer = 200, {}
    site.start()
    site.pass_time(1100)
    assert len(stand_in.reports) == 1
    site.pass_time(101)
    assert sorted(list_addresses(stand_in)[1:]) == sorted([STRANGER, ANOTHER])


@pytest.mark.parametrize("status", [422, 429])
def test_a_report_that_is_refused_is_not_sent_again_and_holds_up_no_other(
    site: Site, stand_in: StandIn, status: int
) -> None:
    stand_in.answer = status, {}
    site.ban(STRANGER, ANOTHER)
    site.pass_time(61)
    stand_in.answer = 200, {}
    site.pass_time(61)
    site.pass_time(1000)
    assert list_addresses(stand_in) == [STRANGER, ANOTHER]


def test_after_a_failure_an_address_waits_15_minutes_and_others_a_minute(
    site: Site, stand_in: StandIn
) -> None:
    stand_in.answer = 500, {}
    site.ban(STRANGER, ANOTHER)
    site.pass_time(65)
    assert list_addresses(stand_in) == [STRANGER]
    stand_in.answer = 200, {}
    site.pass_time(61)
    assert list_addresses(stand_in) == [STRANGER, ANOTHER]
    site.pass_time(800)
    assert len(stand_in.reports) == 2
    site.pass_time(50)
    assert list_addresses(stand_in)[2:] == [STRANGER]


def test_a_wrong_key_is_tried_rarely_and_becomes_an_alarm_without_what_the_server_wrote(
    site: Site, stand_in: StandIn, caplog: pytest.LogCaptureFixture
) -> None:
    stand_in.answer = 401, {}
    for number in range(1, 100):
        site.ban(f"9.9.9.{number}")
        site.pass_time(61)
    assert 5 < len(stand_in.reports) < 12
    assert read_failure(str(site.memory), site.now) == "the server answers 401"
    assert caplog.text.count("cannot be reported") == 1
    assert KEY not in caplog.text
    stand_in.answer = 200, {}
    site.pass_time(1000)
    assert read_failure(str(site.memory), site.now) == ""


def test_a_redirect_gets_neither_the_key_nor_a_report(site: Site, stand_in: StandIn) -> None:
    stand_in.answer = 307, {"Location": f"https://127.0.0.1:{stand_in.port}/other"}
    site.ban(STRANGER)
    site.pass_time(70)
    assert len(stand_in.reports) == 1


def test_a_certificate_of_somebody_else_gets_nothing(site: Site, stand_in: StandIn) -> None:
    site.settings["ca"] = ""
    site.start()
    site.ban(STRANGER)
    site.pass_time(70)
    assert stand_in.reports == []


def test_a_flood_drops_the_oldest_and_says_how_many(
    site: Site, stand_in: StandIn, caplog: pytest.LogCaptureFixture
) -> None:
    site.settings["limit"] = 1
    site.start()
    many = [f"9.{n // 250}.{n % 250}.1" for n in range(MOST + 300)]
    bans = [site.make(address, since=site.now + n // 100) for n, address in enumerate(many)]
    site.ban(*bans)
    site.now += 90
    site.reporter.look()
    assert list_addresses(stand_in) == [many[300]]
    assert "over a limit: 300" in caplog.text


def test_what_could_not_be_reported_within_an_hour_is_not_reported_at_all(
    site: Site, stand_in: StandIn, caplog: pytest.LogCaptureFixture
) -> None:
    stand_in.answer = 429, {"Retry-After": "7200"}
    site.ban(site.make(STRANGER, until=site.now + 99_999))
    site.pass_time(70)
    site.pass_time(7300)
    assert len(stand_in.reports) == 1
    assert "over a limit: 1" in caplog.text
