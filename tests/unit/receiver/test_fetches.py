"""The receiver measures how long a FortiGate takes from an event to its next fetch of the feed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.receiver.receiver_app import LINE, Receiver, module
from tests.unit.receiver.test_logins import LOGIN

NOW = 1700000000.0


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Set the receiver's clock to so many seconds after the start."""

    def set_clock(seconds: float) -> None:
        monkeypatch.setattr(module("app").time, "time", lambda: NOW + seconds)

    set_clock(0)
    return set_clock


@pytest.fixture
def running(tmp_path: Path, at: Callable[[float], None]) -> Receiver:
    return Receiver(tmp_path)


def delays(receiver: Receiver) -> dict[str, float]:
    found: dict[str, float] = receiver.get("/healthz").json["fetch_delays"]
    return found


def test_the_first_event_counts_until_the_feed_is_fetched(
    running: Receiver, at: Callable[[float], None]
) -> None:
    assert delays(running) == {"fw1": 0, "fw2": 0}
    for seconds in (10, 15, 20):
        at(seconds)
        assert running.post(LINE % "203.0.113.7").status_code == 200
    at(24.5)
    running.feed()
    assert delays(running) == {"fw1": 14.5, "fw2": 0}
    seen = running.get("/metrics", auth=("status", "s-secret")).text
    assert 'banstitch_fetch_delay_seconds{fortigate="fw1"} 14.5' in seen
    at(80)
    running.feed()
    assert delays(running)["fw1"] == 14.5


def test_a_fetch_before_the_ban_can_be_in_the_feed_does_not_count(
    running: Receiver, at: Callable[[float], None]
) -> None:
    running.post(LINE % "203.0.113.7")
    for seconds in (1, 6):
        at(seconds)
        running.feed()
    assert delays(running)["fw1"] == 6


def test_a_login_and_the_fetch_of_another_fortigate_do_not_count(
    running: Receiver, at: Callable[[float], None]
) -> None:
    running.post(LOGIN % ("203.0.113.7", "alice"))
    at(10)
    running.feed()
    running.post(LINE % "203.0.113.7")
    at(20)
    running.feed("fw2", "f2-secret")
    assert delays(running) == {"fw1": 0, "fw2": 0}


def test_a_clock_that_is_set_back_ends_the_wait(
    running: Receiver, at: Callable[[float], None]
) -> None:
    at(100)
    running.post(LINE % "203.0.113.7")
    at(0)
    running.feed()
    at(50)
    running.feed()
    assert delays(running)["fw1"] == 0
