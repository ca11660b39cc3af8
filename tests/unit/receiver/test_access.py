"""Who may post events, from where, how often, and what the operator hears of those who may not."""

from __future__ import annotations

import hmac
import json
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.unit.receiver.receiver_app import LINE, SECRETS, Receiver, digests, module

EVENT = LINE % "203.0.113.9"


@pytest.mark.parametrize("peer", ["192.0.2.1", "::ffff:192.0.2.1", "fd00::1"])
def test_a_fortigate_of_the_site_may_post(receiver: Receiver, peer: str) -> None:
    assert receiver.post(EVENT, peer=peer).status_code == 200


@pytest.mark.parametrize("peer", ["192.0.2.2", "198.51.100.1", "fd00::2", "::ffff:192.0.2.2"])
def test_another_address_may_not_even_with_the_right_token(receiver: Receiver, peer: str) -> None:
    assert receiver.post(EVENT, peer=peer).status_code == 403
    assert receiver.written() == []


def test_any_address_may_post_where_the_operator_says_so_but_not_without_a_token(
    tmp_path: Path,
) -> None:
    receiver = Receiver(tmp_path, allow=None)
    assert receiver.post(EVENT, peer="198.51.100.1").status_code == 200
    assert receiver.post(EVENT, "wrong", peer="198.51.100.1").status_code == 401


def test_networks_may_be_allowed(tmp_path: Path) -> None:
    receiver = Receiver(tmp_path, allow=["192.0.2.0/24", "2001:db8:1::/48"])
    assert receiver.post(EVENT, peer="192.0.2.77").status_code == 200
    assert receiver.post(EVENT, peer="2001:db8:1::5").status_code == 200


