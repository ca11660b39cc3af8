"""Messages go out together, seldom, and at night only if they are critical."""

from __future__ import annotations

import pytest
from watch.alarms import outbox
from watch.alarms.digest import compose
from watch.alarms.outbox import MOST_AN_HOUR, Outbox, Quiet

from tests.unit.watch.alarms.samples import NOW, message

# 2027-01-15 08:00 UTC, which is 09:00 in Berlin
MORNING = NOW


def fill(*numbers: int) -> Outbox:
    return outbox.put(Outbox(), [message(number) for number in numbers], "info")


def test_messages_wait_for_others_and_go_out_together() -> None:
    box = fill(1, 2)
    assert outbox.take(box, NOW + 1) == ()
    assert len(outbox.take(box, NOW + 11)) == 2


def test_ten_thousand_alarms_are_one_short_digest() -> None:
    box = outbox.put(Outbox(), [message(number) for number in range(10_000)], "info")
    batch = outbox.take(box, NOW + 11)
    digest = compose("bh1", batch, box.dropped)
    assert len(digest.lines) == 41
    assert digest.lines[-1].startswith("and 9960 more")
    assert outbox.note_sent(box, batch, NOW).waiting == ()


def test_digests_are_limited_in_an_hour_and_nothing_is_lost() -> None:
    box, now, sent = fill(), NOW, 0
    for number in range(100):
        now += 36
        box = outbox.put(box, [message(number, at=now - 20)], "info")
        batch = outbox.take(box, now)
        if batch:
            box, sent = outbox.note_sent(box, batch, now), sent + 1
    assert sent == MOST_AN_HOUR
    assert len(box.waiting) == 100 - MOST_AN_HOUR
    assert len(outbox.take(box, now + 3600)) == len(box.waiting)


def test_a_channel_gets_what_is_severe_enough_for_it() -> None:
    messages = [message(severity=each) for each in ("info", "warning", "critical")]
    assert len(outbox.put(Outbox(), messages, "critical").waiting) == 1
    assert len(outbox.put(Outbox(), messages, "info").waiting) == 3


def test_a_failed_digest_is_sent_again_after_growing_pauses() -> None:
    box = outbox.note_failed(fill(1), "refused", NOW + 20)
    assert outbox.take(box, NOW + 30) == ()
    assert outbox.take(box, NOW + 36) != ()
    box = outbox.note_failed(box, "refused", NOW + 36)
    assert outbox.take(box, NOW + 60) == ()
    batch = outbox.take(box, NOW + 70)
    assert outbox.note_sent(box, batch, NOW + 70).failures == 0
    for _ in range(10):
        box = outbox.note_failed(box, "refused", NOW + 100)
    assert outbox.take(box, NOW + 160) == batch


@pytest.mark.parametrize(
    ("begins", "ends", "covers"),
    [(480, 600, True), (600, 720, False), (1320, 540, False), (1320, 541, True)],
)
def test_quiet_hours_are_in_their_time_zone(begins: int, ends: int, covers: bool) -> None:
    assert Quiet(begins, ends, "Europe/Berlin").covers(MORNING) == covers


def test_in_quiet_hours_only_critical_messages_go_out_and_the_rest_follows() -> None:
    quiet = Quiet(0, 1439, "UTC")
    urgent = message(2, severity="critical")
    box = outbox.put(fill(1), [urgent], "info")
    batch = outbox.take(box, NOW + 20, quiet)
    assert batch == (urgent,)
    box = outbox.note_sent(box, batch, NOW + 20)
    assert outbox.take(box, NOW + 100, quiet) == ()
    assert outbox.take(box, NOW + 100) == (message(1),)


def test_a_flood_of_warnings_neither_delays_nor_drops_what_is_critical() -> None:
    box = Outbox(sent=tuple(NOW - 100 for _ in range(MOST_AN_HOUR)))
    urgent = message(0, severity="critical")
    box = outbox.put(box, [urgent, *(message(number) for number in range(1000))], "info")
    assert urgent in outbox.take(box, NOW + 20)
    only_warnings = outbox.note_sent(box, [urgent], NOW - 100)
    assert outbox.take(only_warnings, NOW + 20) == ()
