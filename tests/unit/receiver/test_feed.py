"""What a FortiGate gets from GET /blocked-ips, and when the receiver calls itself healthy."""

from __future__ import annotations

import errno
import os
import time
from pathlib import Path
from unittest.mock import Mock

import pytest

from roles.receiver.role import Settings
from tests.unit.receiver.receiver_app import DETECTION, Receiver, bans_file, module

FOREVER = -1


def test_the_feed_lists_v4_then_v6_in_numeric_order(receiver: Receiver) -> None:
    later = time.time() + 100
    receiver.bans({"2001:db8::1": FOREVER, "203.0.113.10": later, "203.0.113.9": later})
    answer = receiver.feed()
    assert answer.status_code == 200
    assert answer.mimetype == "text/plain"
    assert answer.text == "203.0.113.9\n203.0.113.10\n2001:db8::1\n"


def test_a_network_that_an_operator_banned_by_hand_is_listed_too(receiver: Receiver) -> None:
    receiver.bans({"203.0.113.0/28": FOREVER, "203.0.113.9": FOREVER})
    assert receiver.feed().text == "203.0.113.0/28\n203.0.113.9\n"


def test_an_expired_ban_is_left_out_even_if_nobody_removed_it(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.time()
    receiver.bans({"203.0.113.9": now + 50, "203.0.113.10": now - 1})
    assert receiver.feed().text == "203.0.113.9\n"
    monkeypatch.setattr(module("app").time, "time", lambda: now + 51)
    answer = receiver.feed()
    assert (answer.status_code, answer.text) == (200, "")


def test_a_feed_that_is_known_to_be_empty_is_an_empty_200(receiver: Receiver) -> None:
    answer = receiver.feed()
    assert (answer.status_code, answer.text) == (200, "")


@pytest.mark.parametrize(
    "content",
    [
        "",
        "# banstitch 1\n",
        "# banstitch 1\n203.0.113.9 -1 1 3 1\n",
        "# banstitch 1\n203.0.113.9 -1 1 3 1\nend 1",
        "# banstitch 1\n203.0.113.9 -1 1 3 1\nend 2\n",
        "# banstitch 2\nend 0\n",
        "# banstitch 1\nnobody -1 1 3 1\nend 1\n",
        "# banstitch 1\n203.0.113.9 soon 1 3 1\nend 1\n",
        "# banstitch 1\n203.0.113.9 -1 1 3\nend 1\n",
    ],
)
def test_bans_that_are_not_known_are_503_never_an_empty_list(
    receiver: Receiver, content: str
) -> None:
    receiver.jail_file.write_text(content)
    os.utime(receiver.jail_file, ns=(1, 1))
    assert receiver.feed().status_code == 503


def test_a_missing_file_of_bans_is_503(receiver: Receiver) -> None:
    assert receiver.feed().status_code == 200
    receiver.jail_file.unlink()
    assert receiver.feed().status_code == 503


def test_an_unchanged_feed_is_answered_with_304(receiver: Receiver) -> None:
    receiver.bans({"203.0.113.9": FOREVER})
    etag = receiver.feed().headers["ETag"]
    assert etag.startswith('"')
    assert receiver.feed(**{"If-None-Match": etag}).status_code == 304
    receiver.bans({"203.0.113.9": FOREVER, "203.0.113.10": FOREVER})
    changed = receiver.feed(**{"If-None-Match": etag})
    assert (changed.status_code, changed.headers["ETag"] != etag) == (200, True)


def test_bans_that_have_not_changed_are_not_read_again(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """100,000 of them take a while."""
    receiver.bans({"203.0.113.9": FOREVER})
    assert receiver.feed().status_code == 200
    reads = Mock(wraps=module("spool").read_bans)
    monkeypatch.setattr(module("spool"), "read_bans", reads)
    assert [receiver.feed().text for _ in range(3)] == ["203.0.113.9\n"] * 3
    assert reads.call_count == 0
    receiver.bans({"203.0.113.10": FOREVER})
    assert [receiver.feed().text for _ in range(3)] == ["203.0.113.10\n"] * 3
    assert reads.call_count == 1


def test_a_full_feed_is_smaller_than_the_10_mb_that_fortios_takes() -> None:
    limit = Settings().receiver_feed_limit
    longest = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fff0/124\n"
    assert limit == 131072
    assert limit * len(longest) < 10_000_000


@pytest.mark.parametrize(
    ("user", "password"),
    [("fw1", "wrong"), ("fw2", "f1-secret"), ("fw1", "w1-secret"), ("", ""), ("fw1", ""), ("fw3", "x"),
     ("", "f1-secret"), ("ü", "ü")],
)  # fmt: skip
def test_only_a_fortigate_with_its_own_feed_password_may_fetch(
    receiver: Receiver, user: str, password: str
) -> None:
    answer = receiver.feed(user, password)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Basic")


@pytest.mark.parametrize("header", ["", "Bearer x", "Basic", "Basic !!!", "Basic Zm9v"])
def test_a_strange_authorization_header_is_401(receiver: Receiver, header: str) -> None:
    answer = receiver.client.get("/blocked-ips", headers={"Authorization": header})
    assert answer.status_code == 401


def test_verify_may_fetch_as_well(receiver: Receiver) -> None:
    assert receiver.feed("verify", "v-secret").status_code == 200


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


def test_each_family_has_a_path_of_its_own(receiver: Receiver) -> None:
    receiver.bans({"2001:db8::1": FOREVER, "203.0.113.9": FOREVER, "2001:db8:1::/48": FOREVER})
    assert receiver.feed(path="/v4").text == "203.0.113.9\n"
    assert receiver.feed(path="/v6").text == "2001:db8::1\n2001:db8:1::/48\n"
    assert receiver.feed(path="/v5").status_code == 404
    etags = {receiver.feed(path=path).headers["ETag"] for path in ("", "/v4", "/v6")}
    assert len(etags) == 3


def ban_lines(bans: list[tuple[str, float, int, int]]) -> str:
    """Return the text of a jail's file: (address, until, failures, how often banned) each."""
    lines = [f"{a} {until:.0f} 1700000000 {failures} {n}\n" for a, until, failures, n in bans]
    return f"# banstitch 1\n{''.join(lines)}end {len(lines)}\n"


def test_over_the_limit_first_offenders_go_and_of_them_whose_ban_ends_soonest(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    receiver = Receiver(tmp_path, feed_limit=4)
    soon, later = time.time() + 100, time.time() + 200
    stay = [("203.0.113.1", soon, 3, 2), ("203.0.113.2", soon, 0, 1), ("203.0.113.3", -1, 3, 1)]
    others = [("203.0.113.5", soon + 1, 3, 1), ("203.0.113.4", later, 3, 1)]
    receiver.jail_file.write_text(ban_lines([*stay, *others]))
    kept = "203.0.113.1\n203.0.113.2\n203.0.113.3\n203.0.113.4\n"
    assert receiver.feed().text == receiver.feed(path="/v4").text == kept
    health = receiver.get("/healthz")
    full = "the feed is full: 1 bans have no room in it (receiver_feed_limit is 4)"
    assert (health.status_code, health.json["degraded"]) == (503, [full])
    assert receiver.get("/healthz/live").status_code == 200
    receiver.jail_file.write_text(ban_lines([*stay, *others, ("203.0.113.6", soon, 3, 1)]))
    assert receiver.feed().text == kept
    assert caplog.messages == [
        "the feed is full: first offenders whose bans end soonest have no room in it"
    ]
    receiver.bans({"203.0.113.9": FOREVER})
    assert receiver.feed().text == "203.0.113.9\n"
    assert receiver.get("/healthz").json["degraded"] == []


def test_each_family_has_the_whole_limit_on_its_own_path(tmp_path: Path) -> None:
    receiver = Receiver(tmp_path, feed_limit=8)
    v4, v6 = ([f"{net}{n:x}" for n in range(1, 10)] for net in ("203.0.113.", "2001:db8::"))
    receiver.bans(dict.fromkeys([*v4, *v6], FOREVER))
    counts = {path: receiver.feed(path=path).text.count("\n") for path in ("", "/v4", "/v6")}
    assert counts == {"": 8, "/v4": 8, "/v6": 8}
    both = receiver.feed().text.split()
    assert (sum(":" in a for a in both), sum("." in a for a in both)) == (2, 6)


def test_ipv4_may_have_what_ipv6_does_not_need(tmp_path: Path) -> None:
    receiver = Receiver(tmp_path, feed_limit=8)
    receiver.bans(
        dict.fromkeys([*(f"203.0.113.{n}" for n in range(1, 10)), "2001:db8::1"], FOREVER)
    )
    both = receiver.feed().text.split()
    assert (sum(":" in a for a in both), sum("." in a for a in both)) == (1, 7)


@pytest.mark.parametrize("networks", [1, 131_072 + 5])
def test_a_flood_of_ipv6_pushes_no_live_ipv4_ban_out(tmp_path: Path, networks: int) -> None:
    """The attacker has a /64, or a network of 131,077 of them; all come after the 1,000 of IPv4."""
    sources, receiver = module("sources"), Receiver(tmp_path)
    nobody = sources.ignored(())
    found: dict[str, None] = {}
    for n in range(131_072 + 5):
        network = n % networks
        address = f"2a00:1:{network >> 16:x}:{network & 0xFFFF:x}::{n >> 16:x}:{n & 0xFFFF:x}"
        found[sources.source_of(sources.canonical(address), 64, nobody, ())] = None
    v4 = [f"45.1.{n >> 8}.{n & 255}" for n in range(1000)]
    receiver.bans(dict.fromkeys([*v4, *found], time.time() + 3600))
    assert len(found) == networks
    for path in ("", "/v4"):
        assert set(v4) <= set(receiver.feed(path=path).text.split())
    assert receiver.feed().text.count("\n") == 1000 + min(networks, 131_072 // 4)


def test_addresses_of_one_network_that_were_banned_before_an_upgrade_stay_until_they_end(
    receiver: Receiver,
) -> None:
    now = time.time()
    receiver.bans({"2a00::1": now + 100, "2a00::2": now - 1, "2a00::/64": now + 100})
    assert receiver.feed().text == "2a00::/64\n2a00::1\n"


def test_a_list_that_no_fortigate_fetches_may_be_full_without_a_warning(tmp_path: Path) -> None:
    receiver = Receiver(tmp_path, feed_limit=4, feed_lists=["v4"])
    receiver.bans(dict.fromkeys(["203.0.113.9", *(f"2001:db8::{n}" for n in range(1, 9))], FOREVER))
    assert receiver.feed().status_code == 200
    assert receiver.get("/healthz").json["degraded"] == []
    assert "banstitch_feed_left_out 0\n" in metrics(receiver)
    receiver.bans({f"203.0.113.{n}": FOREVER for n in range(1, 6)})
    assert receiver.feed(path="/v4").text.count("\n") == 4
    assert "banstitch_feed_left_out 1\n" in metrics(receiver)


def metrics(receiver: Receiver) -> str:
    text: str = receiver.get("/metrics", auth=("status", "s-secret")).text
    return text


def test_of_two_bans_of_one_address_the_longer_counts(tmp_path: Path) -> None:
    jails = [{**DETECTION, "name": name, "jail": name} for name in ("one", "two")]
    receiver = Receiver(tmp_path, detections=jails)
    now = time.time()
    (receiver.spool / "one.bans").write_text(bans_file({"203.0.113.9": now + 100}))
    (receiver.spool / "two.bans").write_text(bans_file({"203.0.113.9": now - 100}))
    assert receiver.feed().text == "203.0.113.9\n"


@pytest.mark.parametrize("silent", [61, 86400])
def test_health_says_when_fail2ban_has_stopped_and_the_feed_goes_on(
    receiver: Receiver, silent: float
) -> None:
    os.utime(receiver.alive, (time.time() - silent,) * 2)
    assert receiver.get("/healthz").status_code == 503
    assert "is it running" in receiver.get("/healthz").text
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
    reasons = ["fail2ban does not look after two: is it running?"]
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
