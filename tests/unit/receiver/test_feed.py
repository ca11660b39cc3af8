"""What a FortiGate gets from GET /blocked-ips, and when the receiver calls itself healthy."""

from __future__ import annotations

import os
import time
from pathlib import Path
from unittest.mock import Mock

import pytest

from roles.receiver.role import Settings
from tests.unit.receiver.receiver_app import DETECTION, FOREVER, Receiver, bans_file, module


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


def test_each_family_has_a_path_of_its_own(receiver: Receiver) -> None:
    receiver.bans({"2001:db8::1": FOREVER, "203.0.113.9": FOREVER, "2001:db8:1::/48": FOREVER})
    assert receiver.feed(path="/v4").text == "203.0.113.9\n"
    assert receiver.feed(path="/v6").text == "2001:db8::1\n2001:db8:1::/48\n"
    assert receiver.feed(path="/v5").status_code == 404
    etags = {receiver.feed(path=path).headers["ETag"] for path in ("", "/v4", "/v6")}
    assert len(etags) == 3


def test_of_two_bans_of_one_address_the_longer_counts(tmp_path: Path) -> None:
    jails = [{**DETECTION, "name": name, "jail": name} for name in ("one", "two")]
    receiver = Receiver(tmp_path, detections=jails)
    now = time.time()
    (receiver.spool / "one.bans").write_text(bans_file({"203.0.113.9": now + 100}))
    (receiver.spool / "two.bans").write_text(bans_file({"203.0.113.9": now - 100}))
    assert receiver.feed().text == "203.0.113.9\n"
