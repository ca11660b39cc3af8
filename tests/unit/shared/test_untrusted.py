"""A service that was taken over writes anything into its files; whoever reads them goes on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from banstitch_shared.alarm_file import Alarms, read_alarms
from banstitch_shared.alarm_notes import read_active, read_drift, read_tested
from banstitch_shared.facts_file import ReceiverFacts, format_facts, read_facts
from banstitch_shared.looked_up import read_sources

HUGE = int("9" * 400)
FACTS = ReceiverFacts(1.0, 1.0, {}, {}, {}, 0, {}, 0, {})


@pytest.mark.parametrize("facts", [FACTS._replace(at=HUGE), FACTS._replace(banned=HUGE)])
def test_facts_with_a_number_of_any_length_are_damaged(
    tmp_path: Path, facts: ReceiverFacts
) -> None:
    path = tmp_path / "facts.json"
    path.write_text(format_facts(facts))
    with pytest.raises(ValueError, match=r"number|damaged"):
        read_facts(str(path))


@pytest.mark.parametrize("ahead", [HUGE, -HUGE, "x", None], ids=["huge", "least", "text", "none"])
def test_a_clock_that_is_ahead_by_anything_is_damaged(tmp_path: Path, ahead: Any) -> None:
    times = dict.fromkeys(("last_event", "last_poll", "unreadable", "limited"), 0)
    document = json.loads(format_facts(FACTS))
    document["fortigates"] = {"fgt1": {**times, "ahead": ahead}}
    path = tmp_path / "facts.json"
    path.write_text(json.dumps(document))
    with pytest.raises(ValueError, match=r"number|damaged"):
        read_facts(str(path))


def test_notes_with_a_number_of_any_length_are_none(tmp_path: Path) -> None:
    alarm = {"at": HUGE, "address": "192.0.2.1", "user": "a", "failures": 1}
    texts = {
        "active.json": {"at": HUGE, "alarms": [], "channels": {}},
        "tested.json": {"at": HUGE, "channels": {}},
        "drift.json": {"at": 1, "by": "x", "changes": HUGE},
        "alarms.json": {"alarms": [alarm], "attacked": []},
    }
    for name, content in texts.items():
        (tmp_path / name).write_text(json.dumps(content))
    assert read_active(str(tmp_path)) is None
    assert read_tested(str(tmp_path), 0) is None
    assert read_drift(str(tmp_path / "drift.json")) is None
    assert read_alarms(str(tmp_path), 0) == Alarms()


def test_an_answer_of_a_name_at_any_time_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "looked_up.json"
    path.write_text(json.dumps({"a": {"networks": [], "at": HUGE, "error": "", "tag": ""}}))
    with pytest.raises(ValueError, match="damaged"):
        read_sources(str(path))
