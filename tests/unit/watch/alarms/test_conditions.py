"""Each thing that an operator has to know is a condition, and a site at which all is well has none."""

from __future__ import annotations

from typing import Any

import pytest
from banstitch_shared.alarm_file import Alarm, Alarms, Attacked
from banstitch_shared.alarm_notes import Drift
from banstitch_shared.shield_file import Shield
from watch.alarms.conditions import Memory, list_unknown, remember

from tests.unit.watch.alarms.samples import DAY, LIMITS, NOW, facts, fortigate, look, receiver


def of(**more: float) -> Any:
    return receiver(fortigates={"fgt1": fortigate(**more)})


LOGIN = Alarms((Alarm(NOW, "203.0.113.9", "bob", 7),))
ATTACKED = Alarms((), (Attacked("alice", NOW + 60, 12),))
UP = Shield("up", NOW, NOW + 3600, "admin", "by hand")


@pytest.mark.parametrize(
    ("key", "severity", "words", "more"),
    [
        ("receiver", "critical", "no event is taken", {"receiver": None}),
        ("rules", "critical", "nobody new is banned", {"rules_age": 61.0}),
        ("polls:fgt1", "critical", "for 15 min", {"receiver": of(last_poll=NOW - 900)}),
        ("polls:fgt1", "critical", "feed yet", {"receiver": of(last_poll=0)}),
        ("posts:fgt1", "warning", "for 2 d", {"receiver": of(last_event=NOW - 2 * DAY)}),
        ("unreadable:fgt1", "warning", "3 posts", {"receiver": of(unreadable=3)}),
        ("clock:fgt1", "warning", "20 min", {"receiver": of(ahead=-1200)}),
        ("full", "critical", "5 bans", {"receiver": receiver(left_out=5)}),
        ("disk:/x", "warning", "9 %", {"receiver": receiver(room={"/x": 0.09})}),
        ("disk:/x", "critical", "2 %", {"receiver": receiver(room={"/x": 0.02})}),
        ("burst", "warning", "10000 new", {"receiver": receiver(banned=10_000)}),
        ("ban_limit:fgt1", "critical", "2 new", {"receiver": receiver(bans_refused={"fgt1": 2})}),
        ("certificate", "warning", "in 29 days", {"certificate_ends": NOW + 29.5 * DAY}),
        ("certificate", "critical", "in 2 days", {"certificate_ends": NOW + 2.5 * DAY}),
        ("certificate", "critical", "has expired", {"certificate_ends": 0.0}),
        (f"login:{NOW:.0f}:203.0.113.9", "critical", "bob logged in", {"known": LOGIN}),
        ("attacked:alice", "warning", "12 addresses", {"known": ATTACKED}),
        ("shield", "warning", "the shield is up", {"shield": UP}),
        ("shield", "warning", "would be up", {"shield": UP._replace(mode="alarm")}),
        ("jump", "warning", "set forward or back by 2 h", {"jumped": -7200.0}),
        ("drift", "warning", "4 changes", {"drift": Drift(NOW, "me", 4)}),
        ("channel:mail", "warning", "by mail: refused", {"failing": {"mail": "refused"}}),
        ("abuseipdb", "warning", "answers 401", {"unreported": "the server answers 401"}),
        ("heartbeat", "warning", "404", {"heartbeat": "404"}),
        ("peer:north/bh2", "warning", "site bh2 (group north)", {"silent": (("north", "bh2"),)}),
    ],
)
def test_what_is_wrong_is_a_condition(
    key: str, severity: str, words: str, more: dict[str, Any]
) -> None:
    found = look(facts(**more))
    assert list(found) == [key]
    assert found[key].severity == severity
    assert words in found[key].text


def test_a_site_at_which_all_is_well_has_none() -> None:
    assert look(facts()) == {}
    assert look(facts(drift=Drift(NOW, "me", 0), certificate_ends=None)) == {}


def test_an_error_is_a_condition_after_20_seconds_but_not_while_services_start() -> None:
    failing = facts(receiver=receiver(errors={"fail2ban": "is it running?"}))
    memory = remember(Memory(), failing, LIMITS)
    soon, later = failing._replace(now=NOW + 15), failing._replace(now=NOW + 20)
    assert look(soon, memory) == {}
    found = look(later, memory)["error:fail2ban"]
    assert (found.severity, found.text) == ("critical", "is it running?")
    # an installation starts the receiver before fail2ban
    assert look(later._replace(steady=59.0), memory) == {}
    assert "error" in list_unknown(later._replace(steady=59.0))
    # another error begins anew
    memory = remember(memory, facts(now=NOW + 10), LIMITS)
    assert look(later, memory) == {}


def test_a_certificate_is_reported_again_after_30_14_and_3_days() -> None:
    left = (29, 13, 2)
    found = [look(facts(certificate_ends=NOW + days * DAY))["certificate"] for days in left]
    assert [each.grade for each in found] == [1, 2, 3]


