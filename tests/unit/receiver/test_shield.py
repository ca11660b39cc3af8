"""The shield in the feed: its networks come first, end by themselves, and never hold who is never denied."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from banstitch_shared.addresses import parse_peer
from banstitch_shared.shield_file import Order, Shield, format_order, format_shield

from tests.unit.receiver.receiver_app import FOREVER, Receiver

LOGIN = ("status", "s-secret")
WHOLE = ("64.0.0.0/3", "2400::/6")


@pytest.fixture
def receiver(tmp_path: Path) -> Receiver:
    receiver = Receiver(tmp_path)
    receiver.bans({"203.0.113.9": FOREVER})
    return receiver


def raise_shield(receiver: Receiver, *networks: str, **more: Any) -> None:
    now = time.time()
    fields = {
        "mode": "up",
        "since": now,
        "until": now + 60,
        "by": "banstitch-rules",
        "why": "a spray",
    }
    shield = Shield(**{**fields, **more}, networks=networks)
    fresh = receiver.memory / "fresh"
    fresh.write_text(format_shield(shield))
    fresh.rename(receiver.memory / "shield.json")


def health(receiver: Receiver, key: str) -> str:
    return str(receiver.get("/healthz").json[key])


def test_the_feed_holds_its_networks_and_the_bans(receiver: Receiver) -> None:
    raise_shield(receiver, *WHOLE)
    assert receiver.feed().text == "64.0.0.0/3\n2400::/6\n203.0.113.9\n"
    assert receiver.feed(path="/v4").text == "64.0.0.0/3\n203.0.113.9\n"
    assert receiver.feed(path="/v6").text == "2400::/6\n"
    (receiver.memory / "shield.json").unlink()
    assert receiver.feed().text == "203.0.113.9\n"


def test_it_ends_by_itself(receiver: Receiver) -> None:
    raise_shield(receiver, *WHOLE)
    feed, now = receiver.client.application.banstitch.feed, time.time()
    assert b"64.0.0.0/3" in feed.serve(now + 59)[0]
    assert feed.serve(now + 61)[0] == b"203.0.113.9\n"


def test_an_alarm_denies_nobody(receiver: Receiver) -> None:
    raise_shield(receiver, mode="alarm", kept_out=7)
    assert receiver.feed().text == "203.0.113.9\n"
    assert "would have kept out 7 failures" in health(receiver, "warnings")


def order(receiver: Receiver, *, up: bool, seconds: float = 60) -> None:
    now = time.time()
    text = format_order(Order(up, now + seconds, now, "root@pc", "a test"))
    (receiver.spool / "shield.json").write_text(text)


@pytest.mark.parametrize("setting", ["off", "alarm"])
def test_a_service_that_raises_it_unasked_denies_nobody(tmp_path: Path, setting: str) -> None:
    receiver = Receiver(tmp_path, shield=setting)
    raise_shield(receiver, *WHOLE)
    assert receiver.feed().text == ""
    order(receiver, up=True)
    assert receiver.feed().text == "64.0.0.0/3\n2400::/6\n"
    order(receiver, up=True, seconds=-1)
    assert receiver.feed().text == ""


def test_an_order_of_an_operator_keeps_it_down(receiver: Receiver) -> None:
    raise_shield(receiver, *WHOLE)
    order(receiver, up=False)
    assert receiver.feed().text == "203.0.113.9\n"


def test_whoever_is_never_banned_is_cut_out_of_what_the_service_wrote(receiver: Receiver) -> None:
    """198.51.100.0/24 and 203.0.113.250 are on the ignore list, 127.0.0.0/8 is the host's own."""
    raise_shield(receiver, "127.0.0.0/8", "198.51.100.0/23", "203.0.113.250", "2001:db8:9:1::/64")
    assert receiver.feed().text == "198.51.101.0/24\n203.0.113.9\n"


def test_hosts_that_are_known_by_name_are_cut_out(tmp_path: Path) -> None:
    receiver = Receiver(tmp_path, hosts=["fw1.example.com"])
    raise_shield(receiver, "198.51.102.0/31")
    assert receiver.feed().text == "198.51.102.0/31\n"
    receiver.names.known["fw1.example.com"] = frozenset({parse_peer("198.51.102.1")})
    assert receiver.feed().text == "198.51.102.0\n"


def test_bans_have_the_room_that_it_leaves(tmp_path: Path) -> None:
    receiver = Receiver(tmp_path, feed_limit=4)
    receiver.bans({f"203.0.113.{n}": FOREVER for n in range(1, 5)})
    raise_shield(receiver, *WHOLE)
    assert receiver.feed().text.count("\n") == 4
    assert "2 bans have no room" in health(receiver, "degraded")


def test_a_shield_that_needs_more_than_half_of_the_feed_is_left_out(tmp_path: Path) -> None:
    receiver = Receiver(tmp_path, feed_limit=2)
    raise_shield(receiver, *WHOLE)
    assert receiver.feed().text == ""
    assert "set receiver_feed_limit to 4 or more" in health(receiver, "degraded")


@pytest.mark.parametrize(
    "text", ["", "[]", '{"mode": "up"}', format_shield(Shield("x", 1, 1e10, "", "")),
             format_shield(Shield("up", 1, 1e10, "", "", networks=("everybody",)))],
)  # fmt: skip
def test_a_damaged_file_denies_nobody(receiver: Receiver, text: str) -> None:
    (receiver.memory / "shield.json").write_text(text)
    assert receiver.feed().text == "203.0.113.9\n"


def test_no_link_is_followed(receiver: Receiver) -> None:
    raise_shield(receiver, *WHOLE)
    (receiver.memory / "shield.json").rename(receiver.folder / "elsewhere")
    (receiver.memory / "shield.json").symlink_to(receiver.folder / "elsewhere")
    assert receiver.feed().text == "203.0.113.9\n"


def test_metrics_tell_no_shield_from_one_that_would_be_up(receiver: Receiver) -> None:
    for alarm in (0, 1):
        metrics = receiver.get("/metrics", auth=LOGIN).text
        assert "banstitch_shield_up 0" in metrics
        assert f"banstitch_shield_alarm {alarm}" in metrics
        raise_shield(receiver, mode="alarm")


def test_metrics_and_pages_say_that_it_is_up(receiver: Receiver) -> None:
    raise_shield(receiver, *WHOLE)
    metrics = receiver.get("/metrics", auth=LOGIN).text
    assert "banstitch_shield_up 1" in metrics
    assert "banstitch_shield_alarm 0" in metrics
    assert "banstitch_shield_networks 2" in metrics
    assert "SHIELD UP from" in health(receiver, "warnings")
    assert "shield up</span>" in receiver.get("/status", auth=LOGIN).text
    assert "SHIELD UP from" in receiver.get("/status", auth=LOGIN).text
