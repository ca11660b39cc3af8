"""Names and URLs of the ignore list: events of what they stand for do not count."""

from __future__ import annotations

import time
from pathlib import Path

from banstitch_shared.looked_up import Source, format_sources
from banstitch_shared.shield_file import Shield, format_shield

from tests.unit.receiver.receiver_app import DETECTION, LINE, Receiver

OFFICE = "203.0.113.9"
TAKEN = [(DETECTION["name"], OFFICE)]


def answer(path: Path, *networks: str) -> None:
    """Write the file as banstitch-watch does."""
    fresh = path.with_suffix(".new")
    fresh.write_text(format_sources({"office.example.com": Source(networks, time.time())}))
    fresh.rename(path)


def test_an_event_of_an_address_behind_a_name_does_not_count(tmp_path: Path) -> None:
    path = tmp_path / "looked_up.json"
    receiver = Receiver(tmp_path, looked_up=str(path))
    receiver.post(LINE % OFFICE)
    assert receiver.written() == TAKEN
    answer(path, "203.0.113.8/30")
    (event,) = receiver.post(LINE % OFFICE).json["events"]
    assert event == {"outcome": "ignored", "reason": "address is on the ignore list"}
    assert receiver.written() == TAKEN


def test_an_event_of_an_address_that_is_behind_it_no_longer_counts(tmp_path: Path) -> None:
    path = tmp_path / "looked_up.json"
    answer(path, OFFICE)
    receiver = Receiver(tmp_path, looked_up=str(path))
    receiver.post(LINE % OFFICE)
    answer(path, "203.0.113.77")
    receiver.post(LINE % OFFICE)
    assert receiver.written() == TAKEN


def test_an_ipv6_network_that_holds_such_an_address_is_not_counted_as_a_whole(
    tmp_path: Path,
) -> None:
    path = tmp_path / "looked_up.json"
    answer(path, "2001:db8:1:1::9")
    receiver = Receiver(tmp_path, looked_up=str(path))
    receiver.post(LINE % "2001:db8:1:1::7")
    assert receiver.written() == [(DETECTION["name"], "2001:db8:1:1::7")]


def test_the_shield_does_not_deny_what_a_name_stands_for(tmp_path: Path) -> None:
    path, now = tmp_path / "looked_up.json", time.time()
    answer(path, OFFICE)
    receiver = Receiver(tmp_path, looked_up=str(path), shield="auto")
    receiver.bans({})
    shield = Shield("up", now, now + 60, "banstitch-rules", "a spray", networks=("203.0.113.8/30",))
    (receiver.memory / "shield.json").write_text(format_shield(shield))
    assert receiver.feed(path="/v4").text == "203.0.113.8\n203.0.113.10/31\n"