def test_a_guessed_password_is_counted_and_logged_to_the_journal(
    receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(5):
        assert receiver.get("/status", peer="198.51.100.1", auth=("status", "x")).status_code == 401
    assert [record.message for record in caplog.records] == [
        "refused a login from 198.51.100.1: no valid user name and password (1 so far)"
    ]
    shown = receiver.get("/metrics", auth=("status", "s-secret")).text
    assert 'banstitch_refused_total{why="refused_page"} 5' in shown


@pytest.mark.parametrize("peer", ["127.0.0.1", "::1"])
def test_on_the_ban_host_itself_only_verify_may_post(receiver: Receiver, peer: str) -> None:
    assert receiver.post(EVENT, "v-secret", peer=peer).status_code == 200
    assert receiver.post(EVENT, "w1-secret", peer=peer).status_code == 403


def test_the_token_of_verify_is_worth_nothing_elsewhere(receiver: Receiver) -> None:
    assert receiver.post(EVENT, "v-secret").status_code == 401
    answer = receiver.get("/blocked-ips", peer="192.0.2.1", auth=("verify", "v-secret"))
    assert answer.status_code == 401


def test_only_verify_may_put_in_documentation_addresses(tmp_path: Path) -> None:
    receiver = Receiver(tmp_path, accept_documentation=False)
    refused = [LINE % a for a in ("203.0.113.9", "192.0.2.9", "2001:db8::1", "3fff::1")]
    for event in refused:
        assert receiver.post(event).json["events"][0]["outcome"] == "ignored"
    assert receiver.post(EVENT, "v-secret", peer="127.0.0.1").json["events"][0]["address"]
    assert receiver.post(LINE % "45.1.2.3").json["events"][0]["address"] == "45.1.2.3"


def test_a_fortigate_is_never_banned_by_what_it_posts(tmp_path: Path) -> None:
    receiver = Receiver(tmp_path, allow=None)
    answer = receiver.post(LINE % "45.1.2.3", peer="45.1.2.3")
    assert "own" in answer.json["events"][0]["reason"]
    assert receiver.written() == []


def test_during_a_rotation_the_old_and_the_new_secrets_are_valid(receiver: Receiver) -> None:
    both = {"webhook:fw1": "w-new", "webhook:fw1#old": "w1-secret"}
    both |= {"feed:fw1": "f-new", "feed:fw1#old": "f1-secret"}
    receiver.secrets({**SECRETS, **both})
    for token in ("w1-secret", "w-new"):
        assert receiver.post(EVENT, token).status_code == 200
    for password in ("f1-secret", "f-new"):
        assert receiver.feed("fw1", password).status_code == 200
    assert receiver.feed("fw1#old", "f1-secret").status_code == 401


def test_whoever_a_token_belongs_to_as_many_secrets_are_compared_in_constant_time(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, compared = hmac.compare_digest, Counter[str]()

    def counting(secret: str, given: str) -> bool:
        compared[given] += 1
        return real(secret, given)

    monkeypatch.setattr(module("access"), "hmac", SimpleNamespace(compare_digest=counting))
    digest = digests({"w": "w", "f1": "f1-secret", "f2": "f2-secret"})
    statuses = [
        receiver.post(EVENT, token).status_code for token in ("w1-secret", "w2-secret", "w")
    ]
    assert statuses == [200, 200, 401]
    assert len(set(compared.values())) == 1
    assert compared[digest["w"]] >= 3
    compared.clear()
    assert receiver.feed("fw2", "f2-secret").status_code == 200
    assert receiver.feed("fw1", "f1-secret").status_code == 200
    assert compared[digest["f1"]] == compared[digest["f2"]]


def test_one_fortigate_over_its_rate_is_refused_and_the_other_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1700000000.0
    monkeypatch.setattr(module("webhook").time, "time", lambda: now)
    receiver = Receiver(tmp_path, rate=1, burst=3)
    assert [receiver.post(EVENT).status_code for _ in range(5)] == [200, 200, 200, 429, 429]
    assert receiver.post(EVENT, "w2-secret").status_code == 200
    now += 2
    assert [receiver.post(EVENT).status_code for _ in range(3)] == [200, 200, 429]


def test_a_fortigate_that_posts_faster_than_its_rate_is_heard_at_its_rate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1700000000.0
    monkeypatch.setattr(module("webhook").time, "time", lambda: now)
    receiver = Receiver(tmp_path, rate=1, burst=3)
    statuses = []
    for _ in range(60):
        statuses.append(receiver.post(EVENT).status_code)
        now += 0.5
    assert 30 <= statuses.count(200) <= 33
    assert statuses[-4:] in ([200, 429] * 2, [429, 200] * 2)


def test_a_clock_that_is_set_back_keeps_no_fortigate_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1700000000.0
    monkeypatch.setattr(module("webhook").time, "time", lambda: now)
    receiver = Receiver(tmp_path, rate=1, burst=3)
    assert receiver.post(EVENT).status_code == 200
    now -= 3600
    assert [receiver.post(EVENT).status_code for _ in range(3)] == [200, 200, 429]
    now += 1
    assert receiver.post(EVENT).status_code == 200


def test_all_worker_processes_count_together(tmp_path: Path) -> None:
    receiver = Receiver(tmp_path, rate=1, burst=4)
    receiver.post(EVENT)
    receiver.post(EVENT)
    receiver.client = receiver.worker()
    assert [receiver.post(EVENT).status_code for _ in range(3)] == [200, 200, 429]


def test_refused_posts_are_logged_at_most_once_in_ten_seconds(
    receiver: Receiver, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1700000000.0
    monkeypatch.setattr(module("webhook").time, "time", lambda: now)
    for _ in range(50):
        receiver.post(EVENT, "wrong-token-value")
    assert len(caplog.messages) == 1
    now += 11
    receiver.post(EVENT, peer="198.51.100.1")
    assert len(caplog.messages) == 2
    assert "198.51.100.1" in caplog.messages[1]
    assert "wrong-token-value" not in caplog.text


def test_refused_posts_are_logged_again_although_they_never_pause(
    receiver: Receiver, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1700000000.0
    monkeypatch.setattr(module("webhook").time, "time", lambda: now)
    for _ in range(100):
        receiver.post(EVENT, "wrong-token-value")
        now += 0.5
    assert len(caplog.messages) == 5


def test_no_byte_of_a_body_is_read_from_a_client_that_may_not_post(receiver: Receiver) -> None:
    class Unread:
        def read(self, *_: int) -> bytes:
            raise AssertionError("read")

    for token, peer, status in (("wrong", "192.0.2.1", 401), ("w1-secret", "198.51.100.1", 403)):
        environ = {"CONTENT_LENGTH": "100000000", "wsgi.input": Unread()}
        answer = receiver.post(b"", token, peer, environ=environ)
        assert answer.status_code == status


def test_what_cannot_be_read_is_kept_quoted_cut_and_without_the_token(receiver: Receiver) -> None:
    receiver.post(b'login=1 \xff\n"\x1b[2J' + b"x" * 9000)
    (line,) = receiver.rejected.read_text().splitlines()
    kept = json.loads(line)
    assert (kept["fortigate"], kept["peer"]) == ("fw1", "192.0.2.1")
    assert kept["body"].startswith('login=1 \\xff\n"\x1b[2J')
    assert (kept["bytes"], len(kept["body"])) == (9015, 2051)
    assert line.isprintable()
    assert "secret" not in line


def test_what_is_kept_for_the_operator_is_bounded(tmp_path: Path) -> None:
    receiver = Receiver(tmp_path, rejected_most=6000)
    for _ in range(300):
        assert receiver.post("x" * 900).status_code == 400
    assert 3000 < receiver.rejected.stat().st_size <= 6000
    assert receiver.get("/metrics", auth=("status", "s-secret")).text.count("malformed_total{") == 2


def test_of_a_flood_of_what_cannot_be_read_the_first_hundred_are_kept_then_five_a_second(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1700000000.0
    monkeypatch.setattr(module("webhook").time, "time", lambda: now)
    for moment, kept in ((now, 100), (now + 1, 105)):
        now = moment
        assert {receiver.post("x").status_code for _ in range(110)} == {400}
        assert len(receiver.rejected.read_text().splitlines()) == kept


@pytest.mark.parametrize("path", ["/status", "/metrics"])
def test_only_readers_that_are_named_may_read_pages(tmp_path: Path, path: str) -> None:
    receiver = Receiver(tmp_path, readers=["198.51.100.0/28"])
    login = ("status", "s-secret")
    statuses = {
        peer: receiver.get(path, peer=peer, auth=login).status_code
        for peer in ("198.51.100.7", "198.51.100.99", "192.0.2.1", "127.0.0.1")
    }
    assert list(statuses.values()) == [200, 403, 403, 200]
    shown = receiver.get("/metrics", auth=("status", "s-secret")).text
    assert 'banstitch_refused_total{why="refused_page"} 2' in shown
    assert receiver.get(path, peer="198.51.100.7").status_code == 401


STATIC = ("/static/", "/static/passwd", "/static/../etc/passwd", "/static/%2e%2e/etc/passwd")
TRICKS = ("//etc/passwd", "/..%2f..%2fetc/passwd", "/status/../static/x", "/blocked-ips/../status")


@pytest.mark.parametrize("path", [*STATIC, *TRICKS])
def test_no_file_of_the_host_is_served(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    (tmp_path / "static").mkdir()
    (tmp_path / "static" / "passwd").write_text("root:")
    monkeypatch.chdir(tmp_path)
    answer = Receiver(tmp_path).get(path, auth=("status", "s-secret"))
    assert answer.status_code == 404
    assert "root:" not in answer.text
