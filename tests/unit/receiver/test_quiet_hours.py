"""Quiet hours in the feed: bans of autonomous systems are left out while people log in."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.unit.receiver.receiver_app import DETECTION, FOREVER, Receiver, bans_file

ASN = f"{DETECTION['jail']}-asn"
SYSTEM = "45.1.0.0/16"


@pytest.fixture
def receiver(tmp_path: Path) -> Receiver:
    receiver = Receiver(tmp_path, jails=[DETECTION["jail"], ASN])
    receiver.bans({"203.0.113.9": FOREVER})
    ban_systems(receiver, {SYSTEM: time.time() + 1000})
    return receiver


def ban_systems(receiver: Receiver, bans: dict[str, float], failures: int = 3) -> None:
    fresh = receiver.spool / "new"
    fresh.write_text(bans_file(bans).replace(" 3 1\n", f" {failures} 1\n"))
    fresh.rename(receiver.spool / f"{ASN}.bans")


def set_hours(receiver: Receiver, hours: str) -> None:
    fresh = receiver.memory / "fresh"
    fresh.write_text(hours + "\n")
    fresh.rename(receiver.memory / "quiet_hours")


def test_a_system_is_denied_in_quiet_hours_only(receiver: Receiver) -> None:
    set_hours(receiver, "-" * 168)
    assert receiver.feed().text == "203.0.113.9\n"
    set_hours(receiver, "q" * 168)
    assert receiver.feed().text == f"{SYSTEM}\n203.0.113.9\n"


def test_the_feed_changes_when_an_hour_ends(receiver: Receiver) -> None:
    now = time.time()
    ban_systems(receiver, {SYSTEM: FOREVER})
    set_hours(receiver, "q-" * 84)
    feed = receiver.client.application.banstitch.feed
    held = [SYSTEM.encode() in feed.serve(now + 3600 * hours)[0] for hours in range(4)]
    assert held in ([True, False, True, False], [False, True, False, True])


def test_a_system_is_denied_at_any_time_if_no_hours_are_known(receiver: Receiver) -> None:
    assert SYSTEM in receiver.feed().text
    set_hours(receiver, "")
    assert SYSTEM in receiver.feed().text


def test_what_an_operator_banned_by_hand_is_denied_at_any_time(receiver: Receiver) -> None:
    set_hours(receiver, "-" * 168)
    ban_systems(receiver, {SYSTEM: FOREVER}, failures=0)
    assert SYSTEM in receiver.feed().text


def test_a_network_that_another_rule_bans_as_well_is_denied_at_any_time_and_listed_once(
    receiver: Receiver,
) -> None:
    receiver.bans({SYSTEM: time.time() + 100})
    for letter in "-q":
        set_hours(receiver, letter * 168)
        assert receiver.feed().text == f"{SYSTEM}\n"
