"""The clock by which the service looks at a site: it notices that it was set."""

from __future__ import annotations

import pytest
from watch.alarms.facts import Clock

from tests.unit.watch.alarms.samples import Times


def test_a_step_of_the_clock_is_seen_once(monkeypatch: pytest.MonkeyPatch) -> None:
    times, clock = Times(monkeypatch), Clock()
    assert clock.look().jumped == 0
    times.pass_time(5)
    times.now += 7200
    assert clock.look().jumped == pytest.approx(7200)
    times.pass_time(5)
    assert clock.look().jumped == pytest.approx(0)


def test_the_seconds_since_the_start_or_the_last_step_are_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    times, clock = Times(monkeypatch), Clock()
    assert clock.look().steady == 0
    times.pass_time(70)
    assert clock.look().steady == 70
    times.now -= 90
    assert clock.look().steady == 0
    times.pass_time(5)
    times.now += 0.5
    assert clock.look().steady == 5
