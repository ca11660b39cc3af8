"""The bans of the rules on real hosts: they survive restarts, end in time, and go with their rule."""

from __future__ import annotations

import pytest

from tests.e2e.poller import feed
from tests.e2e.rules_site import (
    JAIL,
    LOGS,
    NAME,
    ON,
    RULES,
    UNKNOWN,
    WHATEVER_FAIL2BAN,
    Rules,
)
from tests.lab.stopwatch import within

pytestmark = pytest.mark.lab


def test_bans_and_counts_survive_kills_and_restarts_of_both_services(rules: Rules) -> None:
    host = rules.site.host
    rules.event("198.51.100.7", "jsmith", reason=UNKNOWN)
    rules.event("198.51.101.7", "admin")
    assert rules.bans_soon("trap", "198.51.101.7")
    host.console("systemctl kill -s KILL banstitch-rules; systemctl restart fail2ban", check=True)
    rules.event("198.51.100.7", "kjones", reason=UNKNOWN)
    assert rules.bans_soon("unknown_user", "198.51.100.7")
    assert ("trap", "198.51.101.7") in rules.bans()
    lines = host.read(f"{LOGS}/rules.log").splitlines()
    assert len(lines) == len(set(lines))


def test_the_bans_of_every_rule_survive_a_restart_and_expire(rules: Rules) -> None:
    site = rules.site
    short = ", ".join(f"{name}: {{ban_time: 60}}" for name in RULES)
    site.write_inventory(
        f"{ON}\ndetection_settings: {{{NAME}: {{ban_time: 60, rules: {{{short}}}}}}}"
    )
    assert site.run("apply", "-y").code == 0
    expected = rules.ban_by_every_rule("45.1")
    site.host.console("systemctl restart fail2ban", check=True)
    assert within(30, lambda: expected <= set(rules.bans()))
    # the feed costs less to ask for
    assert within(90, lambda: feed(site) == set() and rules.bans() == {})
    site.write_inventory(ON)
    assert site.run("apply", "-y").code == 0


@WHATEVER_FAIL2BAN
def test_a_rotation_at_any_moment_loses_no_event(rules: Rules) -> None:
    rotate = "logrotate --force /etc/logrotate.d/banstitch"
    for number in range(6):
        rules.event(f"198.51.{number}.7", "admin")
        rules.site.host.console(rotate, check=True)
        assert rules.bans_soon("trap", f"198.51.{number}.7")


def test_rules_that_are_turned_off_take_their_bans_along_and_plan_says_so(rules: Rules) -> None:
    site = rules.site
    rules.ban_by_every_rule("45.2")
    off = ", ".join(f"{name}: off" for name in RULES)
    site.write_inventory(f"{ON}\ndetection_settings: {{{NAME}: {{rules: {{{off}}}}}}}")
    planned = site.run("plan")
    for name in RULES:
        assert f"jail {JAIL}-{name} is removed: its " in planned.out
    assert site.run("apply", "-y").code == 0
    assert within(60, lambda: {rule for rule, _ in rules.bans()} == {""})
    by_plain = {"45.2.150.8", "45.2.151.8"}

    def ours() -> set[str]:
        """Return whom the feed denies because of this test; other tests share the host."""
        return {entry for entry in feed(site) if entry.startswith("45.2.")}

    assert within(60, lambda: ours() == by_plain)
    rules.event("198.51.101.7", "admin")
    for _ in range(5):
        rules.event("45.2.152.8", "jsmith", reason=UNKNOWN)
    assert rules.bans_soon("", "45.2.152.8")
    assert ours() == by_plain | {"45.2.152.8"}
    site.write_inventory(ON)
    assert site.run("apply", "-y").code == 0
