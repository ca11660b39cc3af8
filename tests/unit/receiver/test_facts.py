"""The receiver leaves facts for banstitch-watch: numbers and errors, and nothing that somebody typed."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from banstitch_shared.facts_file import ReceiverFacts, read_facts
from receiver.spool import load_whole

from tests.unit.receiver.receiver_app import LINE, Receiver, module


class State:
    """A receiver and the state of its worker."""

    def __init__(self, folder: Path) -> None:
        self.receiver = Receiver(folder)
        self.state = module("app").create_app(self.receiver.config).banstitch

    def write(self) -> ReceiverFacts:
        module("facts").write_facts(self.state, time.time())
        return read_facts(self.receiver.config["facts"])


@pytest.fixture
def running(tmp_path: Path) -> State:
    return State(tmp_path)


def test_a_receiver_that_works_has_no_errors(running: State) -> None:
    facts = running.write()
    assert (facts.errors, facts.left_out, facts.banned) == ({}, 0, 0)
    assert set(facts.fortigates) == {"fw1", "fw2"}
    assert all(0 < free <= 1 for free in facts.room.values())


def test_events_and_refusals_are_counted_without_names_or_addresses(running: State) -> None:
    running.receiver.post(LINE % "203.0.113.7")
    running.receiver.post("nonsense")
    facts = running.write()
    assert facts.fortigates["fw1"].last_event > time.time() - 60
    assert facts.fortigates["fw1"].unreadable == 1
    text = Path(running.receiver.config["facts"]).read_text()
    assert "203.0.113.7" not in text


def test_errors_are_named_by_their_subject(running: State) -> None:
    running.receiver.alive.unlink()
    running.receiver.log.unlink()
    assert set(running.write().errors) == {"fail2ban", "events"}


def test_bans_of_the_last_hour_are_read_from_the_limit(running: State) -> None:
    start = str(int(time.time()))
    kinds = {"banned": {start: 7, "1000": 9}, "refused": {start: 2}}
    (running.receiver.spool / "limit.json").write_text(json.dumps({"fw1": kinds, "fw1/6": kinds}))
    facts = running.write()
    assert (facts.banned, facts.bans_refused) == (14, {"fw1": 4})


def test_a_file_that_is_being_written_is_read_again() -> None:
    texts = iter(['{"fw1": {}}, "re', "", '{"fw1": 1}'])
    assert load_whole(lambda: next(texts)) == {"fw1": 1}
    with pytest.raises(ValueError, match="Expecting"):
        load_whole(lambda: "")


@pytest.mark.parametrize(
    ("line", "ahead"),
    [
        ('eventtime=1700000600000000000 logid="1" user="x"', -600.0),
        ("eventtime=1700000600 remip=1.2.3.4", -600.0),
        ('logid="1" user="eventtime=1500000000"', 0.0),
        ("eventtime=17000006 user=x", 0.0),
    ],
)
def test_the_clock_of_a_fortigate_is_compared_where_nobody_types(line: str, ahead: float) -> None:
    numbers = {"ahead:fw1": 0.0, "ahead_at:fw1": 0.0}
    module("clocks").note_time(numbers, "fw1", line, 1_700_000_000.0)
    assert numbers["ahead:fw1"] == ahead


def test_clocks_are_compared_now_and_then_only() -> None:
    numbers = {"ahead:fw1": 0.0, "ahead_at:fw1": 0.0}
    clocks = module("clocks")
    clocks.note_time(numbers, "fw1", "eventtime=1700000000", 1_700_000_000.0)
    clocks.note_time(numbers, "fw1", "eventtime=1600000000", 1_700_000_010.0)
    assert numbers["ahead:fw1"] == 0
    clocks.note_time(numbers, "fw1", "eventtime=1699999940", 1_700_000_060.0)
    assert numbers["ahead:fw1"] == 120


@pytest.mark.parametrize(
    "text", ["", "[]", '{"at": 1}', '{"at": "x"}', "{" * 5000, '{"at": 1e400, "started": 0}']
)
def test_a_damaged_file_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "facts.json").write_text(text)
    with pytest.raises(ValueError, match=r"."):
        read_facts(str(tmp_path / "facts.json"))