@pytest.mark.parametrize(
    ("key", "counted"),
    [
        ("rate:fgt1", {"fortigates": {"fgt1": fortigate(limited=3)}}),
        ("refused:refused_token", {"refused": {"refused_token": 3}}),
        ("refused:refused_address", {"refused": {"refused_address": 3}}),
    ],
)
def test_what_is_counted_is_a_condition_for_ten_minutes_after_its_last_rise(
    key: str, counted: dict[str, Any]
) -> None:
    before = remember(Memory(), facts(), LIMITS)
    after = facts(receiver=receiver(**counted))
    assert list(look(after, before)) == [key]
    known = remember(before, after, LIMITS)
    later = after._replace(now=NOW + 500)
    assert key in look(later, known)
    assert key not in look(later._replace(now=NOW + 700), remember(known, later, LIMITS))


def test_the_first_look_after_an_installation_reports_no_old_counts() -> None:
    assert look(facts(receiver=of(limited=99))) == {}


def test_a_fortigate_may_be_silent_for_as_long_as_it_usually_is() -> None:
    memory = Memory()
    for number in range(6):  # a poll an hour, and an event every second day
        poll, event = NOW - 3600 * (5 - number), NOW - 2 * DAY * (5 - number)
        known = facts(receiver=of(last_poll=poll, last_event=event))
        memory = remember(memory, known, LIMITS)
    assert look(known._replace(now=NOW + 3 * 3600), memory) == {}
    assert set(look(known._replace(now=NOW + 5 * 3600), memory)) == {"polls:fgt1"}
    assert set(look(known._replace(now=NOW + 7 * DAY), memory)) == {"polls:fgt1", "posts:fgt1"}


def test_a_fortigate_has_time_to_fetch_the_list_after_a_start_of_the_receiver() -> None:
    down = of(last_poll=NOW - DAY)
    assert look(facts(receiver=down._replace(started=NOW - 500))) == {}
    assert set(look(facts(receiver=down._replace(started=NOW - 700)))) == {"polls:fgt1"}


@pytest.mark.parametrize("step", [7200, 30 * DAY, -7200])
def test_a_clock_that_is_set_makes_no_fortigate_silent_nor_hides_one_that_is(step: float) -> None:
    polled = receiver(fortigates={"fgt1": fortigate(last_poll=NOW - 100, last_event=NOW - 100)})
    memory = remember(Memory(), facts(receiver=polled), LIMITS)
    set_now = facts(receiver=polled, now=NOW + step, jumped=step)
    assert set(look(set_now, memory)) == {"jump"}
    memory = remember(memory, set_now, LIMITS)
    later = set_now._replace(now=set_now.now + 700, jumped=0.0)
    assert set(look(later._replace(now=set_now.now + 400), memory)) == {"jump"}
    assert set(look(later, memory)) == {"polls:fgt1"}
    assert "for 13 min" in look(later, memory)["polls:fgt1"].text


def test_a_clock_that_is_set_ends_no_alarm_about_a_silent_fortigate() -> None:
    silent = facts(receiver=of(last_poll=NOW - 3 * DAY, last_event=NOW - 3 * DAY))
    memory = remember(Memory(), silent, LIMITS)
    found = look(silent._replace(now=NOW + 400, jumped=400.0), memory)
    assert set(found) == {"jump", "polls:fgt1", "posts:fgt1"}
    assert "for 3 d" in found["polls:fgt1"].text


def test_a_poll_just_before_the_clock_was_set_counts_as_just_before() -> None:
    memory = remember(Memory(), facts(), LIMITS)
    step = 7200.0
    set_now = facts(now=NOW + step, jumped=step, receiver=None)
    memory = remember(memory, set_now, LIMITS)
    # the receiver wrote it before, and this is the first look at it
    found = facts(now=NOW + step + 5, receiver=of(last_poll=NOW - 3, last_event=NOW - 3))
    assert set(look(found, memory)) == {"jump"}
    # and the gap to the next one is a minute
    memory = remember(memory, found, LIMITS)
    found = facts(now=NOW + step + 60, receiver=of(last_poll=NOW + step + 57))
    assert remember(memory, found, LIMITS).polls["fgt1"].longest == pytest.approx(60)


def test_a_fortigate_that_never_posted_is_no_alarm() -> None:
    assert look(facts(receiver=of(last_event=0))) == {}


def test_without_the_receiver_nothing_that_it_knows_begins_or_ends() -> None:
    assert "polls" in list_unknown(facts(receiver=None))
    assert "rules" not in list_unknown(facts(receiver=None))
    assert list_unknown(facts()) == ()


def test_within_a_minute_of_a_start_or_a_step_of_the_clock_no_sign_of_life_is_no_alarm() -> None:
    silent = facts(receiver=None, rules_age=float("inf"))
    assert {"receiver", "rules"} <= set(look(silent))
    early = silent._replace(steady=59.0)
    assert look(early) == {}
    assert {"receiver", "rules"} <= set(list_unknown(early))
    assert list_unknown(facts(steady=0.0)) == ("error",)
