"""Each rule on real hosts, from the event log to the feed: whom it bans, and whom it spares."""

from __future__ import annotations

import time

import pytest

from tests.e2e.rules_site import (
    ON,
    UNKNOWN,
    WHATEVER_FAIL2BAN,
    Rules,
    read_health,
    read_metrics,
)
from tests.e2e.site_helpers import history
from tests.lab.stopwatch import within

pytestmark = pytest.mark.lab


def test_plain_counts_in_fail2ban_whoever_is_tried(rules: Rules) -> None:
    # alice has logged in from there, so her own mistakes there are no reason for anything else
    rules.event("198.51.100.7", "alice", "success")
    for _ in range(2):
        rules.event("198.51.101.7", "bob")
    for _ in range(9):
        rules.event("198.51.100.7", "alice")
    rules.settle()
    assert rules.bans() == {}
    rules.event("198.51.100.7", "alice")
    assert rules.bans_soon("trusted", "198.51.100.7")
    for _ in range(3):
        rules.event("198.51.101.7", "bob")
    assert rules.bans_soon("", "198.51.101.7")
    assert rules.site.run("verify").code == 0


def test_a_name_that_nobody_has_bans_at_once_and_a_guessed_one_at_the_second_time(
    rules: Rules,
) -> None:
    rules.event("198.51.100.7", "Admin@example.com")
    assert rules.bans_soon("trap", "198.51.100.7")
    rules.event("198.51.101.7", "jsmith", reason=UNKNOWN)
    rules.settle()
    assert ("unknown_user", "198.51.101.7") not in rules.bans()
    rules.event("198.51.101.7", "kjones", reason=UNKNOWN)
    assert rules.bans_soon("unknown_user", "198.51.101.7")


def test_a_spray_bans_all_that_took_part_and_status_names_its_victim(rules: Rules) -> None:
    for number in range(3):
        rules.event(f"198.51.{number}.7", "alice")
    for number in range(3):
        assert rules.bans_soon("spray", f"198.51.{number}.7")
    rules.event("198.51.9.7", "alice")
    assert rules.bans_soon("spray", "198.51.9.7")
    assert within(30, lambda: "alice (from" in rules.site.run("status").out)
    assert "banstitch_users_attacked 1" in read_metrics(rules.site)


def test_a_slow_source_is_banned_after_eight_failures_in_the_first_week(rules: Rules) -> None:
    # an address that no other test frees: what was there before an unban is forgiven
    for number in range(8):
        rules.event(
            "198.51.150.7", "bob" if number % 2 else "alice", at=time.time() - 3000 + 350 * number
        )
    assert rules.bans_soon("slow", "198.51.150.7")


def test_a_lockout_by_the_fortigate_bans_for_longer(rules: Rules) -> None:
    rules.event("198.51.100.7", "bob", "lockout", detection="admin_login_failed")
    jail = "banstitch-admin_login_failed-lockout"
    assert within(60, lambda: (jail, "198.51.100.7") in rules.bans())


def test_a_network_of_failing_sources_is_banned_as_one_and_told_by_unban(rules: Rules) -> None:
    site = rules.site
    for number in (1, 2, 3):
        rules.event(f"198.51.100.{number}", "admin")
    assert rules.bans_soon("network", "198.51.100.0/24")
    assert within(60, lambda: ("trap", "198.51.100.1") in rules.bans())
    site.units[0].poll_feeds()
    assert site.units[0].denies("198.51.100.77")
    told = site.run("unban", "198.51.100.1", "--json").target("bh1")
    assert told["state"] == "changed"
    assert any("still denied: within 198.51.100.0/24" in note for note in told["notes"])
    assert ("network", "198.51.100.0/24") in rules.bans()
    assert site.run("unban", "198.51.100.0/24").code == 0
    assert ("network", "198.51.100.0/24") not in rules.bans()


@WHATEVER_FAIL2BAN
def test_a_network_that_holds_a_spared_address_is_not_banned_as_one(rules: Rules) -> None:
    site = rules.site
    site.write_inventory(f"{ON}\ndetection_ignore: [198.51.100.9]")
    assert site.run("apply", "-y").code == 0
    for number in (1, 2, 3):
        rules.event(f"198.51.100.{number}", "admin")
    assert rules.bans_soon("trap", "198.51.100.3")
    assert within(
        60, lambda: any(e["what"] == "refused" and "/24" in e["address"] for e in history(site))
    )
    (refused,) = [entry for entry in history(site) if entry["what"] == "refused"]
    assert refused["why"] == "198.51.100.0/24 holds 198.51.100.9, which is on the ignore list"
    assert ("network", "198.51.100.0/24") not in rules.bans()
    site.write_inventory(ON)
    assert site.run("apply", "-y").code == 0


def test_a_network_that_somebody_logged_in_from_is_not_banned_as_one(rules: Rules) -> None:
    rules.event("198.51.100.9", "alice", "success")
    for number in (1, 2, 3):
        rules.event(f"198.51.100.{number}", "admin")
    rules.settle()
    assert ("trap", "198.51.100.3") in rules.bans()
    assert ("network", "198.51.100.0/24") not in rules.bans()


@WHATEVER_FAIL2BAN
def test_a_login_ends_the_ban_of_the_network_around_it(rules: Rules) -> None:
    for number in (1, 2, 3):
        rules.event(f"198.51.100.{number}", "admin")
    assert rules.bans_soon("network", "198.51.100.0/24")
    rules.event("198.51.100.9", "alice", "success")
    assert within(60, lambda: ("network", "198.51.100.0/24") not in rules.bans())
    assert ("trap", "198.51.100.3") in rules.bans()


def test_a_login_ends_the_ban_that_it_contradicts(rules: Rules) -> None:
    for name in ("jsmith", "kjones"):
        rules.event("198.51.100.7", name, reason=UNKNOWN)
    assert rules.bans_soon("unknown_user", "198.51.100.7")
    rules.event("198.51.100.7", "kjones", "success")
    assert within(60, lambda: rules.bans() == {})
    freed = next(e for e in reversed(history(rules.site)) if e["what"] == "unban")
    assert (freed["by"], freed["why"]) == ("banstitch-rules", "kjones logged in from there")


@WHATEVER_FAIL2BAN
def test_a_login_after_many_failures_is_an_alarm_everywhere(rules: Rules) -> None:
    for _ in range(6):
        rules.event("198.51.100.7")
    rules.event("198.51.100.7", "bob", "success")
    site = rules.site
    assert within(60, lambda: any(e["what"] == "alarm" for e in history(site)))
    assert "ALARM: bob logged in from 198.51.100.7" in site.run("status").out
    assert "banstitch_alarms 1" in read_metrics(site)
    assert rules.bans() != {}


@WHATEVER_FAIL2BAN
def test_health_says_that_nobody_counts_and_that_events_wait(rules: Rules) -> None:
    host = rules.site.host
    host.console(
        "systemctl stop banstitch-rules; touch -d '1 min ago' /var/lib/banstitch-rules/alive",
        check=True,
    )
    down = read_health(rules.site)
    assert down["status"] == "unhealthy"
    assert any("banstitch-rules does not run" in reason for reason in down["reasons"])
    host.console("touch /var/lib/banstitch-rules/alive", check=True)
    host.console("touch -d '1 min ago' /var/lib/banstitch-rules/current", check=True)
    late = read_health(rules.site)
    assert late["status"] == "degraded"
    assert any("banstitch-rules is" in loss for loss in late["degraded"])
    host.console("systemctl start banstitch-rules", check=True)
    assert within(30, lambda: read_health(rules.site)["status"] == "healthy")
