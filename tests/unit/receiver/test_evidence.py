"""What the receiver keeps of an event beside its clean line: whole, on one line, and never in its way."""

from __future__ import annotations

import json
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.unit.receiver.receiver_app import LINE, Receiver, module

EVENT = LINE % "203.0.113.9"
HEADER = (
    "banstitch logid=0101039426 devid=FG1 remip=203.0.113.10 srcip= ui= status= reason=no_such_user"
)
USER = 'logid="0101039426" remip=203.0.113.9 user="%s" msg="SSL user failed to logged in"'
# As FortiOS would write them, and as an attacker would like them to be read.
HOSTILE = (
    r"a\" remip=8.8.8.8 user=\"",
    "line\n1700000000.000000 sslvpn_login_failed 8.8.8.8",
    'x\r\n1700000000.0 sslvpn_login_failed 8.8.8.8 {\\"event\\": \\"\\"}',
    r"\", \"what\": \"ban\", \"jail\": \"banstitch-sslvpn_login_failed\", \"count\": 99, \"",
    "\x1b[2J\x1b]0;owned\x07\x00\x7f\x85",
    "\u2028\u2029\u202e\ufeff\U0001f600 müller",
)


def kept(receiver: Receiver) -> list[tuple[str, dict[str, Any]]]:
    """(clean line, what stands beside it) of each line."""
    text = receiver.evidence.read_text("ascii")
    assert text.endswith("\n")
    lines = [line.partition(" {") for line in text[:-1].split("\n")]
    return [(clean, json.loads("{" + entry)) for clean, _, entry in lines]


def clean(receiver: Receiver) -> list[str]:
    return receiver.log.read_text().splitlines()


def test_each_event_is_kept_beside_its_clean_line_with_the_fortigate_that_sent_it(
    receiver: Receiver,
) -> None:
    other = LINE % "203.0.113.10"
    assert receiver.post(f"<189>{EVENT}\n", token="w2-secret").status_code == 200
    assert receiver.post(f"{HEADER}\n{other}", token="w2-secret").status_code == 200
    entries = [{"fortigate": "fw2", "event": event} for event in (f"<189>{EVENT}", other)]
    assert kept(receiver) == list(zip(clean(receiver), entries, strict=True))


@pytest.mark.parametrize("user", HOSTILE)
def test_what_an_attacker_typed_stays_within_its_line_and_out_of_what_fail2ban_reads(
    receiver: Receiver, user: str
) -> None:
    assert receiver.post(USER % user).status_code == 200
    assert kept(receiver) == [(clean(receiver)[0], {"fortigate": "fw1", "event": USER % user})]
    assert receiver.written() == [("sslvpn_login_failed", "203.0.113.9")]


def test_a_body_with_escaped_quotes_is_kept_as_the_log_line_that_it_means(
    receiver: Receiver,
) -> None:
    assert receiver.post(EVENT.replace('"', '\\"')).status_code == 200
    assert kept(receiver)[0][1]["event"] == EVENT


def test_what_leads_to_no_clean_line_is_not_kept(receiver: Receiver) -> None:
    receiver.post(LINE % "198.51.100.7")
    receiver.post(LINE % "203.0.113.9.9")
    receiver.post(EVENT, token="wrong")
    assert receiver.evidence.read_text() == ""


@settings(deadline=None, max_examples=200)
@example("x" * 1024)
@example("x" * 1025)
@example('"' * 600)
@example("\U0001f600" * 300 + "x" * 3000)
@given(st.text(max_size=3000) | st.text(alphabet='"\\\n\x1b\U0001f600', max_size=3000))
def test_of_any_text_a_kilobyte_is_kept_on_one_line_and_a_cut_one_says_so(text: str) -> None:
    quoted = module("evidence").quote(text)
    assert quoted.isascii()
    assert quoted.isprintable()
    entry = json.loads("{" + quoted + "}")
    assert text.startswith(entry["event"])
    assert entry.get("cut", len(entry["event"])) == len(text)
    assert len(json.dumps(entry["event"])) <= 1026
    if len(json.dumps(text)) <= 1026:
        assert entry == {"event": text}


def test_evidence_that_root_does_not_move_aside_is_bounded(tmp_path: Path) -> None:
    receiver = Receiver(tmp_path, evidence_most=6000)
    for _ in range(100):
        assert receiver.post(EVENT).status_code == 200
    assert 3000 < receiver.evidence.stat().st_size <= 6000
    assert len(receiver.written()) == 100


def test_an_event_counts_although_its_evidence_cannot_be_written(receiver: Receiver) -> None:
    receiver.evidence.unlink()
    receiver.evidence.mkdir()
    assert receiver.post(EVENT).status_code == 200
    assert receiver.written() == [("sslvpn_login_failed", "203.0.113.9")]


def test_an_event_counts_although_nobody_can_say_how_full_the_disk_is(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_: str) -> bool:
        raise OSError("Input/output error")

    monkeypatch.setattr(module("evidence"), "has_room", fails)
    assert receiver.post(EVENT).status_code == 200
    assert receiver.written() == [("sslvpn_login_failed", "203.0.113.9")]


def test_the_last_room_on_a_disk_is_left_to_the_events(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    little = SimpleNamespace(f_bavail=1, f_frsize=4096)
    monkeypatch.setattr(module("files").os, "statvfs", lambda _: little)
    assert receiver.post(EVENT).status_code == 200
    assert receiver.written() == [("sslvpn_login_failed", "203.0.113.9")]
    assert receiver.evidence.read_text() == ""


def test_a_disk_that_fills_at_the_evidence_leaves_no_half_line(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver.post(EVENT)
    before, write = receiver.evidence.read_text(), os.write

    def full(log: int, data: bytes) -> int:
        return write(log, data[: len(data) // 2] if b"{" in data else data)

    monkeypatch.setattr(module("files").os, "write", full)
    assert receiver.post(EVENT).status_code == 200
    assert receiver.evidence.read_text() == before
    assert len(receiver.written()) == 2


def test_both_files_are_in_the_order_of_their_times_however_slow_a_body_is(
    receiver: Receiver,
) -> None:
    class Slow:
        """Another event comes while this one's body is on its way."""

        def read(self, *_: int) -> bytes:
            receiver.post(LINE % "203.0.113.10")
            return EVENT.encode()

    environ = {"CONTENT_LENGTH": str(len(EVENT)), "wsgi.input": Slow()}
    assert receiver.post(b"", environ=environ).status_code == 200
    moments = [float(line.split()[0]) for line in clean(receiver)]
    assert [float(line.split()[0]) for line, _ in kept(receiver)] == moments == sorted(moments)
    assert [a for _, a in receiver.written()] == ["203.0.113.10", "203.0.113.9"]
