"""The events that a ban host answers for a replay: bounded, and nothing that somebody typed."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from banstitch_shared.eventlog import FAILURE, SUCCESS, Entry, write_line
from receiver.evidence import keep_event
from receiver.lines import read_event as read_posted

from provision.linux import answers
from provision.linux.agent import evidence
from provision.linux.agent.protocol.answers import Evidence
from provision.linux.agent.protocol.requests import ReadEvidence
from provision.linux.agent.protocol.wire import dump

T0 = 1_700_000_000.5


def event(number: int, kind: str = FAILURE, user: str = "alice") -> str:
    entry = Entry(T0 + number, "fw1", "sslvpn_login_failed", kind, f"203.0.113.{number}", user, "x")
    return write_line(entry)


def record(path: Path, *events: str, posted: str = 'user="{\\" }" msg="failed"') -> str:
    """Write events as the receiver does."""
    path.touch()
    for line in events:
        keep_event(str(path), line + "\n", read_posted(posted), "fw1", 1 << 20)
    return str(path)


def ask(path: str) -> Evidence:
    """Return the answer of the agent, as the controller reads it."""
    request = ReadEvidence(path)
    found = evidence.list_evidence(request)
    return answers.read(request, dump({"ok": True, **vars(found)}).encode())


def test_events_are_answered_oldest_first_without_what_was_typed(tmp_path: Path) -> None:
    first, second, third = event(1), event(2, SUCCESS), event(3, user='" {')
    record(tmp_path / "evidence.log.1", first)
    path = record(tmp_path / "evidence.log", second, third, posted='user=" {" ' + "x" * 5000)
    assert ask(path) == Evidence([first, second, third], left_out=False)


def test_a_host_without_evidence_answers_none(tmp_path: Path) -> None:
    assert ask(str(tmp_path / "evidence.log")) == Evidence([], left_out=False)


def test_lines_that_are_no_events_are_passed_over(tmp_path: Path) -> None:
    path = Path(record(tmp_path / "evidence.log", event(1)))
    foreign = [
        event(2).replace("failure", "attack"),
        event(2).replace("203.0.113.2", "203.0.113.2; reboot"),
        event(2)[:30],
        "9" * 12 + event(2),
        "1700000001.5 sslvpn_login_failed 203.0.113.2",
        json.dumps({"at": 1}),
        "\x00\xff" * 40,
    ]
    with path.open("a") as file:
        file.writelines(line + ' {"fortigate": "fw1", "event": ""}\n' for line in foreign)
    assert ask(str(path)).events == [event(1)]


@pytest.mark.parametrize("bound", ["MOST_EVENTS", "MOST_EVIDENCE"])
def test_an_answer_is_bounded_and_says_that_older_events_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bound: str
) -> None:
    lines = [event(number) for number in range(1, 6)]
    path = record(tmp_path / "evidence.log", *lines)
    most = {"MOST_EVENTS": 3, "MOST_EVIDENCE": 3 * len(lines[0])}
    monkeypatch.setattr(evidence, bound, most[bound])
    assert ask(path) == Evidence(lines[-3:], left_out=True)


@pytest.mark.parametrize("kind", ["link", "pipe"])
def test_what_the_receiver_s_user_put_in_place_of_the_evidence_is_not_read(
    tmp_path: Path, kind: str
) -> None:
    path, theirs = tmp_path / "evidence.log", tmp_path / "theirs"
    record(theirs, event(1))
    path.symlink_to(theirs) if kind == "link" else os.mkfifo(path)
    with pytest.raises(OSError, match=r"link|plain"):
        evidence.list_evidence(ReadEvidence(str(path)))
