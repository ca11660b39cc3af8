"""Check what makes a receiver unhealthy, and who is given the reasons."""

from __future__ import annotations

import errno
import os
import time
from pathlib import Path

import pytest

from tests.unit.receiver.receiver_app import DETECTION, FOREVER, Receiver, bans_file, module


def test_health_is_200_when_everything_works_and_writes_nothing(receiver: Receiver) -> None:
    answer = receiver.client.get("/healthz")
    assert (answer.status_code, answer.json["reasons"]) == (200, [])
    assert receiver.log.read_text() == ""


def test_health_names_every_reason_and_no_secret(receiver: Receiver) -> None:
    receiver.digests.write_text("no secret-value here")
    os.utime(receiver.digests, ns=(1, 1))
    receiver.jail_file.unlink()
    receiver.log.unlink()
    receiver.log.mkdir()
    answer = receiver.client.get("/healthz")
    assert (answer.status_code, len(answer.json["reasons"])) == (503, 3)
    assert "secret-value" not in answer.text


@pytest.mark.parametrize("silent", [61, 86400])
def test_health_says_when_fail2ban_has_stopped_and_the_feed_goes_on(
    receiver: Receiver, silent: float
) -> None:
    os.utime(receiver.alive, (time.time() - silent,) * 2)
    assert receiver.get("/healthz").status_code == 503
    assert "check that it runs" in receiver.get("/healthz").text
    assert receiver.feed().status_code == 200
    receiver.alive.touch()
    assert receiver.get("/healthz").status_code == 200
    receiver.alive.unlink()
    assert receiver.get("/healthz").status_code == 503


def test_health_looks_after_every_jail(tmp_path: Path) -> None:
    jails = [DETECTION | {"jail": name, "name": name} for name in ("one", "two")]
    receiver = Receiver(tmp_path, detections=jails)
    for name in ("one", "two"):
        (receiver.spool / f"{name}.bans").write_text(bans_file({}))
        (receiver.spool / f"{name}.alive").touch()
    assert receiver.get("/healthz").json["reasons"] == []
    (receiver.spool / "two.alive").unlink()
    reasons = ["fail2ban does not maintain two: check that it runs"]
    assert receiver.get("/healthz").json["reasons"] == reasons


def test_others_than_the_host_itself_hear_of_health_only_yes_or_no(receiver: Receiver) -> None:
    receiver.jail_file.unlink()
    answer = receiver.get("/healthz", peer="192.0.2.1")
    assert (answer.status_code, answer.json) == (503, {"status": "unhealthy"})


def test_a_disk_without_room_is_unhealthy_while_the_feed_goes_on(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver.bans({"203.0.113.9": FOREVER})
    real = os.statvfs(receiver.folder)
    full = os.statvfs_result([0 if n == 4 else value for n, value in enumerate(real)])
    monkeypatch.setattr(module("files").os, "statvfs", lambda _: full)
    health = receiver.get("/healthz")
    reasons = ["no room to write the bans", "no room to write the event log"]
    assert (health.status_code, health.json["reasons"]) == (503, reasons)
    assert receiver.feed().text == "203.0.113.9\n"
    monkeypatch.undo()
    assert receiver.get("/healthz").status_code == 200


def test_a_disk_without_room_for_the_bans_once_more_is_unhealthy_before_it_is_full(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are written as a whole, beside those that are there."""
    receiver.bans({f"45.1.{n >> 8}.{n & 255}": FOREVER for n in range(10000)})
    real, size = os.statvfs(receiver.folder), receiver.jail_file.stat().st_size

    def with_room(room: int) -> None:
        values = [room // real.f_frsize if n == 4 else value for n, value in enumerate(real)]
        monkeypatch.setattr(module("files").os, "statvfs", lambda _: os.statvfs_result(values))

    enough = module("files").ROOM + size + real.f_frsize
    with_room(enough)
    assert receiver.get("/healthz").json["reasons"] == []
    with_room(enough - 2 * real.f_frsize)
    assert receiver.get("/healthz").json["reasons"] == ["no room to write the bans"]


def test_bans_on_a_read_only_disk_are_unhealthy_while_the_feed_goes_on(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver.bans({"203.0.113.9": FOREVER})
    content, real = receiver.jail_file.read_text(), os.open

    def refused(path: str, flags: int, *mode: int) -> int:
        if flags & os.O_WRONLY and str(path).startswith(str(receiver.spool)):
            raise OSError(errno.EROFS, "Read-only file system")
        return real(path, flags, *mode)

    assert receiver.get("/healthz").status_code == 200
    monkeypatch.setattr(module("spool").os, "open", refused)
    health = receiver.get("/healthz")
    reasons = ["cannot write the bans: Read-only file system"]
    assert (health.status_code, health.json["reasons"]) == (503, reasons)
    assert receiver.feed().text == "203.0.113.9\n"
    monkeypatch.undo()
    assert receiver.get("/healthz").status_code == 200
    assert receiver.jail_file.read_text() == content


def test_posts_that_cannot_be_read_degrade_for_a_day_and_not_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1700000000.0
    for name in ("app", "webhook"):
        monkeypatch.setattr(module(name).time, "time", lambda: now)
    receiver = Receiver(tmp_path)
    os.utime(receiver.alive, (now + 5 * 86400, now + 5 * 86400))
    for hours, posts in ((0, 2), (23, 1)):
        now = 1700000000.0 + hours * 3600
        for _ in range(posts):
            assert receiver.post("nonsense", "w2-secret").status_code == 400
    health = receiver.get("/healthz")
    assert (health.status_code, health.json["status"]) == (200, "degraded")
    assert health.json["unreadable"] == {"fw2": 3}
    assert health.json["degraded"] == [
        "fw2: 3 posts of the last 24 hours could not be read: see rejected.log"
    ]
    assert receiver.get("/healthz/live").status_code == 200
    stranger = receiver.get("/healthz", peer="192.0.2.1")
    assert stranger.json == {"status": "degraded"}
    seen = receiver.get("/metrics", auth=("status", "s-secret")).text
    assert 'banstitch_unreadable_last_day{fortigate="fw2"} 3' in seen
    assert "banstitch_degraded 1" in seen
    for hours, left in ((25, {"fw2": 1}), (48, {})):
        now = 1700000000.0 + hours * 3600
        assert receiver.get("/healthz").json["unreadable"] == left
    assert receiver.get("/healthz").status_code == 200


def test_a_receiver_that_cannot_take_events_is_not_live(tmp_path: Path) -> None:
    receiver = Receiver(tmp_path)
    assert receiver.get("/healthz/live").status_code == 200
    receiver.jail_file.unlink()
    live = receiver.get("/healthz/live")
    assert (live.status_code, live.json["status"]) == (503, "unhealthy")
